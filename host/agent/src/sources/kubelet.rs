//! The kubelet: its client, and what its responses add to batches.

mod client;
mod facts;

pub use client::KubeletHandle;
pub(super) use facts::{KubeletFacts, ReadAt, running};
