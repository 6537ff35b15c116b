//! Entities of a recorded batch.

use std::collections::BTreeMap;

use serde_json::Value;

/// A batch of `insightd record`.
pub(super) struct Recorded {
    /// Time of the tick.
    pub(super) time_ms: u64,
    /// The node, with everything below it.
    pub(super) root: Value,
}

impl Recorded {
    /// Parses a line of the output; `None` if it is no batch.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut batch: Value = serde_json::from_str(line).ok()?;
        Some(Self { time_ms: batch["time_unix_ms"].as_u64()?, root: batch["entities"].get_mut(0)?.take() })
    }
}

/// Calls `visit` for an entity and all below it, each with its parent.
pub(super) fn walk<'b>(
    entity: &'b Value,
    parent: Option<&'b Value>,
    visit: &mut dyn FnMut(&'b Value, Option<&'b Value>),
) {
    visit(entity, parent);
    for child in entity["children"].as_array().into_iter().flatten() {
        walk(child, Some(entity), visit);
    }
}

pub(super) fn entities<'b>(root: &'b Value, kind: &str) -> Vec<&'b Value> {
    let mut found = Vec::new();
    walk(root, None, &mut |entity, _| {
        if entity["kind"] == kind {
            found.push(entity);
        }
    });
    found
}

pub(super) fn attribute<'b>(entity: &'b Value, key: &str) -> &'b str {
    entity["attributes"][key].as_str().unwrap_or("")
}

/// Returns the current value of a counter or a gauge.
pub(super) fn current(value: &Value) -> Option<f64> {
    match value {
        Value::Array(readings) => readings.first()?.as_f64(),
        gauge => gauge.as_f64(),
    }
}

/// Returns the cgroups of a batch by the uid of the pod and the id of the container, which is empty for a pod.
pub(super) fn cgroups(root: &Value) -> BTreeMap<(&str, &str), &Value> {
    let key = |cgroup| (attribute(cgroup, "pod.uid"), attribute(cgroup, "container.id"));
    entities(root, "cgroup").into_iter().map(|cgroup| (key(cgroup), cgroup)).collect()
}
