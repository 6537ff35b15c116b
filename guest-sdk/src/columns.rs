//! Wire form of a batch at the component boundary: columns over one string table.
//!
//! This is the Rust form of `insights:transform/types` (`wit/types.wit`), which documents every field. The host fills it
//! with a [`Builder`](crate::Builder), guests edit it as a [`Batch`](crate::Batch). Neither side trusts the other, so each
//! calls [`Columns::check`] first.

mod check;

use alloc::string::String;
use alloc::vec::Vec;

pub use check::ColumnError;

/// Value of `Entities::parent` for an entity without a parent.
pub const NO_PARENT: u32 = u32::MAX;

/// One batch; see `record batch` in `wit/types.wit`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// Kind of scope, such as `node`.
    pub scope: String,
    /// Identity within that kind.
    pub scope_id: String,
    /// Time of the tick, milliseconds since the Unix epoch.
    pub time_unix_ms: u64,
    /// Configured time between ticks, milliseconds.
    pub interval_ms: u64,
    /// All strings, concatenated.
    pub text: String,
    /// End of each string in `text`, as a byte offset.
    pub string_ends: Vec<u32>,
    /// Objects that metrics describe.
    pub entities: Entities,
    /// Text attributes of entities.
    pub attributes: Attributes,
    /// Values at the time of the tick.
    pub gauges: Gauges,
    /// Monotonic counters.
    pub counters: Counters,
    /// Relations other than parent and child.
    pub links: Links,
}

/// Columns of `record entities` in `wit/types.wit`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entities {
    /// String id of the kind.
    pub kind: Vec<u32>,
    /// String id of the identity.
    pub id: Vec<u32>,
    /// Entity index of the parent or [`NO_PARENT`].
    pub parent: Vec<u32>,
}

/// Columns of `record attributes` in `wit/types.wit`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes {
    /// Entity index.
    pub entity: Vec<u32>,
    /// String id of the key.
    pub key: Vec<u32>,
    /// String id of the value.
    pub value: Vec<u32>,
}

/// Columns of `record gauges` in `wit/types.wit`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gauges {
    /// Entity index.
    pub entity: Vec<u32>,
    /// String id of the name.
    pub name: Vec<u32>,
    /// Value, in the unit that belongs to the name.
    pub value: Vec<f64>,
}

/// Columns of `record counters` in `wit/types.wit`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counters {
    /// Entity index.
    pub entity: Vec<u32>,
    /// String id of the name.
    pub name: Vec<u32>,
    /// Reading of this tick.
    pub current: Vec<u64>,
    /// Previous reading; meaningless where `elapsed_ns` is 0.
    pub previous: Vec<u64>,
    /// Nanoseconds between the two readings; 0 means there is no previous reading.
    pub elapsed_ns: Vec<u64>,
}

/// Columns of `record links` in `wit/types.wit`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Links {
    /// Entity index of the source.
    pub source: Vec<u32>,
    /// Entity index of the target.
    pub target: Vec<u32>,
    /// String id of the role.
    pub role: Vec<u32>,
}

impl Columns {
    /// Returns string `id` of the table, or the empty string if `id` is out of range, which [`Columns::check`] excludes.
    pub fn string(&self, id: u32) -> &str {
        let id = id as usize;
        let start = if id == 0 { 0 } else { self.string_ends.get(id - 1).copied().unwrap_or(0) as usize };
        let end = self.string_ends.get(id).copied().unwrap_or(0) as usize;
        self.text.get(start..end).unwrap_or("")
    }

    /// Number of entities.
    pub fn entity_count(&self) -> usize {
        self.entities.kind.len()
    }

    /// Number of rows in gauges and counters together.
    pub fn point_count(&self) -> usize {
        self.gauges.name.len() + self.counters.name.len()
    }
}

impl Entities {
    pub(crate) fn reserve(&mut self, rows: usize) {
        self.kind.reserve(rows);
        self.id.reserve(rows);
        self.parent.reserve(rows);
    }
}

impl Attributes {
    pub(crate) fn reserve(&mut self, rows: usize) {
        self.entity.reserve(rows);
        self.key.reserve(rows);
        self.value.reserve(rows);
    }
}

impl Gauges {
    pub(crate) fn reserve(&mut self, rows: usize) {
        self.entity.reserve(rows);
        self.name.reserve(rows);
        self.value.reserve(rows);
    }
}

impl Counters {
    pub(crate) fn reserve(&mut self, rows: usize) {
        self.entity.reserve(rows);
        self.name.reserve(rows);
        self.current.reserve(rows);
        self.previous.reserve(rows);
        self.elapsed_ns.reserve(rows);
    }
}
