//! Filling a batch from the host's side.

use alloc::string::String;

use crate::columns::{Columns, NO_PARENT};
use crate::hash::hash;
use crate::index::Index;

/// A string of the table of the batch that is being built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StringId(u32);

impl StringId {
    /// Position in the table.
    pub fn index(self) -> u32 {
        self.0
    }
}

/// An entity of the batch that is being built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntityId(u32);

impl EntityId {
    /// Position in the columns.
    pub fn index(self) -> u32 {
        self.0
    }
}

/// Builds a [`Columns`]: interns strings, appends rows. Names that are used for many entities are interned once with
/// [`Builder::intern`] and passed as ids.
#[derive(Debug, Default)]
pub struct Builder {
    columns: Columns,
    table: Index,
}

impl Builder {
    /// An empty batch of one scope at one time.
    pub fn new(scope: &str, scope_id: &str, time_unix_ms: u64, interval_ms: u64) -> Self {
        let columns = Columns {
            scope: String::from(scope),
            scope_id: String::from(scope_id),
            time_unix_ms,
            interval_ms,
            ..Columns::default()
        };
        Self { columns, table: Index::default() }
    }

    /// Goes on with a batch that exists already.
    pub fn from_columns(columns: Columns) -> Self {
        let count = columns.string_ends.len() as u32;
        let mut builder = Self { columns, table: Index::with_capacity(count as usize) };
        for id in 0..count {
            let hash = hash(builder.columns.string(id));
            builder.table.insert(hash, id);
        }
        builder
    }

    /// The id of `text`, added on first use.
    ///
    /// # Panics
    /// When the table passes 4 GiB; callers bound what they take in long before.
    pub fn intern(&mut self, text: &str) -> StringId {
        let Self { columns, table } = self;
        let hash = hash(text);
        if let Some(id) = table.find(hash, |id| columns.string(id) == text) {
            return StringId(id);
        }
        let id = columns.string_ends.len() as u32;
        columns.text.push_str(text);
        columns
            .string_ends
            .push(u32::try_from(columns.text.len()).expect("the string table stays below 4 GiB"));
        table.insert(hash, id);
        StringId(id)
    }

    /// A new entity.
    pub fn entity(&mut self, kind: &str, id: &str, parent: Option<EntityId>) -> EntityId {
        let (kind, id) = (self.intern(kind), self.intern(id));
        let entities = &mut self.columns.entities;
        let index = entities.kind.len() as u32;
        entities.kind.push(kind.0);
        entities.id.push(id.0);
        entities.parent.push(parent.map_or(NO_PARENT, |parent| parent.0));
        EntityId(index)
    }

    /// A text fact.
    pub fn attribute(&mut self, entity: EntityId, key: &str, value: &str) {
        let (key, value) = (self.intern(key), self.intern(value));
        self.attribute_id(entity, key, value);
    }

    /// A text fact, of strings interned before.
    pub fn attribute_id(&mut self, entity: EntityId, key: StringId, value: StringId) {
        let attributes = &mut self.columns.attributes;
        attributes.entity.push(entity.0);
        attributes.key.push(key.0);
        attributes.value.push(value.0);
    }

    /// A figure of the moment. NaN and infinities are left out: the contract has no place for them.
    pub fn gauge(&mut self, entity: EntityId, name: &str, value: f64) {
        let name = self.intern(name);
        self.gauge_id(entity, name, value);
    }

    /// As [`Builder::gauge`], the name interned before.
    pub fn gauge_id(&mut self, entity: EntityId, name: StringId, value: f64) {
        if value.is_finite() {
            let gauges = &mut self.columns.gauges;
            gauges.entity.push(entity.0);
            gauges.name.push(name.0);
            gauges.value.push(value);
        }
    }

    /// A figure that only grows; `previous` is the reading before and the nanoseconds between the two.
    pub fn counter(&mut self, entity: EntityId, name: &str, current: u64, previous: Option<(u64, u64)>) {
        let name = self.intern(name);
        self.counter_id(entity, name, current, previous);
    }

    /// As [`Builder::counter`], the name interned before.
    pub fn counter_id(
        &mut self,
        entity: EntityId,
        name: StringId,
        current: u64,
        previous: Option<(u64, u64)>,
    ) {
        let (previous, elapsed_ns) = previous.unwrap_or((0, 0));
        let counters = &mut self.columns.counters;
        counters.entity.push(entity.0);
        counters.name.push(name.0);
        counters.current.push(current);
        counters.previous.push(previous);
        counters.elapsed_ns.push(elapsed_ns);
    }

    /// A relation: `source` is `role` of `target`, as in "pod `owned-by` workload".
    pub fn link(&mut self, source: EntityId, target: EntityId, role: &str) {
        let role = self.intern(role);
        let links = &mut self.columns.links;
        links.source.push(source.0);
        links.target.push(target.0);
        links.role.push(role.0);
    }

    /// What has been built so far.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The batch.
    pub fn finish(self) -> Columns {
        self.columns
    }
}
