//! A folder in which a process keeps what must outlive it: what the spool and the state have in common.
//!
//! - [`Folder`]: one process owns it, by a lock. Nothing in it is reached through a symbolic link, and only regular files are
//!   read.
//! - [`PrivateDir`]: a directory without a lock, whose owner and modes are checked.
//! - [`Aside`]: files that are broken are kept for somebody to look at, within a bound.
//! - [`Trouble`]: why a folder or a file of it cannot be used, and what to do.
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
