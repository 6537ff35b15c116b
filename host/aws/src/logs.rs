//! CloudWatch Logs: limits, request bodies, requests, and the interpretation of responses.

mod body;
mod create;
mod explain;
pub mod limits;
pub mod names;
mod send;
#[cfg(test)]
mod tests;

pub use body::{Body, BodyBuilder, Destination, InvalidEvent, validate_message};
pub use create::{Create, GroupSettings};
pub use send::{Logs, LogsSettings};
