//! The parts of `insightd`. `app` puts them together; nothing else knows them all.
#![deny(unsafe_code)]

pub mod cli;
pub mod complaint;
pub mod config;
pub mod counters;
pub mod logging;
pub mod memory;
pub mod routes;
pub mod schedule;
pub mod sinks;
