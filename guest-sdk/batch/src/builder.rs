//! Builder with which the host fills a batch.

use alloc::string::String;

use crate::columns::{Columns, NO_PARENT};
use crate::hash::hash;
use crate::index::Index;

/// Index into the string table of the batch under construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StringId(u32);

impl StringId {
    /// Position in the table.
    pub fn index(self) -> u32 {
        self.0
    }
}

/// Index of an entity of the batch under construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntityId(u32);

impl EntityId {
    /// Position in the columns.
    pub fn index(self) -> u32 {
        self.0
    }
}

/// Builds a [`Columns`]: interns strings and appends rows. Names used for many entities are interned once with
/// [`Builder::intern`] and passed as ids.
#[derive(Debug, Default)]
pub struct Builder {
    columns: Columns,
    table: Index,
}

impl Builder {
    /// Creates a builder without rows for one scope at one time.
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

    /// Continues an existing batch.
    pub fn from_columns(columns: Columns) -> Self {
        let count = columns.string_ends.len() as u32;
        let mut builder = Self { columns, table: Index::with_capacity(count as usize) };
        for id in 0..count {
            let hash = hash(builder.columns.string(id));
            builder.table.insert(hash, id);
        }
        builder
    }

    /// Returns the id of `text`, adding it to the table on first use.
    ///
    /// # Panics
    /// If the table exceeds 4 GiB; callers bound their input far below that.
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

    /// Appends an entity.
    pub fn entity(&mut self, kind: &str, id: &str, parent: Option<EntityId>) -> EntityId {
        let (kind, id) = (self.intern(kind), self.intern(id));
        let entities = &mut self.columns.entities;
        let index = entities.kind.len() as u32;
        entities.kind.push(kind.0);
        entities.id.push(id.0);
        entities.parent.push(parent.map_or(NO_PARENT, |parent| parent.0));
        EntityId(index)
    }

    /// Appends an attribute row.
    pub fn attribute(&mut self, entity: EntityId, key: &str, value: &str) {
        let (key, value) = (self.intern(key), self.intern(value));
        self.attribute_id(entity, key, value);
    }

    /// Appends an attribute row of interned strings.
    pub fn attribute_id(&mut self, entity: EntityId, key: StringId, value: StringId) {
        let attributes = &mut self.columns.attributes;
        attributes.entity.push(entity.0);
        attributes.key.push(key.0);
        attributes.value.push(value.0);
    }

    /// Appends a gauge row. NaN and infinities are skipped: the contract cannot represent them.
    pub fn gauge(&mut self, entity: EntityId, name: &str, value: f64) {
        let name = self.intern(name);
        self.gauge_id(entity, name, value);
    }

    /// Same as [`Builder::gauge`], with an interned name.
    pub fn gauge_id(&mut self, entity: EntityId, name: StringId, value: f64) {
        if value.is_finite() {
            let gauges = &mut self.columns.gauges;
            gauges.entity.push(entity.0);
            gauges.name.push(name.0);
            gauges.value.push(value);
        }
    }

    /// Appends a counter row; `previous` holds the previous reading and the nanoseconds between the two readings.
    pub fn counter(&mut self, entity: EntityId, name: &str, current: u64, previous: Option<(u64, u64)>) {
        let name = self.intern(name);
        self.counter_id(entity, name, current, previous);
    }

    /// Same as [`Builder::counter`], with an interned name.
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

    /// Appends a link: `source` is `role` of `target`, as in "pod `owned-by` workload".
    pub fn link(&mut self, source: EntityId, target: EntityId, role: &str) {
        let role = self.intern(role);
        let links = &mut self.columns.links;
        links.source.push(source.0);
        links.target.push(target.0);
        links.role.push(role.0);
    }

    /// Columns built so far.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Returns the finished columns.
    pub fn finish(self) -> Columns {
        self.columns
    }
}
