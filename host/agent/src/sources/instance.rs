//! The EC2 instance: the watch of its metadata, and what that adds to batches.

mod facts;
#[cfg(feature = "aws")]
mod watch;
#[cfg(not(feature = "aws"))]
#[path = "instance/no_watch.rs"]
mod watch;

pub(super) use facts::MachineFacts;
pub(super) use watch::start;
