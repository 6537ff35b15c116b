//! Expected results of golden cases, computed from the table alone.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::batch::Entities;
use super::evaluate::Evaluator;
use super::table::Table;

/// Expected result for a batch.
pub(crate) struct Expectation {
    /// The batch in its readable form.
    pub(crate) batch: Value,
    /// Type of event and suffix of each metric that is published at least once.
    pub(crate) published: Vec<(String, String)>,
    /// cgroup version of the batch's node; 0 if the batch is not of a node, or of one on Fargate, which does not tell it.
    pub(crate) cgroup: u64,
}

/// Computes the expected output of `utilization` for a batch.
pub(crate) fn expect(table: &Table, batch: &Value, config: &Value) -> Expectation {
    let entities = Entities::read(batch);
    let configured: Option<Vec<String>> = config["pod_interfaces"]
        .as_array()
        .map(|list| list.iter().filter_map(|value| value.as_str().map(String::from)).collect());
    let pod_side = configured.as_deref().unwrap_or(&table.pod_side);
    let scope = batch["scope"].as_str().expect("a batch has a scope");
    let mut worked = Worked {
        table,
        scope,
        evaluator: Evaluator { table, entities: &entities, pod_side, names_software: configured.is_none() },
        entities: &entities,
        is_enhanced: config["enhanced"] == true,
        keeps_raw: config["keep_raw"] == true,
        units: BTreeMap::new(),
        published: Vec::new(),
        next: 0,
    };
    let mut batch = batch.clone();
    for entity in batch["entities"].as_array_mut().expect("a batch has entities") {
        worked.entity(entity, "");
    }
    let descriptors = worked.units.iter().map(|(name, unit)| match unit.as_str() {
        "" => json!({"kind": "metric", "id": name}),
        unit => json!({"kind": "metric", "id": name, "attributes": {"unit": unit}}),
    });
    batch["entities"].as_array_mut().expect("a batch has entities").extend(descriptors);
    let said = |key| entities.first("node").and_then(|node| node.attributes.get(key));
    let version = said("cgroup.version").and_then(|version| version.parse().ok());
    let has_version = scope == "node" && said("node.compute_type").is_none();
    let cgroup = if has_version { version.expect("the node says cgroup.version") } else { 0 };
    Expectation { batch, published: worked.published, cgroup }
}

struct Worked<'w> {
    table: &'w Table,
    scope: &'w str,
    evaluator: Evaluator<'w>,
    entities: &'w Entities,
    is_enhanced: bool,
    keeps_raw: bool,
    units: BTreeMap<String, String>,
    published: Vec<(String, String)>,
    /// Index of the next entity.
    next: usize,
}

impl Worked<'_> {
    /// Computes the events of an entity, whose parent has the kind `parent`, and of all entities below it.
    fn entity(&mut self, entity: &mut Value, parent: &str) {
        let input = &self.entities.0[self.next];
        self.next += 1;
        if let Some(event) = input.attributes.get("Type") {
            let known = self.table.kind(self.scope, event, parent);
            let mut gauges = Map::new();
            for metric in known.into_iter().flat_map(|kind| self.table.of_type(&kind.name)) {
                if metric.mode == "enhanced" && !self.is_enhanced {
                    continue;
                }
                let Some(kind) = known else { continue };
                if let Some(value) = self.evaluator.value(&metric.expression, &kind.name, input) {
                    let name = metric.name(kind);
                    self.units.insert(name.clone(), metric.unit.clone());
                    self.published.push((kind.name.clone(), metric.suffix.clone()));
                    gauges.insert(name, json!(value));
                }
            }
            let others = input.gauges.iter().filter(|(name, _)| !name.contains('.'));
            gauges.extend(others.map(|(name, value)| (name.clone(), json!(value))));
            if gauges.is_empty() && known.is_some() {
                entity["attributes"].as_object_mut().expect("it has a type").remove("Type");
            } else {
                if self.keeps_raw {
                    let raw = input.gauges.iter().filter(|(name, _)| name.contains('.'));
                    gauges.extend(raw.map(|(name, value)| (name.clone(), json!(value))));
                } else {
                    entity.as_object_mut().expect("an entity is an object").remove("counters");
                }
                entity["gauges"] = Value::Object(gauges);
            }
        }
        for child in entity.get_mut("children").and_then(Value::as_array_mut).into_iter().flatten() {
            self.entity(child, &input.kind);
        }
    }
}
