//! What the agent says of itself: whether it is alive, whether it is ready, and its metrics.
//!
//! The worker thread publishes [`Figures`] after every tick; tasks register what they count; [`serve`] answers
//! requests from the [`Board`] that holds both. Nothing here can hold up a tick: the board's locks are held for
//! the exchange of a pointer.

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
