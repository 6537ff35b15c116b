//! Helpers shared by all clients of remote endpoints: request status for metrics, and backoff after failures.

#![forbid(unsafe_code)]

mod backoff;
mod status;

pub use backoff::{Backoff, up_to};
pub use status::{Snapshot, Status};
