//! What a store may use.

use std::path::PathBuf;

/// Where the state is and what it may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The folder, of this process alone. It is made if its parent is there.
    pub folder: PathBuf,
    /// Bound on all spaces together: bytes of their ids, keys and values. The file is little larger; twice as much is there
    /// while it is written anew.
    pub max_bytes: u64,
    /// Whether a commit waits until it is on the disk, to outlive a power failure.
    pub sync: bool,
}

impl Settings {
    /// 8 MiB in this folder, not synced.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), max_bytes: 8 << 20, sync: false }
    }
}
