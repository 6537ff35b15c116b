//! The library of the `insightd` agent. `app` assembles the modules; no other module depends on all of them.
#![deny(unsafe_code)]

// Not called by name: the static program's `memcpy` and `memmove`.
use insightd_memcpy as _;

pub mod app;
pub mod assemble;
pub mod cli;
pub mod client;
pub mod config;
pub mod counters;
pub mod error;
pub mod events;
pub mod features;
pub mod hardening;
pub mod logging;
pub mod memory;
pub mod ops;
pub mod orchestrator;
pub mod outcome;
pub mod output;
pub mod record;
pub mod recording;
pub mod rollout;
pub mod runtime;
pub mod schedule;
pub mod server;
pub mod sinks;
pub mod snapshot;
pub mod sources;
pub mod status;
pub mod tap;
pub mod visible;
pub mod wall_clock;
pub mod worker;
