//! The store as a whole: over real folders, full and read-only file systems, broken files, killed processes.
#![allow(clippy::unwrap_used, reason = "tests")]

mod basics;
mod crash;
mod faults;
mod help;
#[path = "../../../folder/tests/shared/tmpfs.rs"]
mod tmpfs;
