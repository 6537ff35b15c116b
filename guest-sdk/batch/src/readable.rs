//! Human-readable JSON form of batches and states, used by golden cases and recordings.
//!
//! ```json
//! {
//!   "scope": "node", "id": "n1", "time_unix_ms": 1700000000000, "interval_ms": 60000,
//!   "entities": [
//!     {
//!       "kind": "node", "id": "n1",
//!       "attributes": {"node.name": "n1"},
//!       "gauges": {"node.cpu_count": 2},
//!       "counters": {"cpu.usage_ns": [900, 300, 60000000000], "memory.pgfault": [7]},
//!       "children": [
//!         {"kind": "pod", "id": "u1", "links": [{"role": "owned-by", "kind": "workload", "id": "ReplicaSet/a/b"}]},
//!         {"kind": "workload", "id": "ReplicaSet/a/b"}
//!       ]
//!     }
//!   ]
//! }
//! ```
//!
//! A counter is `[current]`, or `[current, previous, elapsed_ns]` if there is a previous reading. Children are nested in
//! their parent, so a batch that is written and read again is ordered as follows: each entity before its children,
//! siblings in their old order. A link names its target by kind and id; if several entities have both, `"nth": 2` means
//! the second one in text order. Everything but `scope`, `id`, `time_unix_ms`, `kind` and `id` is optional.

mod read;
mod state;
mod write;

use crate::columns::Columns;

pub use read::ReadableError;
use write::{Style, write};

impl Columns {
    /// Parses a batch.
    ///
    /// # Errors
    /// Text that is not JSON, with line and column; a value of the wrong type, an unknown key or a link without target, each
    /// with its path, such as `entities[0].children[3].gauges["cpu.shares"]`.
    pub fn from_json(text: &str) -> Result<Self, ReadableError> {
        read::read(text)
    }

    /// Writes the batch as indented JSON. Rows that [`Columns::check`] would reject are left out. If one entity has several
    /// attributes, gauges or counters of one name, the last row wins, at the position of the first; names are compared by
    /// text, because the table may hold a text under several ids. So [`Columns::from_json`] can read every batch that keeps
    /// the contract, unless its entities are nested deeper than the JSON reader allows.
    pub fn to_json(&self) -> String {
        write(self, Style { indented: true, sorted: false })
    }

    /// Same as [`Columns::to_json`], on a single line without a trailing line break.
    pub fn to_json_line(&self) -> String {
        write(self, Style { indented: false, sorted: false })
    }

    /// Same as [`Columns::to_json`], with names, links and siblings sorted: equivalent batches have the same text.
    pub fn to_json_sorted(&self) -> String {
        write(self, Style { indented: true, sorted: true })
    }
}
