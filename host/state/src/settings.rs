//! Settings of a store.

use std::path::PathBuf;

/// Location and limits of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The directory, used by this process alone. It is created if its parent exists.
    pub directory: PathBuf,
    /// Bound on all spaces together: bytes of their ids, keys and values. The file is slightly larger; during a write the disk
    /// holds two of them.
    pub max_bytes: u64,
    /// `true` if a commit waits for fsync, to survive a power failure.
    pub sync: bool,
}

impl Settings {
    /// Returns settings for this directory: 8 MiB, without fsync.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), max_bytes: 8 << 20, sync: false }
    }
}
