//! Events of one tick, looked up by type and attributes.

use std::collections::BTreeSet;

use serde_json::Value;

/// The events of one run.
#[derive(Debug)]
pub struct Events(Vec<Value>);

impl Events {
    /// Events in the order they were printed.
    pub fn new(events: Vec<Value>) -> Self {
        Self(events)
    }

    /// All of them.
    pub fn all(&self) -> &[Value] {
        &self.0
    }

    /// The different `Type`s.
    pub fn types(&self) -> BTreeSet<&str> {
        self.0.iter().filter_map(|event| event["Type"].as_str()).collect()
    }

    /// Events of one `Type`.
    pub fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |event| event["Type"] == kind)
    }

    /// The first event of a `Type` for which `matches` holds.
    pub fn find(&self, kind: &str, matches: impl Fn(&Value) -> bool) -> Option<&Value> {
        self.0.iter().find(|event| event["Type"] == kind && matches(event))
    }

    /// The only event of a `Type`.
    ///
    /// # Panics
    /// When there is none or more than one.
    pub fn only(&self, kind: &str) -> &Value {
        let found: Vec<_> = self.0.iter().filter(|event| event["Type"] == kind).collect();
        assert_eq!(found.len(), 1, "events of type {kind}; there are {:?}", self.types());
        found[0]
    }
}
