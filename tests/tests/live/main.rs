//! Tests of changes while the agent runs, and of state that survives a restart.

mod agent;
mod filter;
mod own;
mod reload;
mod state;
