//! Control groups: hierarchies, paths and files.

pub(crate) mod expected;
pub mod files;
pub(crate) mod layout;
pub mod path;
pub(crate) mod reading;
pub(crate) mod sum;
pub(crate) mod tree;
mod v1;
mod v2;
