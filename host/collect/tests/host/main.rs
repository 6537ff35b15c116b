//! Tests of the whole collector: on synthetic trees, on recorded nodes, on this machine.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../shared/cgroups.rs"]
mod cgroups;
mod live;
mod recorded;
mod synthetic;
mod view;
