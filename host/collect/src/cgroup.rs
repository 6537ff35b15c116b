//! Control groups: where they are, what their paths say, what their files say.

pub(crate) mod expected;
pub mod files;
pub(crate) mod layout;
pub mod path;
pub(crate) mod reading;
pub(crate) mod sum;
pub(crate) mod tree;
mod v1;
mod v2;
