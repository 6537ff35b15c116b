//! Errors of a directory or a file in it.

use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

/// Reason why a directory or a file in it cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// A system call failed.
    #[error("{}: {action}: {source}; {}", path.display(), advice(source))]
    Io {
        /// File or directory.
        path: PathBuf,
        /// Action that failed, such as `open`.
        action: &'static str,
        /// Error of the system call.
        source: io::Error,
    },
    /// A file fails the checks and is not read.
    #[error("{}: {problem}; it is not used, remove it", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Description that follows the path, such as `is a symbolic link`.
        problem: String,
    },
    /// Another user owns the directory.
    #[error("{}: it belongs to user {owner}, the agent is user {ours}: it is not used; give it to the agent's user, with mode 0700", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// User id of the owner.
        owner: u32,
        /// Effective user id of the agent.
        ours: u32,
    },
    /// Another process holds the lock.
    #[error("{}: another process uses it; what it leaves is taken over when it ends", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The path no longer names the directory that was opened.
    #[error("{}: it was deleted, moved or replaced; leave it alone while the agent runs", path.display())]
    Replaced {
        /// The directory.
        path: PathBuf,
    },
}

fn advice(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => "free space there, or lower its max_bytes",
        Some(Errno::ROFS) => "mount it writable",
        Some(Errno::ACCESS | Errno::PERM) => "give the agent access to it",
        Some(Errno::NOENT) => "make its parent folder, or name another",
        Some(Errno::NOTDIR | Errno::LOOP) => "name a folder",
        Some(Errno::MFILE | Errno::NFILE) => "raise the limit of open files",
        _ => "check the disk",
    }
}
