//! CloudWatch Logs: limits, request bodies, requests, and the interpretation of responses.

mod body;
#[cfg(feature = "client")]
mod create;
#[cfg(feature = "client")]
mod explain;
pub mod limits;
pub mod names;
#[cfg(feature = "client")]
mod send;
#[cfg(test)]
mod tests;

pub use body::{Body, BodyBuilder, Destination, InvalidEvent, validate_message};
#[cfg(feature = "client")]
pub use create::{Create, GroupSettings};
#[cfg(feature = "client")]
pub use send::{Logs, LogsSettings};
