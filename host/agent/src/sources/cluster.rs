//! The cluster, while this agent is elected: the watch of its objects, and the batches made of them.

mod batches;
mod watch;

pub use batches::ClusterSource;
pub use watch::{SharedWatch, watch_cluster};
pub(super) use watch::{follow_leadership, settings};
