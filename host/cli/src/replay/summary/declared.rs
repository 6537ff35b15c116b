//! The CloudWatch metrics that events declare.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::replay::event::Parsed;

/// Metrics that differ only in the values of their dimensions.
#[derive(Debug)]
pub(super) struct Shape {
    /// Name of the metric.
    pub(super) name: String,
    /// Unit of the first declaration, if it has one.
    pub(super) unit: Option<String>,
    /// Names of the dimensions, sorted.
    pub(super) dimensions: Vec<String>,
    /// The values of the dimensions, in the order of `dimensions`: one metric each.
    pub(super) metrics: BTreeSet<Vec<String>>,
    /// Number of shapes that were declared before.
    order: usize,
}

impl Shape {
    /// Returns the name with the dimensions.
    pub(super) fn label(&self) -> String {
        match self.dimensions.is_empty() {
            true => format!("{} without dimensions", self.name),
            false => format!("{} by {}", self.name, self.dimensions.join(", ")),
        }
    }
}

/// Metrics as CloudWatch tells them apart: by namespace, name and dimensions.
#[derive(Debug, Default)]
pub(super) struct Declared {
    /// By namespace, name and dimensions.
    shapes: BTreeMap<(String, String, Vec<String>), Shape>,
}

impl Declared {
    /// Collects the metrics of events.
    pub(super) fn new<'e>(events: impl Iterator<Item = &'e Parsed>) -> Self {
        let mut declared = Self::default();
        for event in events {
            // Empty if the event declares nothing.
            let declarations = serde_json::from_str(&event.declarations).unwrap_or(Value::Null);
            for directive in declarations.as_array().into_iter().flatten() {
                declared.add(event, directive);
            }
        }
        declared
    }

    /// Adds the metrics of a directive. As in CloudWatch, a declared metric that the event does not have is none, and so is
    /// one with a dimension that it does not have.
    fn add(&mut self, event: &Parsed, directive: &Value) {
        let namespace = directive["Namespace"].as_str().unwrap_or_default();
        let sets: Vec<BTreeMap<&str, &str>> = list(&directive["Dimensions"])
            .filter_map(|set| list(set).map(|key| dimension(event, key)).collect())
            .collect();
        for metric in list(&directive["Metrics"]) {
            let Some(name) = metric["Name"].as_str().filter(|name| has_metric(event, name)) else { continue };
            let unit = metric["Unit"].as_str();
            for set in &sets {
                let dimensions: Vec<String> = set.keys().map(|key| (*key).to_owned()).collect();
                let key = (namespace.to_owned(), name.to_owned(), dimensions.clone());
                let order = self.shapes.len();
                let shape = self.shapes.entry(key).or_insert_with(|| Shape {
                    name: name.to_owned(),
                    unit: unit.map(str::to_owned),
                    dimensions,
                    metrics: BTreeSet::new(),
                    order,
                });
                shape.metrics.insert(set.values().map(|value| (*value).to_owned()).collect());
            }
        }
    }

    /// Returns the shapes in the order of their declaration.
    pub(super) fn shapes(&self) -> Vec<&Shape> {
        let mut shapes: Vec<&Shape> = self.shapes.values().collect();
        shapes.sort_by_key(|shape| shape.order);
        shapes
    }

    /// Returns the number of metrics.
    pub(super) fn metrics(&self) -> usize {
        self.shapes.values().map(|shape| shape.metrics.len()).sum()
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Returns the key and value of a dimension; `None` if the event has no such attribute.
fn dimension<'e>(event: &'e Parsed, key: &'e Value) -> Option<(&'e str, &'e str)> {
    let (key, value) = event.attributes.get_key_value(key.as_str()?)?;
    Some((key.as_str(), value.as_str()))
}

/// Returns true if the event has a number, or a list of numbers, of this name.
fn has_metric(event: &Parsed, name: &str) -> bool {
    event.metrics.contains_key(name) || event.attributes.get(name).is_some_and(|value| value.starts_with('['))
}

#[cfg(test)]
mod tests {
    use crate::replay::event::tests::event;

    use super::*;

    fn declared(events: &[&str]) -> Declared {
        let events: Vec<Parsed> = events.iter().map(|text| event(text)).collect();
        Declared::new(events.iter())
    }

    #[test]
    fn a_metric_is_a_name_with_the_values_of_its_dimensions() {
        let event = |pod: &str| {
            format!(
                r#"{{"Pod":"{pod}","Cluster":"c","m":1,"n":2,"CloudWatchMetrics":[{{"Namespace":"N","Dimensions":[["Pod","Cluster"],["Cluster"],["Cluster","Pod"],[]],"Metrics":[{{"Name":"n"}},{{"Name":"m","Unit":"Percent"}}]}}]}}"#
            )
        };
        let (a, b) = (event("a"), event("b"));
        let two = declared(&[&a, &b, &a]);
        let shapes: Vec<(String, usize)> =
            two.shapes().iter().map(|shape| (shape.label(), shape.metrics.len())).collect();
        let expected = [
            ("n by Cluster, Pod", 2),
            ("n by Cluster", 1),
            ("n without dimensions", 1),
            ("m by Cluster, Pod", 2),
            ("m by Cluster", 1),
            ("m without dimensions", 1),
        ];
        assert_eq!(shapes, expected.map(|(label, count)| (label.to_owned(), count)));
        assert_eq!((two.metrics(), two.shapes()[3].unit.as_deref()), (8, Some("Percent")));
        let other = a.replace(r#""Namespace":"N""#, r#""Namespace":"O""#);
        assert_eq!(declared(&[&a, &other]).metrics(), 12);
    }

    #[test]
    fn what_the_event_does_not_have_is_no_metric() {
        let event = |fields: &str| {
            format!(
                r#"{{{fields},"_aws":{{"CloudWatchMetrics":[{{"Namespace":"N","Dimensions":[["Pod"]],"Metrics":[{{"Name":"m"}}]}}]}}}}"#
            )
        };
        for (fields, metrics) in [
            (r#""Pod":"a","m":1"#, 1),
            (r#""Pod":"a","m":[1,2]"#, 1),
            (r#""Pod":"a","n":1"#, 0),
            (r#""Pod":"a","m":"1""#, 0),
            (r#""m":1"#, 0),
        ] {
            assert_eq!(declared(&[&event(fields)]).metrics(), metrics, "{fields}");
        }
        assert_eq!(declared(&["cpu 1", r#"{"m":1}"#]).metrics(), 0);
    }
}
