//! Delivery to a real HTTP server on loopback.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod endpoint;
mod faults;
mod full_disk;
#[path = "../../../delivery/tests/shared/killed.rs"]
mod killed;
mod kills;
mod numbered;
mod outage;
mod remote_write;
mod server;
#[path = "../../../files/tests/shared/tmpfs.rs"]
mod tmpfs;
