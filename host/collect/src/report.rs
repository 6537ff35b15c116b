//! The result of a sample: counts and problems.

use insights_batch::EntityId;

/// Maximum number of problems listed per sample; a broken mount can cause thousands.
const MAX_PROBLEMS: usize = 32;

/// Something that could not be read. Its values are absent; all others are present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Kind of source: `cgroup`, `proc`, `sys`, `statfs` or `network`.
    pub source: &'static str,
    /// Path on the host.
    pub path: String,
    /// Error text.
    pub error: String,
}

/// The problems of one sample.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    pub(crate) listed: Vec<Problem>,
    pub(crate) more: usize,
}

impl Problems {
    /// Returns the number of all problems, listed or not.
    pub(crate) fn count(&self) -> usize {
        self.listed.len() + self.more
    }

    pub(crate) fn add(
        &mut self,
        source: &'static str,
        path: impl FnOnce() -> String,
        error: impl std::fmt::Display,
    ) {
        if self.listed.len() < MAX_PROBLEMS {
            self.listed.push(Problem { source, path: path(), error: error.to_string() });
        } else {
            self.more += 1;
        }
    }
}

/// Result of one sample.
#[derive(Debug)]
pub struct Report {
    /// The `node` entity of this sample.
    pub node: EntityId,
    /// The `filesystem` and `disk` entities of the node; their ids are the devices.
    pub devices: Vec<EntityId>,
    /// Time from before the first read to after the last one, nanoseconds; excludes the `statfs` calls.
    pub spread_ns: u64,
    /// Number of pod and container cgroups read.
    pub cgroups: usize,
    /// Number of expected containers that have had no cgroup for several samples.
    pub containers_without_cgroup: usize,
    /// Number of files read.
    pub files_read: u64,
    /// Problems of this sample, at most 32; see `more_problems`.
    pub problems: Vec<Problem>,
    /// Number of problems beyond those listed.
    pub more_problems: usize,
}
