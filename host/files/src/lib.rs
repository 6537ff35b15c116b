//! Safe access of a privileged process to files that other users may have prepared.
//!
//! - [`OwnedDir`]: a directory locked by one process, base of the spool and the state store. Its owner and mode are checked. No file
//!   in it is reached through a symbolic link, and only regular files of this user or root are read.
//! - [`PrivateDir`]: a directory without a lock, whose owner and mode are checked.
//! - [`read_regular`], [`read_beneath`]: reads of files that others provide, which never block on a pipe or a device.
//! - [`Quarantine`]: broken files of an [`OwnedDir`], kept for inspection within a bound.
//! - [`Storage`]: the fallback from an unusable directory to memory.
//! - [`DirError`]: the reason why a directory or a file in it cannot be used, and what to do.
#![forbid(unsafe_code)]

mod error;
mod owned;
mod private;
mod quarantine;
mod read;
mod storage;
mod trust;

pub use error::DirError;
pub use owned::{OwnedDir, Subdir};
pub use private::PrivateDir;
pub use quarantine::Quarantine;
pub use read::{ReadError, read_beneath, read_regular};
pub use storage::{Storage, StorageChange, StorageMode};
