//! The files of `deploy/dashboards`: every metric, dimension and label in them exists in the tables of the product.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod alarms;
mod cloudwatch;
mod grafana;
mod insights;
mod promql;
mod rules;
mod search;
mod tables;

use std::fs;

use insightd_tests::top;
use serde_json::Value;

/// Returns the text of a file of `deploy/dashboards`.
fn read(name: &str) -> String {
    let path = top().join("deploy/dashboards").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json(name: &str) -> Value {
    serde_json::from_str(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn yaml(name: &str) -> Value {
    serde_saphyr::from_str(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Asserts that `old` occurs in a text, and returns the text with `new` in its place.
fn changed(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "{old} does not occur");
    text.replace(old, new)
}
