//! Events of one tick, looked up by type and attributes.

use std::collections::BTreeSet;

use serde_json::Value;

/// The events of one run.
#[derive(Debug)]
pub struct Events(Vec<Value>);

impl Events {
    /// Wraps events in the order in which they were printed.
    pub fn new(events: Vec<Value>) -> Self {
        Self(events)
    }

    /// Returns all events.
    pub fn all(&self) -> &[Value] {
        &self.0
    }

    /// Returns the distinct values of `Type`.
    pub fn types(&self) -> BTreeSet<&str> {
        self.0.iter().filter_map(|event| event["Type"].as_str()).collect()
    }

    /// Returns the events of one `Type`.
    pub fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |event| event["Type"] == kind)
    }

    /// Returns the first event of a `Type` for which `matches` returns true.
    pub fn find(&self, kind: &str, matches: impl Fn(&Value) -> bool) -> Option<&Value> {
        self.0.iter().find(|event| event["Type"] == kind && matches(event))
    }

    /// Returns the only event of a `Type`.
    ///
    /// # Panics
    /// If there is none, or more than one.
    pub fn only(&self, kind: &str) -> &Value {
        let found: Vec<_> = self.0.iter().filter(|event| event["Type"] == kind).collect();
        assert_eq!(found.len(), 1, "events of type {kind}; there are {:?}", self.types());
        found[0]
    }
}
