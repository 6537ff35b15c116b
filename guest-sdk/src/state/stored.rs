//! Types that can be remembered.

use alloc::string::String;
use alloc::vec::Vec;

use crate::json::{self, Value};

/// A type that [`put`](super::put) and [`get`](super::get) take. A value is kept as JSON text: people can read it in golden
/// cases, and another version of a component can make sense of it.
///
/// For a struct of fields that are themselves [`Stored`], [`stored!`](crate::stored) writes the implementation.
pub trait Stored: Sized {
    /// Appends the value as JSON without spaces.
    fn write(&self, out: &mut Vec<u8>);

    /// The value that was written; `None` for JSON of another shape.
    fn read(value: &Value) -> Option<Self>;
}

/// What is not finite is remembered as nothing: [`get`](super::get) gives `None` for it.
impl Stored for f64 {
    fn write(&self, out: &mut Vec<u8>) {
        json::write_number(out, *self);
    }

    fn read(value: &Value) -> Option<Self> {
        value.as_f64()
    }
}

impl Stored for u64 {
    fn write(&self, out: &mut Vec<u8>) {
        json::write_integer(out, *self);
    }

    fn read(value: &Value) -> Option<Self> {
        value.as_u64()
    }
}

impl Stored for bool {
    fn write(&self, out: &mut Vec<u8>) {
        json::write_value(out, &Value::Bool(*self));
    }

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        }
    }
}

impl Stored for String {
    fn write(&self, out: &mut Vec<u8>) {
        json::write_string(out, self);
    }

    fn read(value: &Value) -> Option<Self> {
        value.as_str().map(String::from)
    }
}

impl Stored for Value {
    fn write(&self, out: &mut Vec<u8>) {
        json::write_value(out, self);
    }

    fn read(value: &Value) -> Option<Self> {
        Some(value.clone())
    }
}

/// In a struct, a field that an earlier version did not write is `None`.
impl<T: Stored> Stored for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Some(value) => value.write(out),
            None => out.extend_from_slice(b"null"),
        }
    }

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::read(value).map(Some),
        }
    }
}

impl<T: Stored> Stored for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        for (at, item) in self.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            item.write(out);
        }
        out.push(b']');
    }

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Array(items) => items.iter().map(T::read).collect(),
            _ => None,
        }
    }
}

/// A list of two.
impl<A: Stored, B: Stored> Stored for (A, B) {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        self.0.write(out);
        out.push(b',');
        self.1.write(out);
        out.push(b']');
    }

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Array(items) => match &items[..] {
                [first, second] => Some((A::read(first)?, B::read(second)?)),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Makes a struct with named fields something that can be remembered: as a JSON object with the fields' names as keys.
/// Every field's type is [`Stored`]. A field that is missing when it is read gives `None` for the whole, unless it is an
/// `Option`; keys that the struct does not have are passed over.
///
/// ```
/// use insights_sdk::{state, stored};
///
/// #[derive(Debug, PartialEq)]
/// struct Average {
///     mean: f64,
///     time_unix_ms: u64,
/// }
/// stored!(Average { mean, time_unix_ms });
///
/// state::put("u1", &Average { mean: 1.5, time_unix_ms: 60_000 })?;
/// assert_eq!(state::get::<Average>("u1").map(|average| average.mean), Some(1.5));
/// assert_eq!(state::get_bytes("u1").as_deref(), Some(&br#"{"mean":1.5,"time_unix_ms":60000}"#[..]));
/// # Ok::<(), String>(())
/// ```
#[macro_export]
macro_rules! stored {
    ($name:ident { $($field:ident),+ $(,)? }) => {
        impl $crate::state::Stored for $name {
            fn write(&self, out: &mut $crate::__private::Vec<u8>) {
                $crate::state::Fields::new(out)$( .add(stringify!($field), &self.$field) )+.end();
            }

            fn read(value: &$crate::json::Value) -> Option<Self> {
                Some(Self { $( $field: $crate::state::read_field(value, stringify!($field))?, )+ })
            }
        }
    };
}

/// Writes the fields of an object.
#[doc(hidden)]
#[derive(Debug)]
pub struct Fields<'a> {
    out: &'a mut Vec<u8>,
    before_next: u8,
}

impl<'a> Fields<'a> {
    /// An object without fields.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, before_next: b'{' }
    }

    /// One more field.
    #[must_use]
    pub fn add(self, name: &str, value: &impl Stored) -> Self {
        self.out.push(self.before_next);
        json::write_string(self.out, name);
        self.out.push(b':');
        value.write(self.out);
        Self { out: self.out, before_next: b',' }
    }

    /// The end of an object of at least one field.
    pub fn end(self) {
        self.out.push(b'}');
    }
}

/// A field of an object; one that is not there is as one that is `null`.
#[doc(hidden)]
pub fn read_field<T: Stored>(object: &Value, name: &str) -> Option<T> {
    match object {
        Value::Object(_) => T::read(object.get(name).unwrap_or(&Value::Null)),
        _ => None,
    }
}
