//! The operations endpoints: liveness, readiness, metrics and status of the agent.
//!
//! The worker thread publishes [`Figures`] after every tick, and tasks register their counters; [`serve`] answers
//! requests from the [`Board`] that holds both. Nothing here can delay a tick: the locks of the registry are held only
//! while a pointer is swapped.

mod answer;
mod board;
mod figures;
mod health;
mod host;
mod metrics;
mod page;
mod process;
mod server;
mod status;

pub use board::{Board, Count, Standing};
pub use figures::{ComponentFigures, Figures, OutputFigures, SinkFigures, VersionFigures};
pub use server::serve;

#[cfg(test)]
mod tests;
