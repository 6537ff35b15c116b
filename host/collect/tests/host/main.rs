//! Tests of the whole collector: on synthetic trees, on recorded nodes, on this machine.
#![allow(clippy::unwrap_used, reason = "tests")]

mod live;
mod recorded;
mod synthetic;
mod view;
