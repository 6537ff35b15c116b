//! `insightctl` as a user meets it.

mod author;
mod common;
mod demo;
mod usage;
