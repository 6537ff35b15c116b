//! Errors of a spool.

use std::path::PathBuf;

use insightd_files::DirError;

/// Reason why a block was not accepted. The block is counted as lost.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The key or body exceeds the limits of the format.
    #[error(
        "block too large: key of {key_bytes} bytes (limit 64 KiB), body of {body_bytes} bytes (limit 8 MiB); \
         send less in one request"
    )]
    Oversized {
        /// Length of the key.
        key_bytes: usize,
        /// Length of the body.
        body_bytes: usize,
    },
    /// The block does not fit into the bound of the directory.
    #[error("a block of {bytes} bytes does not fit into the spool's {max_bytes} bytes; raise max_bytes")]
    LargerThanSpool {
        /// Bytes that the block would occupy on disk.
        bytes: u64,
        /// The bound.
        max_bytes: u64,
    },
    /// The directory is unusable, and the memory bound is reached.
    #[error("no room in memory for a block of {bytes} bytes ({reason})")]
    NoRoom {
        /// Bytes of key and body.
        bytes: usize,
        /// Reason why the block is not on disk.
        reason: String,
    },
}

/// Reason why a block was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The block was dropped during the lease to satisfy a bound. The lease may be ended in any way.
    #[error("the block was dropped while it was leased")]
    Gone,
    /// The block is damaged. It is counted as lost and no longer in the spool; ending the lease has no further effect.
    #[error(
        "cannot read a block of {}: {problem}; the block is lost, and the file will be quarantined",
        path.display()
    )]
    Damaged {
        /// Path of the segment.
        path: PathBuf,
        /// Description of the damage.
        problem: String,
    },
    /// The file cannot be opened now. The block still waits: release the lease.
    #[error(transparent)]
    Unavailable(#[from] DirError),
}
