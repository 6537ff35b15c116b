//! Wire form of a batch at the component boundary: columns over one string table.
//!
//! This is the Rust form of `insights:transform/types` (`wit/types.wit`), which documents every field. The host fills it
//! with a [`Builder`](crate::Builder), guests edit it as a [`Batch`](crate::Batch). Neither side trusts the other, so each
//! calls [`Columns::check`] first.

mod check;
mod table;

use alloc::string::String;
use alloc::vec::Vec;

pub use check::ColumnError;
pub use table::{Attributes, Counters, Entities, Gauges, Links, Renumber};

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
