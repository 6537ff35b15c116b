//! Deserializer that finds the numeric members of a JSON object without building the rest.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Names in an event that is a JSON object.
#[derive(Default)]
pub(super) struct Numbers<'a> {
    /// Members that are numbers.
    pub(super) members: Vec<Cow<'a, str>>,
    /// Metrics declared by embedded metric format directives, under `_aws` or, in the older form, at the top level.
    pub(super) declared: Vec<String>,
}

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
        let mut names = Numbers::default();
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match &*name {
                "_aws" => declared(
                    &map.next_value::<serde_json::Value>()?["CloudWatchMetrics"],
                    &mut names.declared,
                ),
                "CloudWatchMetrics" => declared(&map.next_value()?, &mut names.declared),
                _ if map.next_value::<IsNumber>()?.0 => names.members.push(name),
                _ => {}
            }
        }
        Ok(names)
    }
}

/// Adds the metric names of directives to `out`.
pub fn declared(directives: &serde_json::Value, out: &mut Vec<String>) {
    let metrics = directives.as_array().into_iter().flatten().filter_map(|one| one["Metrics"].as_array());
    out.extend(metrics.flatten().filter_map(|metric| metric["Name"].as_str().map(str::to_owned)));
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
        let names: Numbers<'_> = serde_json::from_slice(text).unwrap();
        assert_eq!(names.members, ["a", "f", "i"]);
        let directives = r#"[{"Metrics":[{"Name":"a"},{"Name":"b","Unit":"Count"},{}]},{"Metrics":1},2]"#;
        for text in [
            format!(r#"{{"_aws":{{"Timestamp":1,"CloudWatchMetrics":{directives}}},"a":1}}"#),
            format!(r#"{{"CloudWatchMetrics":{directives},"a":1}}"#),
        ] {
            let names: Numbers<'_> = serde_json::from_slice(text.as_bytes()).unwrap();
            assert_eq!((names.members, names.declared), (vec!["a".into()], vec!["a".into(), "b".into()]));
        }
        let odd: Numbers<'_> = serde_json::from_slice(br#"{"_aws":1,"CloudWatchMetrics":{},"a":1}"#).unwrap();
        assert_eq!((odd.members.len(), odd.declared.len()), (1, 0));
        assert!(serde_json::from_slice::<Numbers<'_>>(b"[1]").is_err());
    }
}
