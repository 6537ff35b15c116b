//! The persistent state of transforms between ticks: one key-value space per transform and scope.
//!
//! ```no_run
//! use insightd_state::{Settings, SpaceId, Store};
//! use insights_batch::state::{Bounds, Changes, State};
//!
//! # let (now_ms, run, deliver) = (0, |_: &State| Changes::default(), || true);
//! let mut store = Store::open(Settings::new("/var/lib/insightd/state"));
//! // at each tick, for each transform with state access
//! let id = SpaceId::new("smooth", "node", "n1");
//! let state = State { space: store.snapshot(&id), bounds: Bounds::of_bytes(65_536) };
//! let changes = run(&state);
//! // only after all outputs of the tick are accepted
//! if deliver() {
//!     for (_, error) in store.commit_groups(now_ms, [[(id, changes)]]) {
//!         eprintln!("state of this tick is dropped: {error}");
//!     }
//! }
//! ```
//!
//! A snapshot is immutable: a shadow run is a call with a snapshot whose changes are dropped.
//!
//! # Guarantees
//!
//! - A commit covers all spaces of a tick, in groups that are accepted or refused as a whole. It is atomic: for readers, for a
//!   process killed at any point, and, with [`Settings::sync`], for a power failure. Without `sync`, a power failure may lose
//!   the last commits; the remaining state is consistent.
//! - State that cannot be written is held in memory, and [`Stats::mode`] gives the reason. As soon as the directory is usable,
//!   all of it is written. If a space exists in memory and on disk, the version written later is used.
//! - A file that is damaged or of another format version is quarantined and counted, and the state begins empty.
//! - [`Settings::max_bytes`] bounds all spaces together. Changes beyond it first drop spaces that were not used for an hour,
//!   or not since the store was opened, those written longest ago first; if that is not enough, their group is refused.
//!
//! # The directory
//!
//! One process owns it, by an exclusive `flock` on the file `lock`. It also contains the file `state` with all spaces;
//! `state.new` during a write, which is then renamed to `state`; and `quarantine/MMMMMMMM-state`, quarantined files that are damaged
//! or of another version (at most an eighth of `max_bytes`, and at least 1 MiB).
//!
//! # The format, version 1
//!
//! All numbers are little-endian; a text or value is its length (4 bytes) followed by its bytes.
//!
//! | field | bytes | |
//! |---|---|---|
//! | magic | 8 | `insstate`: the same in all versions |
//! | version | 4 | at this offset in all versions |
//! | spaces | 4 | number of spaces; the fields below repeat for each |
//! | transform, scope | texts | its id |
//! | since, written | 8 + 8 | first and last commit, milliseconds since the Unix epoch |
//! | keys | 4 | number of keys; for each, in key order: |
//! | key, value | texts | |
//! | checksum | 4 | CRC-32 (IEEE 802.3, as in gzip) of everything before it |
#![forbid(unsafe_code)]

mod disk;
mod format;
mod settings;
mod space;
mod stats;
mod store;

pub use disk::spaces;
#[doc(hidden)]
pub use format::rewrite;
pub use insightd_files::StorageMode;
pub use settings::Settings;
pub use space::SpaceId;
pub use stats::{SpaceStats, Stats};
pub use store::{CommitError, Store};
