//! Tests of the spool as a whole: real directories, full and read-only file systems, damaged files, killed processes.
#![allow(clippy::unwrap_used, reason = "tests")]

mod basics;
mod bounds;
mod common;
mod crash;
mod damage;
mod faults;
mod foreign;
mod model;
#[path = "../../../files/tests/shared/tmpfs.rs"]
mod tmpfs;
