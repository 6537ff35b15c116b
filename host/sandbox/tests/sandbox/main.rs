//! The sandbox with well-behaved and hostile components. The guests are built here, by cargo for
//! wasm32-wasip2 (`tests/guests`) or from text (`text.rs`), and compiled by the real compiler child.
#![allow(clippy::unwrap_used, reason = "tests")]

mod arena;
mod calls;
mod cluster;
mod compiler;
mod confine;
mod contract;
mod formatters;
mod guests;
mod hostile;
mod slots;
mod state;
mod std_guests;
mod text;
