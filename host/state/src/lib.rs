//! What transforms remember from tick to tick: one key-value space for each transform and scope.
//!
//! ```no_run
//! use insightd_state::{Settings, SpaceId, Store};
//! use insights_sdk::state::{Bounds, Changes, State};
//!
//! # let (now_ms, run, deliver) = (0, |_: &State| Changes::default(), || true);
//! let mut store = Store::open(Settings::in_folder("/var/lib/insightd/state"));
//! // each tick, for each transform that is granted state
//! let id = SpaceId::new("smooth", "node", "n1");
//! let state = State { space: store.snapshot(&id), bounds: Bounds::of_bytes(65_536) };
//! let changes = run(&state);
//! // once all outputs of the tick are accepted; otherwise not at all
//! if deliver() {
//!     store.commit(now_ms, [(id, changes)])?;
//! }
//! # Ok::<(), insightd_state::CommitError>(())
//! ```
//!
//! A snapshot never changes: a shadow run is a call with one whose changes are dropped.
//!
//! # What holds
//!
//! - A commit has all spaces of a tick, and is there whole or not at all: for readers, for a process that is killed at
//!   any point, and, with [`Settings::sync`], when power fails. Without it, a power failure may cost the last commits; what
//!   is left is whole.
//! - What cannot be on disk is held in memory, and [`Stats::mode`] says why. As soon as the folder can be used, everything is
//!   written to it. Of a space that is on both sides the one written later counts.
//! - A file that is damaged or of another version is put aside and counted, and the state begins empty.
//! - The whole is bounded by [`Settings::max_bytes`]. A commit beyond it first drops spaces that nobody has asked for since the
//!   store was opened, those written longest ago first; if that is not enough, nothing of it is taken.
//!
//! # The folder
//!
//! One process owns it, by an exclusive `flock` on the file `lock`. Beside it there is the file `state`, with everything;
//! `state.new` while it is written anew, then given the name `state`; and `aside/MMMMMMMM-state`, files that were damaged or of
//! another version (at most an eighth of `max_bytes`, and 1 MiB at least).
//!
//! # The format, version 1
//!
//! All numbers are little-endian; a text or value is its length (4 bytes) and its bytes.
//!
//! | what | bytes | |
//! |---|---|---|
//! | magic | 8 | `insstate`: the same in all versions |
//! | version | 4 | at this place in all versions |
//! | spaces | 4 | number of spaces; for each of them |
//! | transform, scope | texts | its id |
//! | since, written | 8 + 8 | first and last commit, milliseconds since the Unix epoch |
//! | keys | 4 | number of keys; for each of them, in their order |
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
pub use settings::Settings;
pub use space::SpaceId;
pub use stats::{Mode, SpaceStats, Stats};
pub use store::{CommitError, Store};
