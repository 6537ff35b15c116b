//! `spool:` of a sink that delivers over the network, and its number of concurrent requests.

use std::path::PathBuf;
use std::time::Duration;

use super::reader::{Section, integer, one_of};
use super::values;

/// Settings for the buffer of events before delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spool {
    /// Parent directory of the spools, in which this sink has one with its name; in memory alone if absent.
    pub dir: Option<PathBuf>,
    /// Most bytes on disk.
    pub max_bytes: u64,
    /// Age beyond which events are dropped.
    pub max_age: Duration,
    /// Most bytes in memory while the directory cannot be used.
    pub memory_max_bytes: u64,
    /// `true` to sync blocks to the disk.
    pub sync: bool,
}

impl Default for Spool {
    fn default() -> Self {
        Self {
            dir: None,
            max_bytes: 256 << 20,
            // The service rejects events older than 14 days.
            max_age: Duration::from_secs(13 * 24 * 3600),
            memory_max_bytes: 4 << 20,
            sync: true,
        }
    }
}

/// Reads `concurrency` of a sink.
pub(super) fn concurrency(section: &Section<'_>, default: usize) -> usize {
    let concurrency = section.value("concurrency", |text| match integer(text)? {
        number @ 1..=16 => Ok(number as usize),
        _ => Err("must be from 1 to 16".to_string()),
    });
    concurrency.unwrap_or(default)
}

/// Reads the section `spool` of a sink.
pub(super) fn read(section: &Section<'_>) -> Spool {
    let default = Spool::default();
    let at_least = |least: u64| {
        move |text: &str| match values::size(text)? {
            bytes if bytes >= least => Ok(bytes),
            _ => Err(format!("must be {}MiB or more", least >> 20)),
        }
    };
    let spool = Spool {
        dir: section.text("dir").map(PathBuf::from),
        max_bytes: section.value("max_bytes", at_least(16 << 20)).unwrap_or(default.max_bytes),
        max_age: section.value("max_age", max_age).unwrap_or(default.max_age),
        memory_max_bytes: section
            .value("memory_max_bytes", at_least(1 << 20))
            .unwrap_or(default.memory_max_bytes),
        sync: section.value("sync", one_of(&[("always", true), ("never", false)])).unwrap_or(default.sync),
    };
    super::sections::warn_if_relative(section, "dir");
    section.finish();
    spool
}

/// Parses the age limit, from 1 hour to 14 days; the service rejects older events.
fn max_age(text: &str) -> Result<Duration, String> {
    const HOUR: Duration = Duration::from_secs(3600);
    match values::duration(text)? {
        age if (HOUR..=HOUR * 14 * 24).contains(&age) => Ok(age),
        _ => Err("must be from 1h to 336h (two weeks)".to_string()),
    }
}
