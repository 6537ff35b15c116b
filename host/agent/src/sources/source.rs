//! The interface of all sources of batches.

use std::fmt;

use insightd_collect::{OptionalFacts, RootError};
use insightd_kubernetes::leader::Leadership;
use insightd_pipeline::Scope;
use insights_batch::Columns;

/// A batch, with statistics about reading it.
#[derive(Debug)]
pub struct Sample {
    /// The batch.
    pub columns: Columns,
    /// Statistics of a source that reads a host.
    pub reading: Option<HostReading>,
}

/// Statistics about one reading of a host.
#[derive(Debug)]
pub struct HostReading {
    /// Time between the first and the last read, microseconds.
    pub spread_us: u64,
    /// Number of running containers without a cgroup.
    pub containers_without_cgroup: u64,
    /// Number of files and objects that could not be read.
    pub problems: u64,
    /// Error text of the first of them.
    pub first_problem: Option<String>,
    /// Number of pod labels and annotations beyond the size limit, which were left out.
    pub labels_left_out: u64,
}

/// A source of batches. A tick calls every source in turn, on the worker thread.
pub trait Source: fmt::Debug + Send {
    /// Returns the scope of the pipelines that its batches are for.
    fn scope(&self) -> Scope;

    /// Sets the groups of facts that its pipelines need in addition to those that it always reads: before `prime`, and again
    /// when the pipelines change. Ignored by a source that has none of them.
    fn want(&mut self, _facts: OptionalFacts) {}

    /// Reads counters once before the first tick, which then has rates.
    fn prime(&mut self) {}

    /// Reads everything once, and passes on each batch.
    fn sample(&mut self, time_unix_ms: u64, take: &mut dyn FnMut(Sample));

    /// Returns the leadership without which its events must not be delivered; `None` for a source that every agent has.
    fn leadership(&self) -> Option<&Leadership> {
        None
    }

    /// Returns the number of frames of a recording, `None` for a live source.
    fn frames(&self) -> Option<usize> {
        None
    }

    /// Selects a frame of a recording. Returns its time, milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// The frame cannot be opened.
    fn select_frame(&mut self, _index: usize) -> Result<u64, RootError> {
        Ok(0)
    }
}

/// The sources of an agent.
#[derive(Debug, Default)]
pub struct Sources(Vec<Box<dyn Source>>);

impl Sources {
    /// Adds a source.
    pub fn add(&mut self, source: impl Source + 'static) {
        self.0.push(Box::new(source));
    }

    /// Adds the sources of `others`.
    pub fn append(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Returns the sources in the order in which a tick calls them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut dyn Source> {
        self.0.iter_mut().map(|source| &mut **source as &mut dyn Source)
    }

    /// Tells each source what the pipelines of its scope need.
    pub fn want(&mut self, facts: impl Fn(Scope) -> OptionalFacts) {
        for source in self.iter_mut() {
            source.want(facts(source.scope()));
        }
    }

    /// Reads the counters of all sources once before the first tick.
    pub fn prime(&mut self) {
        self.iter_mut().for_each(Source::prime);
    }

    /// Returns the number of frames of the recording among the sources, `None` if there is none.
    pub fn frames(&self) -> Option<usize> {
        self.0.iter().find_map(|source| source.frames())
    }

    /// Selects a frame of the recording. Returns its time, milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// The frame cannot be opened.
    pub fn select_frame(&mut self, index: usize) -> Result<u64, RootError> {
        let recording = self.0.iter_mut().find(|source| source.frames().is_some());
        recording.map_or(Ok(0), |source| source.select_frame(index))
    }
}
