//! What a store holds.

use crate::space::SpaceId;

/// Where the state is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In the folder.
    Disk,
    /// In memory alone: it ends with the process.
    Memory {
        /// The file or folder, what is wrong with it and what to do.
        reason: String,
    },
}

/// State of one space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpaceStats {
    /// Whose it is.
    pub id: SpaceId,
    /// Bytes of keys and values.
    pub bytes: u64,
    /// Number of keys.
    pub keys: usize,
    /// First commit, milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// Last commit, milliseconds since the Unix epoch.
    pub written_ms: u64,
}

/// State of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Spaces with something in them, in the order of their ids.
    pub spaces: Vec<SpaceStats>,
    /// Bytes of all ids, keys and values.
    pub bytes: u64,
    /// Their bound.
    pub max_bytes: u64,
    /// Commits that changed something, since the store was opened.
    pub commits: u64,
    /// Commits that were refused, likewise.
    pub refused: u64,
    /// Spaces that were dropped to make room, likewise.
    pub dropped: u64,
    /// Files that were put aside as damaged or of another version, likewise.
    pub set_aside: u64,
    /// Bytes of the files put aside.
    pub aside_bytes: u64,
    /// Where the state is.
    pub mode: Mode,
}
