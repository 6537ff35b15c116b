//! What can go wrong.

use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

/// Why a block was not taken. It is counted as lost.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Key or body is larger than the format holds.
    #[error(
        "a block with a key of {key_bytes} and a body of {body_bytes} bytes: at most 64 KiB and 8 MiB; send less in one request"
    )]
    Oversized {
        /// Length of the key.
        key_bytes: usize,
        /// Length of the body.
        body_bytes: usize,
    },
    /// It does not fit into the folder's bound.
    #[error("a block of {bytes} bytes does not fit into the spool's {max_bytes} bytes; raise max_bytes")]
    LargerThanSpool {
        /// What it would take.
        bytes: u64,
        /// The bound.
        max_bytes: u64,
    },
    /// The folder cannot be used, and there is no room in memory.
    #[error("no room in memory for a block of {bytes} bytes ({reason})")]
    NoRoom {
        /// What it would take.
        bytes: usize,
        /// Why it is not on disk.
        reason: String,
    },
}

/// Why a block was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A bound dropped it meanwhile. Ending the lease in any way is right.
    #[error("the block was dropped while it was on lease")]
    Gone,
    /// It is broken. It was counted as lost; the lease has ended with it.
    #[error("{}: {what}; the block is lost, the file is kept in `aside`", path.display())]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Its file cannot be opened at this moment. The block still waits: release the lease.
    #[error(transparent)]
    Unavailable(#[from] Trouble),
}

/// Why a folder or a file of it cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The kernel refused.
    #[error("spool {}: {action}: {source}; {}", path.display(), advice(source))]
    Io {
        /// File or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// Another process holds the lock.
    #[error("spool {}: another process uses it; its blocks are taken over when it ends", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// Another folder or lock file stands in its place.
    #[error("spool {}: it was deleted, moved or replaced; leave it alone while the agent runs", path.display())]
    Replaced {
        /// The folder.
        path: PathBuf,
    },
}

fn advice(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => "free space there, or lower the spool's max_bytes",
        Some(Errno::ROFS) => "mount it writable",
        Some(Errno::ACCESS | Errno::PERM) => "give the agent access to it",
        Some(Errno::NOENT) => "make its parent folder, or name another",
        Some(Errno::NOTDIR | Errno::LOOP) => "name a folder",
        Some(Errno::MFILE | Errno::NFILE) => "raise the limit of open files",
        _ => "check the disk",
    }
}
