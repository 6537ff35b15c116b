//! The operations endpoints: liveness, readiness, metrics and status of the agent.
//!
//! The worker thread publishes [`TickStats`] after every tick, and tasks register their counters; [`serve`] responds to
//! requests from the [`StatusRegistry`] that holds both. Nothing here can delay a tick: the locks of the registry are held only
//! while a pointer is swapped.

mod agent;
mod health;
mod history;
mod metrics;
mod page;
mod process;
mod registry;
mod response;
mod samples;
mod server;
mod state;
mod stats;
mod status;

pub use agent::AgentReading;
pub use registry::{Count, LeadershipStatus, StatusRegistry};
pub use server::{Servers, serve};
pub use stats::{ComponentStats, OutputStats, SinkStats, SlotVersion, TickStats};

#[cfg(test)]
mod tests;
