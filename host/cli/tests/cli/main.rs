//! `insightctl` as a user meets it.

mod agent;
mod author;
mod common;
mod demo;
mod picture;
mod tap;
mod terminal;
mod top;
mod ui;
mod usage;
