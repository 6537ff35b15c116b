//! Which members of a JSON object are numbers, without building the rest.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Names of the members of a JSON object that are numbers.
pub(super) struct Numbers<'a>(pub(super) Vec<Cow<'a, str>>);

impl<'de> Deserialize<'de> for Numbers<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Numbers<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if map.next_value::<IsNumber>()?.0 {
                names.push(name);
            }
        }
        Ok(Numbers(names))
    }
}

struct IsNumber(bool);

impl<'de> Deserialize<'de> for IsNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Value)
    }
}

struct Value;

impl<'de> Visitor<'de> for Value {
    type Value = IsNumber;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_i64<E>(self, _: i64) -> Result<IsNumber, E> {
        Ok(IsNumber(true))
    }

    fn visit_u64<E>(self, _: u64) -> Result<IsNumber, E> {
        Ok(IsNumber(true))
    }

    fn visit_f64<E>(self, _: f64) -> Result<IsNumber, E> {
        Ok(IsNumber(true))
    }

    fn visit_bool<E>(self, _: bool) -> Result<IsNumber, E> {
        Ok(IsNumber(false))
    }

    fn visit_str<E>(self, _: &str) -> Result<IsNumber, E> {
        Ok(IsNumber(false))
    }

    fn visit_unit<E>(self) -> Result<IsNumber, E> {
        Ok(IsNumber(false))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<IsNumber, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(IsNumber(false))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<IsNumber, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(IsNumber(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_numbers() {
        let text = br#"{"a":1,"b":"x","c":{"d":2},"e":[1],"f":-0.5,"g":true,"h":null,"i":1e3}"#;
        let Numbers(names) = serde_json::from_slice(text).unwrap();
        assert_eq!(names, ["a", "f", "i"]);
        assert!(serde_json::from_slice::<Numbers<'_>>(b"[1]").is_err());
    }
}
