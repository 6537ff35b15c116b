//! Batch edits compared with the same edits of a simple model.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use insights_batch::{Batch, Builder, Counter};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Edit {
    Add {
        parent: Option<usize>,
    },
    Remove(usize),
    SetParent(usize, Option<usize>),
    SetAttribute(usize, u8, u8),
    RemoveAttribute(usize, u8),
    RenameAttribute(usize, u8, u8),
    SetGauge(usize, u8, f64),
    RemoveGauge(usize, u8),
    RenameGauge(usize, u8, u8),
    SetCounter(usize, u8, u64),
    RemoveCounter(usize, u8),
    RenameCounter(usize, u8, u8),
    MovePoints(usize, usize),
    RetainPoints(usize, u8),
    RetainAllPoints(u8),
    Link(usize, usize),
    /// Converts the batch to columns and back, as between two stages.
    Stage,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct ModelEntity {
    parent: Option<String>,
    attributes: BTreeMap<String, String>,
    gauges: BTreeMap<String, f64>,
    counters: BTreeMap<String, u64>,
    links: Vec<String>,
}

/// Model of a batch: entities by id; ids are never reused.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    entities: BTreeMap<String, ModelEntity>,
    /// Ids in order of creation, including those of removed entities.
    order: Vec<String>,
}

impl Model {
    fn pick(&self, number: usize) -> Option<String> {
        let live: Vec<_> = self.order.iter().filter(|id| self.entities.contains_key(*id)).collect();
        (!live.is_empty()).then(|| live[number % live.len()].clone())
    }

    fn is_below(&self, id: &str, top: &str) -> bool {
        let mut next = Some(id.to_owned());
        while let Some(id) = next {
            if id == top {
                return true;
            }
            next = self.entities[&id].parent.clone();
        }
        false
    }

    fn remove(&mut self, top: &str) {
        let gone: Vec<_> = self.entities.keys().filter(|id| self.is_below(id, top)).cloned().collect();
        for id in gone {
            self.entities.remove(&id);
            for model_entity in self.entities.values_mut() {
                model_entity.links.retain(|target| *target != id);
            }
        }
    }

    fn of(batch: &Batch) -> Self {
        let mut model = Self::default();
        for entity in batch.entities() {
            let owned = |text: &str| text.to_owned();
            let model_entity = ModelEntity {
                parent: entity.parent().map(|parent| owned(parent.id())),
                attributes: entity.attributes().into_iter().map(|(k, v)| (owned(k), owned(v))).collect(),
                gauges: entity.gauges().into_iter().map(|(name, value)| (owned(name), value)).collect(),
                counters: entity.counters().into_iter().map(|(name, c)| (owned(name), c.current)).collect(),
                links: entity.links("role").into_iter().map(|target| owned(target.id())).collect(),
            };
            assert_eq!(model_entity.attributes.len(), entity.attributes().len(), "a key twice");
            assert_eq!(model_entity.gauges.len(), entity.gauges().len(), "a gauge twice");
            assert_eq!(model_entity.counters.len(), entity.counters().len(), "a counter twice");
            for target in entity.links("role") {
                assert!(target.linked_from("role").contains(&entity), "a link without a way back");
            }
            for child in entity.children() {
                assert_eq!(child.parent(), Some(entity), "a child that does not know its parent");
            }
            assert_eq!(batch.find("thing", entity.id()), Some(entity));
            model.order.push(owned(entity.id()));
            model.entities.insert(owned(entity.id()), model_entity);
        }
        model
    }
}

fn rename<V>(map: &mut BTreeMap<String, V>, from: &str, to: &str) -> bool {
    let Some(value) = map.remove(from) else { return false };
    map.insert(to.to_owned(), value);
    true
}

fn apply(batch: Batch, model: &mut Model, edit: &Edit) -> Batch {
    let name = |number: u8| format!("n{number}");
    {
        let entity = |id: &str| batch.find("thing", id).unwrap();
        match *edit {
            Edit::Add { parent } => {
                let id = format!("thing-{}", model.order.len());
                let parent = parent.and_then(|number| model.pick(number));
                batch.add("thing", &id, parent.as_deref().map(entity));
                model.entities.insert(id.clone(), ModelEntity { parent, ..ModelEntity::default() });
                model.order.push(id);
            }
            Edit::Remove(number) => {
                if let Some(id) = model.pick(number) {
                    entity(&id).remove();
                    model.remove(&id);
                }
            }
            Edit::SetParent(number, parent) => {
                if let Some(id) = model.pick(number) {
                    let parent = parent.and_then(|number| model.pick(number));
                    insights_batch::log::capture(|| entity(&id).set_parent(parent.as_deref().map(entity)));
                    if !parent.as_deref().is_some_and(|parent| model.is_below(parent, &id)) {
                        model.entities.get_mut(&id).unwrap().parent = parent;
                    }
                }
            }
            Edit::MovePoints(from, to) => {
                if let (Some(from), Some(to)) = (model.pick(from), model.pick(to)) {
                    entity(&from).move_points_to(entity(&to));
                    if from != to {
                        let source = model.entities.get_mut(&from).unwrap();
                        let (gauges, counters) =
                            (std::mem::take(&mut source.gauges), std::mem::take(&mut source.counters));
                        let target = model.entities.get_mut(&to).unwrap();
                        target.gauges.extend(gauges);
                        target.counters.extend(counters);
                    }
                }
            }
            Edit::Link(from, to) => {
                if let (Some(from), Some(to)) = (model.pick(from), model.pick(to)) {
                    entity(&from).link(entity(&to), "role");
                    model.entities.get_mut(&from).unwrap().links.push(to);
                }
            }
            Edit::RetainAllPoints(keep) => {
                batch.retain_points(|name| name.ends_with(&keep.to_string()));
                for model_entity in model.entities.values_mut() {
                    model_entity.gauges.retain(|name, _| name.ends_with(&keep.to_string()));
                    model_entity.counters.retain(|name, _| name.ends_with(&keep.to_string()));
                }
            }
            Edit::SetAttribute(number, key, value) => {
                if let Some(id) = model.pick(number) {
                    entity(&id).set_attribute(&name(key), &name(value));
                    model.entities.get_mut(&id).unwrap().attributes.insert(name(key), name(value));
                }
            }
            Edit::RemoveAttribute(number, key) => {
                if let Some(id) = model.pick(number) {
                    let there = model.entities.get_mut(&id).unwrap().attributes.remove(&name(key)).is_some();
                    assert_eq!(entity(&id).remove_attribute(&name(key)), there);
                }
            }
            Edit::RenameAttribute(number, from, to) => {
                if let Some(id) = model.pick(number) {
                    let there =
                        rename(&mut model.entities.get_mut(&id).unwrap().attributes, &name(from), &name(to));
                    assert_eq!(entity(&id).rename_attribute(&name(from), &name(to)), there);
                }
            }
            Edit::SetGauge(number, key, value) => {
                if let Some(id) = model.pick(number) {
                    entity(&id).set_gauge(&name(key), value);
                    let gauges = &mut model.entities.get_mut(&id).unwrap().gauges;
                    match value.is_finite() {
                        true => gauges.insert(name(key), value),
                        false => gauges.remove(&name(key)),
                    };
                    assert_eq!(entity(&id).gauge(&name(key)), gauges.get(&name(key)).copied());
                }
            }
            Edit::RemoveGauge(number, key) => {
                if let Some(id) = model.pick(number) {
                    let there = model.entities.get_mut(&id).unwrap().gauges.remove(&name(key)).is_some();
                    assert_eq!(entity(&id).remove_gauge(batch.name(&name(key))), there);
                }
            }
            Edit::RenameGauge(number, from, to) => {
                if let Some(id) = model.pick(number) {
                    let there =
                        rename(&mut model.entities.get_mut(&id).unwrap().gauges, &name(from), &name(to));
                    assert_eq!(entity(&id).rename_gauge(&name(from), &name(to)), there);
                }
            }
            Edit::SetCounter(number, key, value) => {
                if let Some(id) = model.pick(number) {
                    entity(&id).set_counter(&name(key), Counter::first(value));
                    model.entities.get_mut(&id).unwrap().counters.insert(name(key), value);
                }
            }
            Edit::RemoveCounter(number, key) => {
                if let Some(id) = model.pick(number) {
                    let there = model.entities.get_mut(&id).unwrap().counters.remove(&name(key)).is_some();
                    assert_eq!(entity(&id).remove_counter(&name(key)), there);
                }
            }
            Edit::RenameCounter(number, from, to) => {
                if let Some(id) = model.pick(number) {
                    let there =
                        rename(&mut model.entities.get_mut(&id).unwrap().counters, &name(from), &name(to));
                    assert_eq!(entity(&id).rename_counter(&name(from), &name(to)), there);
                }
            }
            Edit::RetainPoints(number, keep) => {
                if let Some(id) = model.pick(number) {
                    entity(&id).retain_points(|name| name.ends_with(&keep.to_string()));
                    let model_entity = model.entities.get_mut(&id).unwrap();
                    model_entity.gauges.retain(|name, _| name.ends_with(&keep.to_string()));
                    model_entity.counters.retain(|name, _| name.ends_with(&keep.to_string()));
                }
            }
            Edit::Stage => {}
        }
    }
    if matches!(edit, Edit::Stage) {
        let columns = batch.into_columns();
        columns.check().unwrap();
        return Batch::from_columns(columns);
    }
    batch
}

fn edit() -> impl Strategy<Value = Edit> {
    let index = || 0..40usize;
    // Few distinct names, so that edits of an entity often meet an existing name. Those of the first two ranges collide in
    // pairs in the filter of a table: see `with_all_names`.
    let name = || prop_oneof![3 => 0..6u8, 3 => 128..134u8, 1 => 60..70u8];
    prop_oneof![
        6 => proptest::option::of(index()).prop_map(|parent| Edit::Add { parent }),
        1 => index().prop_map(Edit::Remove),
        2 => (index(), proptest::option::of(index())).prop_map(|(a, b)| Edit::SetParent(a, b)),
        4 => (index(), name(), name()).prop_map(|(a, b, c)| Edit::SetAttribute(a, b, c)),
        1 => (index(), name()).prop_map(|(a, b)| Edit::RemoveAttribute(a, b)),
        1 => (index(), name(), name()).prop_map(|(a, b, c)| Edit::RenameAttribute(a, b, c)),
        5 => (index(), name(), any::<f64>()).prop_map(|(a, b, c)| Edit::SetGauge(a, b, c)),
        1 => (index(), name()).prop_map(|(a, b)| Edit::RemoveGauge(a, b)),
        2 => (index(), name(), name()).prop_map(|(a, b, c)| Edit::RenameGauge(a, b, c)),
        5 => (index(), name(), any::<u64>()).prop_map(|(a, b, c)| Edit::SetCounter(a, b, c)),
        1 => (index(), name()).prop_map(|(a, b)| Edit::RemoveCounter(a, b)),
        1 => (index(), name(), name()).prop_map(|(a, b, c)| Edit::RenameCounter(a, b, c)),
        3 => (index(), index()).prop_map(|(a, b)| Edit::MovePoints(a, b)),
        1 => (index(), 0..6u8).prop_map(|(a, b)| Edit::RetainPoints(a, b)),
        1 => (0..6u8).prop_map(Edit::RetainAllPoints),
        2 => (index(), index()).prop_map(|(a, b)| Edit::Link(a, b)),
        1 => Just(Edit::Stage),
    ]
}

/// Returns an empty batch with all names in the string table: the id of `n5` is 5, that of `n133` is 133. The filter of a
/// table has 128 bits and takes the id modulo 128, so the two share a bit.
fn with_all_names() -> Batch {
    let mut builder = Builder::default();
    for number in 0..=u8::MAX {
        builder.intern(&format!("n{number}"));
    }
    Batch::from_columns(builder.finish())
}

proptest! {
    #[test]
    fn a_batch_is_edited_as_the_model_is(edits in proptest::collection::vec(edit(), 1..120)) {
        let mut model = Model::default();
        let mut batch = with_all_names();
        for edit in &edits {
            batch = apply(batch, &mut model, edit);
        }
        // `order` keeps removed ids, because it numbers new ones; the batch only shows live entities.
        model.order.retain(|id| model.entities.contains_key(id));
        prop_assert_eq!(&Model::of(&batch).entities, &model.entities);

        let columns = batch.into_columns();
        prop_assert!(columns.check().is_ok(), "{:?}", columns.check());
        let again = Batch::from_columns(columns.clone());
        prop_assert_eq!(&Model::of(&again).entities, &model.entities);
        prop_assert_eq!(again.into_columns(), columns);
    }
}
