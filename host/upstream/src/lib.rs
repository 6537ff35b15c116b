//! Helpers shared by all clients of remote endpoints: request status for metrics, backoff after failures, error texts, trusted
//! certificate authorities (feature `tls`), and a lock for what their tasks share.

#![forbid(unsafe_code)]

mod backoff;
pub mod error_text;
mod lock;
#[cfg(feature = "tls")]
pub mod roots;
mod status;

pub use backoff::{Backoff, jitter_up_to};
pub use lock::lock;
pub use status::{UpstreamSnapshot, UpstreamStatus};
