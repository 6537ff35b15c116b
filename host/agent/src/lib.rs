//! The library of the `insightd` agent. `app` assembles the modules; no other module depends on all of them.
#![deny(unsafe_code)]

pub mod announce;
pub mod app;
pub mod assemble;
pub mod builtins;
pub mod cli;
pub mod complaint;
pub mod config;
pub mod counters;
pub mod drive;
pub mod gate;
pub mod hardening;
pub mod library;
pub mod logging;
pub mod memory;
pub mod ops;
pub mod outcome;
pub mod output;
pub mod pipeline;
pub mod record;
pub mod recording;
pub mod remote;
pub mod rollout;
pub mod routes;
pub mod schedule;
pub mod sinks;
pub mod source;
pub mod states;
pub mod status;
pub mod visible;
pub mod worker;
