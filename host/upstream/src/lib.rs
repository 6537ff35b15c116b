//! Helpers shared by all clients of remote endpoints: request status for metrics, backoff after failures, and a lock for what
//! their tasks share.

#![forbid(unsafe_code)]

mod backoff;
mod lock;
mod status;

pub use backoff::{Backoff, jitter_up_to};
pub use lock::lock;
pub use status::{UpstreamSnapshot, UpstreamStatus};
