//! What can go wrong.

use std::path::PathBuf;

use insightd_folder::Trouble;

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
