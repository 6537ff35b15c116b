//! Types that can be stored in the state.

use alloc::string::String;
use alloc::vec::Vec;

use crate::json::{self, Value};

/// A type that [`put`](super::put) and [`get`](super::get) accept. Values are stored as JSON text: people can read it in
/// golden cases, and other versions of a component can parse it.
///
/// For a struct whose fields are themselves [`Stored`], [`stored!`](crate::stored) generates the implementation.
pub trait Stored: Sized {
    /// Appends the value as JSON without whitespace.
    fn write(&self, out: &mut Vec<u8>);

    /// Converts the stored JSON back; `None` if it has another shape.
    fn read(value: &Value) -> Option<Self>;
}

/// A value that is not finite is stored as `null`: [`get`](super::get) returns `None` for it.
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

/// In a struct, a field that is missing because an earlier version wrote the value is `None`.
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

/// A pair is stored as a list of two.
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

/// Implements [`Stored`](crate::state::Stored) for a struct with named fields, as a JSON object with the field names as
/// keys. The type of every field must be [`Stored`](crate::state::Stored) itself. If a field is missing in the stored
/// object, reading the struct returns `None`, unless the field is an `Option`; unknown keys are ignored.
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

/// Writer for the fields of an object.
#[doc(hidden)]
#[derive(Debug)]
pub struct Fields<'a> {
    out: &'a mut Vec<u8>,
    before_next: u8,
}

impl<'a> Fields<'a> {
    /// Begins an object.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, before_next: b'{' }
    }

    /// Writes one field.
    #[must_use]
    pub fn add(self, name: &str, value: &impl Stored) -> Self {
        self.out.push(self.before_next);
        json::write_string(self.out, name);
        self.out.push(b':');
        value.write(self.out);
        Self { out: self.out, before_next: b',' }
    }

    /// Ends an object, which must have at least one field.
    pub fn end(self) {
        self.out.push(b'}');
    }
}

/// Reads a field of an object; a missing field is read as `null`.
#[doc(hidden)]
pub fn read_field<T: Stored>(object: &Value, name: &str) -> Option<T> {
    match object {
        Value::Object(_) => T::read(object.get(name).unwrap_or(&Value::Null)),
        _ => None,
    }
}
