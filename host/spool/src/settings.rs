//! Settings of a spool.

use std::path::PathBuf;

use crate::format::MAX_SEGMENT_BYTES;

/// When blocks are synced to disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// Before `append` returns: blocks survive a power failure.
    Always,
    /// When the kernel writes them back: blocks survive the process, but not a power failure.
    #[default]
    Never,
}

/// Location and limits of a spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The directory, used by this sink alone. It is created if its parent exists.
    pub directory: PathBuf,
    /// Bound on the bytes of all segments and quarantined files.
    pub max_bytes: u64,
    /// Maximum age of a block's events in milliseconds; older blocks are dropped.
    pub max_age_ms: u64,
    /// Size at which a new segment begins; segments are deleted as a whole. At most an eighth of `max_bytes`, and 64 MiB.
    pub segment_bytes: u64,
    /// Bound on the bytes of keys and bodies held in memory while the directory is unusable.
    pub memory_bytes: u64,
    /// When blocks are synced to disk.
    pub sync: Sync,
}

impl Settings {
    /// Returns settings for this directory: 256 MiB, three days, 4 MiB in memory, no fsync.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            max_bytes: 256 << 20,
            max_age_ms: 3 * 24 * 3_600_000,
            segment_bytes: 4 << 20,
            memory_bytes: 4 << 20,
            sync: Sync::Never,
        }
    }

    pub(crate) fn segment_bytes(&self) -> u64 {
        self.segment_bytes.min(self.max_bytes / 8).min(MAX_SEGMENT_BYTES)
    }
}
