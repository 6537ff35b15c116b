//! Reading of a value whose type is not known before.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A value of any type, without the content of lists and objects.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool,
    Count(u64),
    Number(f64),
    Text(Box<str>),
    /// A string that was not copied.
    OtherText,
    List,
    Object,
}

impl Scalar {
    /// Returns the noun for this type in messages.
    pub(super) fn noun(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Count(_) | Self::Number(_) => "a number",
            Self::Text(_) | Self::OtherText => "a string",
            Self::List => "a list",
            Self::Object => "an object",
        }
    }
}

/// A reader of one value. The types that it does not override are skipped and passed to `other`.
pub(super) trait Reader<'de>: Sized {
    type Output;

    fn other(self, found: Scalar) -> Self::Output;

    fn text(self, _: &str) -> Self::Output {
        self.other(Scalar::OtherText)
    }

    fn list<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Output, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.other(Scalar::List))
    }

    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Output, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(self.other(Scalar::Object))
    }
}

/// The reader in the form that serde takes.
pub(super) struct Any<'de, R> {
    reader: R,
    lifetime: PhantomData<&'de ()>,
}

impl<'de, R: Reader<'de>> Any<'de, R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, lifetime: PhantomData }
    }
}

impl<'de, R: Reader<'de>> DeserializeSeed<'de> for Any<'de, R> {
    type Value = R::Output;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<R::Output, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, R: Reader<'de>> Visitor<'de> for Any<'de, R> {
    type Value = R::Output;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<R::Output, E> {
        Ok(self.reader.other(Scalar::Null))
    }

    fn visit_bool<E>(self, _: bool) -> Result<R::Output, E> {
        Ok(self.reader.other(Scalar::Bool))
    }

    fn visit_u64<E>(self, number: u64) -> Result<R::Output, E> {
        Ok(self.reader.other(Scalar::Count(number)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<R::Output, E> {
        Ok(self.reader.other(Scalar::Number(number as f64)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<R::Output, E> {
        Ok(self.reader.other(Scalar::Number(number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<R::Output, E> {
        Ok(self.reader.text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<R::Output, A::Error> {
        self.reader.list(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<R::Output, A::Error> {
        self.reader.object(object)
    }
}
