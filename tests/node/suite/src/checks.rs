//! Checks of the agent on a healthy node.

pub(crate) mod cluster;
pub(crate) mod deploys;
pub(crate) mod figures;
pub(crate) mod identity;
pub(crate) mod rates;
pub(crate) mod recorded;
pub(crate) mod types;
