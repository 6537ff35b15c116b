//! What changes while the agent runs, and what outlives it.

mod agent;
mod reload;
mod state;
