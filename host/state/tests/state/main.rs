//! Tests of the store as a whole: real directories, full and read-only file systems, damaged files, killed processes.
#![allow(clippy::unwrap_used, reason = "tests")]

mod basics;
mod common;
mod crash;
mod faults;
#[path = "../../../files/tests/shared/tmpfs.rs"]
mod tmpfs;
