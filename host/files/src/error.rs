//! Errors of a directory or a file in it.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// Reason why a directory or a file in it cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirError {
    /// A system call failed.
    #[error("cannot {action} {}: {source}; {}", path.display(), advice(source))]
    Io {
        /// File or directory.
        path: PathBuf,
        /// Action that failed, such as `open`; it precedes the path.
        action: &'static str,
        /// Error of the system call.
        source: io::Error,
    },
    /// A file fails the checks and is not read.
    #[error("{} {problem}; the file is ignored, remove it", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Description that follows the path, such as `is a symbolic link`.
        problem: String,
    },
    /// Another user owns the directory.
    #[error(
        "{} belongs to user {owner}, but the agent runs as user {ours}; the directory is not used: \
         change its owner to user {ours}, with mode 0700",
        path.display()
    )]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// User id of the owner.
        owner: u32,
        /// Effective user id of the agent.
        ours: u32,
    },
    /// Another process holds the lock.
    #[error("{} is in use by another process; its data is taken over when that process ends", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The path no longer names the directory that was opened.
    #[error("{} was deleted, moved or replaced; do not change it while the agent runs", path.display())]
    Replaced {
        /// The directory.
        path: PathBuf,
    },
}

impl DirError {
    /// Builds a [`DirError::Io`] from the entry `name` of a directory (empty for the directory itself), the action that failed, and
    /// its error.
    pub(crate) fn io(
        directory: &Path,
        name: &str,
        action: &'static str,
        source: impl Into<io::Error>,
    ) -> Self {
        Self::Io { path: entry_path(directory, name), action, source: source.into() }
    }
}

/// Returns the path of an entry, or of the directory itself for an empty name.
pub(crate) fn entry_path(directory: &Path, name: &str) -> PathBuf {
    // `join` of an empty name would add a slash.
    if name.is_empty() { directory.to_owned() } else { directory.join(name) }
}

fn advice(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => "free disk space, or lower max_bytes",
        Some(Errno::ROFS) => "mount it writable",
        Some(Errno::ACCESS | Errno::PERM) => "give the agent access to it",
        Some(Errno::NOENT) => "create its parent directory, or configure another",
        Some(Errno::NOTDIR | Errno::LOOP) => "configure a directory",
        Some(Errno::MFILE | Errno::NFILE) => "raise the limit of open files",
        _ => "check the disk",
    }
}
