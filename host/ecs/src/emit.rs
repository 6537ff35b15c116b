//! Adds the facts to a batch, under raw names.
//!
//! Nothing is joined with cgroups or aggregated here: that is the task of transforms. A value that is not known is absent.

mod counters;
mod describe;
mod node;
mod task;

pub use node::{NodeEmitter, NodeEntities};
pub use task::TaskEmitter;
