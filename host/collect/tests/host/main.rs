//! The collector as a whole: over made trees, over recorded nodes, over this machine.
#![allow(clippy::unwrap_used, reason = "tests")]

mod live;
mod recorded;
mod synthetic;
mod view;
