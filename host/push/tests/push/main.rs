//! Delivery to a real HTTP server on loopback.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod endpoint;
mod faults;
mod server;
