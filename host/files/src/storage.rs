//! Fallback from a directory to memory.

use crate::error::DirError;

/// Place where the owner of a directory keeps new data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageMode {
    /// On disk, in the directory.
    Disk,
    /// Only in memory, which is lost when the process ends.
    Memory {
        /// The file or directory concerned, the problem, and what to do.
        reason: String,
    },
}

/// Change of the storage mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageChange {
    /// The directory became unusable.
    Lost,
    /// The directory is usable again.
    Restored,
}

/// The current storage mode, with the changes to log.
#[derive(Debug, Default)]
pub struct Storage {
    /// Reason why the directory is not used.
    reason: Option<String>,
}

impl Storage {
    /// Creates the state of an owner without a directory.
    pub fn without_directory() -> Self {
        Self { reason: Some("no directory is configured".to_owned()) }
    }

    /// Takes the result of the last use of the directory. Returns the change, so that a lasting failure is logged once.
    pub fn update(&mut self, error: Option<&DirError>) -> Option<StorageChange> {
        let change = match (&self.reason, error) {
            (None, Some(_)) => Some(StorageChange::Lost),
            (Some(_), None) => Some(StorageChange::Restored),
            _ => None,
        };
        self.reason = error.map(DirError::to_string);
        change
    }

    /// Returns true if the directory was usable when it was last used.
    pub fn is_on_disk(&self) -> bool {
        self.reason.is_none()
    }

    /// Returns the reason why the directory is not used, empty if it is.
    pub fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or_default()
    }

    /// Returns the mode for statistics.
    pub fn mode(&self) -> StorageMode {
        self.reason.clone().map_or(StorageMode::Disk, |reason| StorageMode::Memory { reason })
    }
}
