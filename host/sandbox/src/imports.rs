//! Functions that components may import.

pub(crate) mod log;
pub(crate) mod state;
pub(crate) mod wasi;
