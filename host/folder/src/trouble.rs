//! Why a folder cannot be used.

use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

/// Why a folder or a file of it cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The kernel refused.
    #[error("{}: {action}: {source}; {}", path.display(), advice(source))]
    Io {
        /// File or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// A file is not one that is read.
    #[error("{}: {problem}; it is not used, remove it", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// The fault.
        problem: String,
    },
    /// Another user owns it.
    #[error("{}: it belongs to user {owner}, the agent is user {ours}: it is not used; give it to the agent's user, with mode 0700", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// The agent's user.
        ours: u32,
    },
    /// Another process holds the lock.
    #[error("{}: another process uses it; what it leaves is taken over when it ends", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// Another folder or lock file stands in its place.
    #[error("{}: it was deleted, moved or replaced; leave it alone while the agent runs", path.display())]
    Replaced {
        /// The folder.
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
