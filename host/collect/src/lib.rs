//! Reads a node's kernel: control groups, `/proc`, `/sys`, file systems. Emits facts under the raw names that
//! docs/raw-metrics.md lists; transforms turn them into metrics.
//!
//! ```no_run
//! use insightd_collect::{Collector, HostRoot, Settings};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = Settings { node_name: "worker-1".to_owned(), ..Settings::default() };
//! let mut collector = Collector::new(HostRoot::open("/")?, settings)?;
//! let clock = collector.root().clock();
//! let mut builder = insights_batch::Builder::new("node", "worker-1", clock.unix_ms, 60_000);
//! let report = collector.sample(&mut builder);
//! println!("{} cgroups, {} files, {} problems", report.cgroups, report.files_read, report.problems.len());
//! # Ok(())
//! # }
//! ```
//!
//! Readers are synchronous. A file that does not exist on this kernel yields no value; a malformed file yields no value
//! and a [`Problem`]. Neither affects any other value.
#![forbid(unsafe_code)]

mod bytes;
pub mod cgroup;
mod collector;
mod counter_cache;
pub mod device;
mod disks;
mod emit;
mod error;
mod filesystems;
mod network;
mod optional;
pub mod proc;
mod report;
mod root;
mod settings;
mod statfs;

pub use collector::{CollectError, Collector};
pub use counter_cache::{CounterCache, Counters};
pub use disks::BlockDevice;
pub use error::{FileError, ParseError, Parsed};
pub use optional::{Group, OptionalFacts};
pub use report::{Problem, Report};
pub use root::{Clock, Frame, FsStat, HostRoot, KubeletFiles, ReadBuffer, RootError};
pub use settings::{Settings, matches_any};
