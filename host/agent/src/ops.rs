//! The operations endpoints: liveness, readiness, metrics and status of the agent.
//!
//! The worker thread publishes [`TickStats`] after every tick, and tasks register their counters; [`serve`] responds to
//! requests from the [`StatusRegistry`] that holds both. Nothing here can delay a tick: the locks of the registry are held only
//! while a pointer is swapped.

mod health;
mod metrics;
mod page;
mod process;
mod registry;
mod response;
mod server;
mod stats;
mod status;

pub use registry::{Count, LeadershipStatus, StatusRegistry};
pub use server::serve;
pub use stats::{ComponentStats, OutputStats, SinkStats, SlotVersion, TickStats};

#[cfg(test)]
mod tests;
