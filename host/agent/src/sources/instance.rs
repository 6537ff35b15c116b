//! The EC2 instance: the watch of its metadata, and what that adds to batches.

mod facts;
mod watch;

pub(super) use facts::MachineFacts;
pub(super) use watch::start;
