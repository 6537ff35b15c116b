//! What is common to everything that the agent asks over the network: how it goes, and how long to wait after failures.

#![forbid(unsafe_code)]

mod backoff;
mod status;

pub use backoff::{Backoff, up_to};
pub use status::{Snapshot, Status};
