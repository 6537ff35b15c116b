//! `insightctl` as a user meets it.

mod author;
mod common;
mod usage;
