//! How a sample went.

use insights_sdk::EntityId;

/// At most so many problems are listed for one sample; a broken mount can make thousands.
const MAX_PROBLEMS: usize = 32;

/// Something that could not be read. Its figures are absent; all others are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which part: `cgroup`, `proc`, `sys`, `statfs`, `network`.
    pub source: &'static str,
    /// What, by its path on the host.
    pub path: String,
    /// What is wrong with it.
    pub error: String,
}

/// The problems of one sample.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    pub(crate) listed: Vec<Problem>,
    pub(crate) more: usize,
}

impl Problems {
    /// All of them, listed or not.
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

/// How a sample went.
#[derive(Debug)]
pub struct Report {
    /// The `node` entity that was made.
    pub node: EntityId,
    /// The `filesystem` and `disk` entities of the node; their ids are the devices.
    pub devices: Vec<EntityId>,
    /// Time from before the first read to after the last one, nanoseconds; asking file systems not included.
    pub spread_ns: u64,
    /// How many cgroups of pods and containers were read.
    pub cgroups: usize,
    /// How many of the expected containers have had no cgroup for several samples.
    pub containers_without_cgroup: usize,
    /// How many files were read.
    pub files_read: u64,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// How many problems there were besides those listed.
    pub more_problems: usize,
}
