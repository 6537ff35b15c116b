//! Batches, parsed from JSON independently of the project's code.

use std::collections::BTreeMap;

use serde_json::Value;

/// An entity.
#[derive(Debug)]
pub(crate) struct Entity {
    pub(crate) kind: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) gauges: BTreeMap<String, f64>,
    /// Current reading, and the previous reading with the nanoseconds between the two.
    pub(crate) counters: BTreeMap<String, (u64, Option<(u64, u64)>)>,
    pub(crate) children: Vec<usize>,
}

/// All entities, parents before their children.
#[derive(Debug, Default)]
pub(crate) struct Entities(pub(crate) Vec<Entity>);

impl Entities {
    /// Reads a batch.
    pub(crate) fn read(batch: &Value) -> Self {
        let mut entities = Self::default();
        for entity in list(&batch["entities"]) {
            entities.add(entity);
        }
        entities
    }

    fn add(&mut self, entity: &Value) -> usize {
        let at = self.0.len();
        let attributes = fields(&entity["attributes"])
            .map(|(key, value)| (key.clone(), value.as_str().expect("attributes are strings").to_string()));
        let gauges = fields(&entity["gauges"])
            .map(|(key, value)| (key.clone(), value.as_f64().expect("gauges are numbers")));
        let counters = fields(&entity["counters"]).map(|(key, value)| {
            let at = |index: usize| value[index].as_u64().expect("readings are whole numbers");
            let previous = (list(value).len() == 3).then(|| (at(1), at(2)));
            (key.clone(), (at(0), previous))
        });
        self.0.push(Entity {
            kind: entity["kind"].as_str().expect("an entity has a kind").to_string(),
            attributes: attributes.collect(),
            gauges: gauges.collect(),
            counters: counters.collect(),
            children: Vec::new(),
        });
        for child in list(&entity["children"]) {
            let child = self.add(child);
            self.0[at].children.push(child);
        }
        at
    }

    /// Returns the first entity of a kind.
    pub(crate) fn first(&self, kind: &str) -> Option<&Entity> {
        self.0.iter().find(|entity| entity.kind == kind)
    }
}

/// Returns the elements of a list, or none if it is missing.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
