//! Splits events into attributes and metrics without knowledge of any names.

use std::collections::{BTreeMap, BTreeSet};

use insights_batch::Event;
use serde_json::Value;

/// A parsed event: string fields are attributes, number fields are metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Parsed {
    pub(super) route: Vec<(String, String)>,
    pub(super) time_unix_ms: u64,
    pub(super) bytes: u64,
    /// String fields, nested ones by their path, and other non-number fields as JSON. An event that is not a JSON
    /// object becomes one attribute with an empty name.
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) metrics: BTreeMap<String, f64>,
    /// Attributes that a declaration uses as a dimension.
    pub(crate) dimensions: BTreeSet<String>,
    /// Names that a declaration lists as a metric.
    pub(super) declared: BTreeSet<String>,
    /// The declarations, as JSON.
    pub(crate) declarations: String,
}

impl Parsed {
    pub(super) fn of(event: &Event<'_>) -> Self {
        let mut parsed = Self {
            route: event.route.to_vec(),
            time_unix_ms: event.time_unix_ms,
            bytes: event.bytes.len() as u64,
            ..Self::default()
        };
        match serde_json::from_slice(event.bytes) {
            Ok(Value::Object(fields)) => fields.into_iter().for_each(|(key, value)| parsed.add(key, value)),
            _ => {
                let text = String::from_utf8_lossy(event.bytes).into_owned();
                parsed.attributes.insert(String::new(), text);
            }
        }
        parsed
    }

    /// Adds a field. In the embedded metric format, declarations are in `_aws`, or in the older form at the top level.
    fn add(&mut self, key: String, value: Value) {
        match (&*key, value) {
            ("_aws", Value::Object(mut meta)) => {
                self.declare(meta.remove("CloudWatchMetrics").unwrap_or_default());
            }
            ("CloudWatchMetrics", declarations) => self.declare(declarations),
            (_, Value::Number(number)) => {
                self.metrics.insert(key, number.as_f64().unwrap_or_default());
            }
            (_, Value::String(text)) => {
                self.attributes.insert(key, text);
            }
            (_, Value::Object(fields)) => {
                fields.into_iter().for_each(|(inner, value)| self.nest(&key, &inner, &value))
            }
            (_, other) => {
                self.attributes.insert(key, other.to_string());
            }
        }
    }

    /// Adds a nested field as an attribute named by its path, such as `kubernetes.container_name`.
    fn nest(&mut self, outer: &str, key: &str, value: &Value) {
        let path = format!("{outer}.{key}");
        match value {
            Value::Object(fields) => fields.iter().for_each(|(inner, value)| self.nest(&path, inner, value)),
            Value::String(text) => drop(self.attributes.insert(path, text.clone())),
            other => drop(self.attributes.insert(path, other.to_string())),
        }
    }

    fn declare(&mut self, declarations: Value) {
        let sets = declarations.as_array().into_iter().flatten().flat_map(|one| one["Dimensions"].as_array());
        let names = sets.flatten().filter_map(Value::as_array).flatten();
        self.dimensions.extend(names.filter_map(|name| name.as_str().map(str::to_owned)));
        let mut declared = Vec::new();
        insightd_pipeline::shadow::declared(&declarations, &mut declared);
        self.declared.extend(declared);
        self.declarations = declarations.to_string();
    }

    /// Returns the type of the event, such as `Pod`.
    pub(crate) fn kind(&self) -> Option<&str> {
        self.attributes.get("Type").map(String::as_str)
    }

    /// Returns the attributes among `keys` as an identity.
    pub(super) fn identity(&self, keys: &BTreeSet<String>) -> Vec<(String, String)> {
        let chosen = self.attributes.iter().filter(|(key, _)| keys.contains(*key));
        chosen.map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn event(text: &str) -> Parsed {
        let route = [("log_group".to_owned(), "g".to_owned())];
        Parsed::of(&Event { route: &route, time_unix_ms: 1, bytes: text.as_bytes() })
    }

    #[test]
    fn both_forms_of_declarations_are_known() {
        let declared = r#"[{"Dimensions":[["PodName","Namespace"],["Namespace"]],"Metrics":[{"Name":"m"}],"Namespace":"N"}]"#;
        let fields = r#""PodName":"web","m":1.5,"Sources":["cadvisor"]"#;
        let new = event(&format!(r#"{{{fields},"_aws":{{"Timestamp":1,"CloudWatchMetrics":{declared}}}}}"#));
        let old = event(&format!(r#"{{{fields},"CloudWatchMetrics":{declared}}}"#));
        assert_eq!(new.dimensions, ["Namespace", "PodName"].map(String::from).into());
        assert_eq!((&new.dimensions, &new.declarations), (&old.dimensions, &old.declarations));
        assert_eq!((&new.declared, &old.declared), (&["m".to_owned()].into(), &["m".to_owned()].into()));
        assert_eq!(new.metrics, [("m".to_owned(), 1.5)].into());
        assert_eq!(new.attributes["Sources"], r#"["cadvisor"]"#);
        assert_eq!(new.route, [("log_group".to_owned(), "g".to_owned())]);
        let nested = event(r#"{"kubernetes":{"container_name":"app","labels":{"a":"b"},"n":1}}"#);
        let flat =
            [("kubernetes.container_name", "app"), ("kubernetes.labels.a", "b"), ("kubernetes.n", "1")];
        assert_eq!(nested.attributes, flat.map(|(key, value)| (key.into(), value.into())).into());
    }

    #[test]
    fn anything_else_is_a_text() {
        assert_eq!(event("cpu 1\n").attributes, [(String::new(), "cpu 1\n".to_owned())].into());
        assert_eq!(event("[1]").attributes.len(), 1);
    }
}
