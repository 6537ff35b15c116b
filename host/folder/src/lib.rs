//! An owned directory for data that outlives the process; common base of the spool and the state store.
//!
//! - [`Folder`]: a directory locked by one process. No file in it is reached through a symbolic link, and only regular files are
//!   read.
//! - [`PrivateDir`]: a directory without a lock, whose owner and mode are checked.
//! - [`Aside`]: the quarantine, which keeps broken files for inspection, within a bound.
//! - [`Trouble`]: the reason why a directory or a file in it cannot be used, and what to do.
#![forbid(unsafe_code)]

mod aside;
mod folder;
mod foreign;
mod private;
mod trouble;

pub use aside::{ASIDE, Aside};
pub use folder::{Folder, Subfolder};
pub use foreign::{ReadError, read_beneath, read_regular};
pub use private::PrivateDir;
pub use trouble::Trouble;
