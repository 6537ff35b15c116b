//! Batches as JSON that people read and write: golden cases and recordings have this form.
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
//! A counter is `[current]`, or `[current, previous, elapsed_ns]` where there is a previous reading. Children stand inside
//! of their parent, so the order of a batch that was written and read again is: each entity before its children, siblings
//! in their old order. A link names its target by kind and id; where several entities have both, `"nth": 2` means the
//! second one in the order of the text. Everything but `scope`, `id`, `time_unix_ms`, `kind` and `id` may be left out.

mod read;
mod write;

use crate::columns::Columns;

pub use read::ReadableError;
pub(crate) use write::{Style, write};

impl Columns {
    /// Reads a batch.
    ///
    /// # Errors
    /// Text that is no JSON, with line and column; a value that is not what its place asks for, an unknown key, a link
    /// without target, each with its path, such as `entities[0].children[3].gauges["cpu.shares"]`.
    pub fn from_json(text: &str) -> Result<Self, ReadableError> {
        read::read(text)
    }

    /// Writes the batch indented. Rows that [`Columns::check`] would refuse are left out. Of several attributes, gauges or
    /// counters of one name on one entity the last row counts, in the place of the first; names are compared by their
    /// text, also where the table has it under several ids. So [`Columns::from_json`] reads the text of every batch
    /// that keeps the contract, unless its entities are nested deeper than the JSON reader goes.
    pub fn to_json(&self) -> String {
        write(self, Style { indented: true, sorted: false })
    }

    /// As [`Columns::to_json`], on one line without a line break at its end.
    pub fn to_json_line(&self) -> String {
        write(self, Style { indented: false, sorted: false })
    }
}
