//! Checks of the agent on a node with a fault.

pub(crate) mod api_server;
pub(crate) mod churn;
pub(crate) mod clock;
pub(crate) mod kubelet;
pub(crate) mod leader;
pub(crate) mod outage;
pub(crate) mod poison;
pub(crate) mod rbac;
pub(crate) mod reload;
pub(crate) mod restart;
pub(crate) mod sandbox;
pub(crate) mod token;
