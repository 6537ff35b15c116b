//! The table of metrics, `tests/metrics/metrics.json`.

use std::fs;

use serde_json::Value;

use super::batch::list;
use super::evaluate;
use super::expression::Expression;

/// The parsed table.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) types: Vec<Type>,
    pub(crate) metrics: Vec<Metric>,
    /// Name patterns of the node's interfaces that carry traffic of pods.
    pub(crate) pod_side: Vec<String>,
    /// Names of further bridges and tunnels, for interfaces whose kind the host does not report.
    pub(crate) software: Vec<String>,
    /// Values of `interface.kind` of bridges and tunnels.
    pub(crate) software_kinds: Vec<String>,
}

/// A type of events.
#[derive(Debug)]
pub(crate) struct Type {
    /// Name of the type in the table.
    pub(crate) name: String,
    /// Value of `Type`.
    pub(crate) event: String,
    /// Scope of the batches that contain it.
    pub(crate) scope: String,
    /// Kind of the parent of its entities, if another type with the same value of `Type` has other parents.
    pub(crate) parent: Option<String>,
    pub(crate) prefix: String,
    pub(crate) sources: Vec<String>,
}

/// A metric, or several with one formula on several types.
#[derive(Debug)]
pub(crate) struct Metric {
    /// Name without the type's prefix.
    pub(crate) suffix: String,
    /// Types of events that have it.
    pub(crate) on: Vec<String>,
    /// CloudWatch's name of the unit; empty if it has none.
    pub(crate) unit: String,
    /// `gauge`, `rate` or `delta`.
    pub(crate) kind: String,
    /// `basic` or `enhanced`.
    pub(crate) mode: String,
    /// cgroup versions on which it exists; 0 for metrics independent of cgroups.
    pub(crate) cgroup: Vec<u64>,
    pub(crate) formula: String,
    pub(crate) expression: Expression,
    /// Description of the cases in which the metric is absent.
    pub(crate) absent: String,
    /// Full name of a metric without prefix.
    pub(crate) name: Option<String>,
    /// `true` if the Container Insights agents do not have it.
    pub(crate) own: bool,
}

/// Path of the table.
pub(crate) const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/metrics/metrics.json");

impl Table {
    /// Reads the table.
    pub(crate) fn load() -> Self {
        let text = fs::read_to_string(PATH).unwrap_or_else(|error| panic!("{PATH}: {error}"));
        let table: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{PATH}: {error}"));
        let types = list(&table["types"]).iter().map(|value| Type {
            name: text_of(&value["type"]),
            event: text_of(value.get("event").unwrap_or(&value["type"])),
            scope: value["scope"].as_str().unwrap_or("node").to_string(),
            parent: value["parent"].as_str().map(String::from),
            prefix: text_of(&value["prefix"]),
            sources: texts(&value["sources"]),
        });
        let metrics = list(&table["metrics"]).iter().map(|value| Metric {
            suffix: text_of(&value["metric"]),
            on: texts(&value["on"]),
            unit: text_of(&value["unit"]),
            kind: text_of(&value["kind"]),
            mode: text_of(&value["mode"]),
            cgroup: list(&value["cgroup"]).iter().filter_map(Value::as_u64).collect(),
            formula: text_of(&value["formula"]),
            expression: evaluate::parse(&text_of(&value["formula"])),
            absent: text_of(&value["absent"]),
            name: value["name"].as_str().map(String::from),
            own: value["own"] == true,
        });
        Self {
            types: types.collect(),
            metrics: metrics.collect(),
            pod_side: texts(&table["pod_side"]),
            software: texts(&table["software"]),
            software_kinds: texts(&table["software_kinds"]),
        }
    }

    /// Returns the metric with this suffix on events of this type.
    pub(crate) fn metric(&self, suffix: &str, kind: &str) -> Option<&Metric> {
        self.metrics.iter().find(|metric| metric.suffix == suffix && metric.on.iter().any(|on| on == kind))
    }

    /// Returns all metrics of a type of events.
    pub(crate) fn of_type<'t>(&'t self, kind: &'t str) -> impl Iterator<Item = &'t Metric> {
        self.metrics.iter().filter(move |metric| metric.on.iter().any(|on| on == kind))
    }

    /// Returns the type of events with this `Type` in batches of this scope, on entities below one of the kind `parent`.
    pub(crate) fn kind(&self, scope: &str, event: &str, parent: &str) -> Option<&Type> {
        let of = |wanted: Option<&str>| {
            let mut types = self.types.iter();
            types.find(|kind| kind.scope == scope && kind.event == event && kind.parent.as_deref() == wanted)
        };
        of(Some(parent)).or_else(|| of(None))
    }
}

impl Type {
    /// Returns the cgroup versions that its metrics may depend on; 0 stands for none.
    pub(crate) fn cgroup_versions(&self) -> &'static [u64] {
        if self.scope == "node" { &[1, 2] } else { &[0] }
    }
}

impl Metric {
    /// Returns the metric's name on events of this type.
    pub(crate) fn name(&self, kind: &Type) -> String {
        self.name.clone().unwrap_or_else(|| format!("{}{}", kind.prefix, self.suffix))
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{PATH}: {value} should be a string")).to_string()
}

fn texts(value: &Value) -> Vec<String> {
    list(value).iter().map(text_of).collect()
}
