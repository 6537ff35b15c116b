//! What a spool may use.

use std::path::PathBuf;

use crate::format::MAX_SEGMENT_BYTES;

/// When what was written is forced to the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// Before `append` comes back: blocks outlive a power failure.
    Always,
    /// When the kernel wants: blocks outlive the process, not the machine.
    #[default]
    Never,
}

/// Where a spool is and what it may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The folder, of this sink alone. It is made if its parent is there.
    pub folder: PathBuf,
    /// Bound on all files in it, those put aside included.
    pub max_bytes: u64,
    /// Blocks whose events are older are dropped.
    pub max_age_ms: u64,
    /// Where a segment ends: what is deleted at once. At most an eighth of `max_bytes`, and 64 MiB.
    pub segment_bytes: u64,
    /// Bound on keys and bodies that are held in memory while the folder cannot be used.
    pub memory_bytes: u64,
    /// When blocks are forced to the disk.
    pub sync: Sync,
}

impl Settings {
    /// 256 MiB and three days in this folder, 4 MiB in memory, not synced.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
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
