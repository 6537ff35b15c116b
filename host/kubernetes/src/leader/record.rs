//! The record that candidates keep in the lock object, in client-go's format.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// Holder of the lock and the times of its term. Times are written in whole seconds: existing Container Insights agents
/// compare records at that resolution, even in a Lease.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// Identity of the holder; empty if the lock is free.
    pub(crate) holder: String,
    /// Time in seconds that a candidate waits after the record changed before it may take the lock.
    pub(crate) duration_seconds: i64,
    pub(crate) acquired: Option<Timestamp>,
    pub(crate) renewed: Option<Timestamp>,
    /// Number of changes of the holder.
    pub(crate) transitions: i64,
}

impl Record {
    /// Formats the record as the annotation of a ConfigMap.
    pub(crate) fn to_annotation(&self) -> String {
        let time = |time: Option<Timestamp>| time.map_or(Value::Null, |time| format!("{time:.0}").into());
        // Formatted by hand to keep the order of the keys, on which users' scripts may depend.
        format!(
            r#"{{"holderIdentity":{},"leaseDurationSeconds":{},"acquireTime":{},"renewTime":{},"leaderTransitions":{}}}"#,
            Value::from(self.holder.as_str()),
            self.duration_seconds,
            time(self.acquired),
            time(self.renewed),
            self.transitions,
        )
    }

    /// Parses an annotation as Go's decoder does: keys in any case, unknown keys ignored, null equal to absent.
    pub(crate) fn from_annotation(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        match value {
            Value::Null => Ok(Self::default()),
            Value::Object(fields) => Self::from_fields(&fields, "leaderTransitions"),
            _ => Err("not a JSON object".to_owned()),
        }
    }

    /// Formats the record as the `spec` of a Lease.
    pub(crate) fn to_spec(&self) -> Value {
        let mut spec = Map::new();
        spec.insert("holderIdentity".into(), self.holder.as_str().into());
        spec.insert("leaseDurationSeconds".into(), self.duration_seconds.into());
        spec.insert("leaseTransitions".into(), self.transitions.into());
        for (key, time) in [("acquireTime", self.acquired), ("renewTime", self.renewed)] {
            if let Some(time) = time {
                spec.insert(key.into(), format!("{time:.6}").into());
            }
        }
        Value::Object(spec)
    }

    /// Parses the `spec` of a Lease.
    pub(crate) fn from_spec(spec: &Map<String, Value>) -> Result<Self, String> {
        Self::from_fields(spec, "leaseTransitions")
    }

    fn from_fields(fields: &Map<String, Value>, transitions: &str) -> Result<Self, String> {
        let field = |key: &str| {
            let found = fields.get(key);
            let found = found.or_else(|| {
                fields.iter().find(|(other, _)| other.eq_ignore_ascii_case(key)).map(|(_, value)| value)
            });
            found.filter(|value| !value.is_null())
        };
        let number = |key: &str| match field(key) {
            None => Ok(0),
            Some(value) => value.as_i64().ok_or_else(|| format!("`{key}` is {value}, not a whole number")),
        };
        let time = |key: &str| match field(key) {
            None => Ok(None),
            Some(value) => {
                let time = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
                time.map(Some).ok_or_else(|| format!("`{key}` is {value}, not an RFC 3339 time"))
            }
        };
        let holder = match field("holderIdentity") {
            None => "",
            Some(value) => {
                value.as_str().ok_or_else(|| format!("`holderIdentity` is {value}, not a string"))?
            }
        };
        Ok(Self {
            holder: holder.to_owned(),
            duration_seconds: number("leaseDurationSeconds")?,
            acquired: time("acquireTime")?,
            renewed: time("renewTime")?,
            transitions: number(transitions)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            holder: "ip-10-0-0-7".to_owned(),
            duration_seconds: 60,
            acquired: Some("2022-10-03T12:46:34Z".parse().unwrap()),
            renewed: Some("2022-10-03T12:47:04Z".parse().unwrap()),
            transitions: 3,
        }
    }

    #[test]
    fn annotations_equal_the_reference() {
        let text = r#"{"holderIdentity":"ip-10-0-0-7","leaseDurationSeconds":60,"acquireTime":"2022-10-03T12:46:34Z","renewTime":"2022-10-03T12:47:04Z","leaderTransitions":3}"#;
        assert_eq!(record().to_annotation(), text);
        assert_eq!(Record::from_annotation(text).unwrap(), record());
        let newer = text.replace('}', r#","strategy":"","preferredHolder":"","nonce":[1]}"#);
        assert_eq!(Record::from_annotation(&newer).unwrap(), record());
        let odd = text.replace("holderIdentity", "HolderIdentity").replace("12:46:34Z", "14:46:34+02:00");
        assert_eq!(Record::from_annotation(&odd).unwrap(), record());
    }

    #[test]
    fn absent_fields_are_zero() {
        let empty = Record::default();
        assert_eq!(
            empty.to_annotation(),
            r#"{"holderIdentity":"","leaseDurationSeconds":0,"acquireTime":null,"renewTime":null,"leaderTransitions":0}"#
        );
        for text in [&empty.to_annotation(), "{}", "null", r#"{"holderIdentity":null}"#] {
            assert_eq!(Record::from_annotation(text).unwrap(), empty, "{text}");
        }
    }

    #[test]
    fn invalid_records_are_explained() {
        for (text, why) in [
            ("", "not JSON: EOF while parsing a value at line 1 column 0"),
            ("[]", "not a JSON object"),
            (r#"{"holderIdentity":7}"#, "`holderIdentity` is 7, not a string"),
            (r#"{"leaseDurationSeconds":60.5}"#, "`leaseDurationSeconds` is 60.5, not a whole number"),
            (r#"{"renewTime":"yesterday"}"#, r#"`renewTime` is "yesterday", not an RFC 3339 time"#),
        ] {
            assert_eq!(Record::from_annotation(text).unwrap_err(), why);
        }
    }

    #[test]
    fn a_lease_has_microseconds_and_no_nulls() {
        let spec = record().to_spec();
        assert_eq!(
            spec.to_string(),
            r#"{"acquireTime":"2022-10-03T12:46:34.000000Z","holderIdentity":"ip-10-0-0-7","leaseDurationSeconds":60,"leaseTransitions":3,"renewTime":"2022-10-03T12:47:04.000000Z"}"#
        );
        assert_eq!(Record::from_spec(spec.as_object().unwrap()).unwrap(), record());
        assert_eq!(
            Record::default().to_spec().to_string(),
            r#"{"holderIdentity":"","leaseDurationSeconds":0,"leaseTransitions":0}"#
        );
    }
}
