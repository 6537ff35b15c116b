//! Statistics of a store.

use insightd_files::StorageMode;

use crate::space::SpaceId;

/// Statistics of one space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpaceStats {
    /// Id of the space.
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

/// Statistics of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Non-empty spaces, ordered by id.
    pub spaces: Vec<SpaceStats>,
    /// Bytes of all ids, keys and values.
    pub bytes: u64,
    /// Bound on `bytes`.
    pub max_bytes: u64,
    /// Ticks since the store was opened in which changes were refused.
    pub refused_ticks: u64,
    /// Spaces dropped to make room since the store was opened.
    pub dropped: u64,
    /// Files quarantined as damaged or of another format version since the store was opened.
    pub quarantined: u64,
    /// Location of the state.
    pub mode: StorageMode,
}
