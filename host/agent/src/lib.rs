//! The parts of `insightd`. `app` puts them together; nothing else knows them all.
#![forbid(unsafe_code)]

pub mod config;
pub mod routes;
pub mod sinks;
