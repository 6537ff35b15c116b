//! Running a batch through a slot: which version, with which data.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use insights_sdk::Columns;

use super::halve::{Parts, without};
use super::{OnFailure, Origin, Slot, SlotConfig, Version};
use crate::component::Component;
use crate::deadline::thread_cpu_time;
use crate::error::{CallError, Cause};
use crate::hex::Hex;

/// Data that was set aside is tried again after so many batches: an hour of ticks.
const ASIDE_BATCHES: u64 = 60;
/// Most parts of a batch that are set aside at once. Where more are odd, something else is wrong.
const MAX_ASIDE: usize = 8;
/// CPU time that looking for odd data may take: the tick has to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// A part of the batch that made all versions fail.
#[derive(Debug)]
pub(super) struct Aside {
    pub(super) name: String,
    /// Batch from which on it is tried again.
    until: u64,
}

impl Slot {
    /// Runs what can be run of the batch: without what is set aside, by the first version that does not fail; when all
    /// fail, without the data that makes them.
    pub(super) fn run<T>(
        &mut self,
        columns: &Columns,
        call: impl Fn(&Component, &str, &Columns) -> Result<T, CallError>,
    ) -> Option<T> {
        self.stats.batches += 1;
        let columns = self.without_aside(columns);
        let marks: Vec<(u32, bool)> =
            self.versions.iter().map(|version| (version.failures, version.bad)).collect();
        let error = match self.try_versions(|component, config| call(component, config, &columns)) {
            Tried::Done(output) => return Some(output),
            Tried::Failed(error) => error,
            Tried::None => return None,
        };
        // A configuration is refused whatever the data is.
        if self.config.on_failure != OnFailure::LastGood || error.cause() == Cause::Config {
            return None;
        }
        let output = self.set_aside(&columns, &marks, call)?;
        // It was the data.
        for (version, (failures, bad)) in self.versions.iter_mut().zip(marks) {
            (version.failures, version.bad) = (failures, bad);
        }
        Some(output)
    }

    /// The batch without what is set aside, as far as its time is not over.
    fn without_aside<'a>(&mut self, columns: &'a Columns) -> Cow<'a, Columns> {
        let batch = self.stats.batches;
        self.aside.retain(|aside| aside.until > batch);
        without(columns, self.aside())
    }

    /// Looks for the data that makes the first of the versions fail that were good before this batch. Gives what that
    /// version makes of the batch without it.
    fn set_aside<T>(
        &mut self,
        columns: &Columns,
        marks: &[(u32, bool)],
        call: impl Fn(&Component, &str, &Columns) -> Result<T, CallError>,
    ) -> Option<T> {
        if self.aside.len() >= MAX_ASIDE {
            return None;
        }
        let (version, _) = self.versions.iter().zip(marks).find(|&(_, &(_, bad))| !bad)?;
        let (component, config) = (&version.component, &*version.config);
        let started = thread_cpu_time();
        let parts = Parts::new(columns);
        let culprit = parts.culprit(|part| {
            let patient = thread_cpu_time().saturating_sub(started) < PATIENCE;
            patient.then(|| call(component, config, part).is_err())
        })?;
        let output = call(component, config, &parts.with(|part| part != culprit)).ok()?;
        let name = parts.name(culprit).to_owned();
        let slot = &*self.config.name;
        tracing::warn!(
            slot,
            data = name,
            batches = ASIDE_BATCHES,
            "data set aside: every version fails on it"
        );
        self.aside.push(Aside { name, until: self.stats.batches + ASIDE_BATCHES });
        self.stats.set_aside += 1;
        Some(output)
    }

    /// Tries the versions that may still be tried, one after the other.
    fn try_versions<T>(&mut self, call: impl Fn(&Component, &str) -> Result<T, CallError>) -> Tried<T> {
        let Self { config, versions, stats, .. } = self;
        let candidates = match config.on_failure {
            OnFailure::LastGood => versions.len(),
            OnFailure::Skip | OnFailure::Drop => 1,
        };
        let mut tried = Tried::None;
        for version in versions.iter_mut().take(candidates).filter(|version| !version.bad) {
            // Other slots may run the same component, and so does whoever looks for odd data.
            version.component.take_peak_memory();
            let (started, cpu) = (Instant::now(), thread_cpu_time());
            let result = call(&version.component, &version.config);
            let (took, cpu) = (started.elapsed(), thread_cpu_time().saturating_sub(cpu));
            stats.called(took, cpu, version.component.take_peak_memory());
            match result {
                Ok(output) => {
                    version.failures = 0;
                    version.proven = true;
                    if version.origin != Origin::Current {
                        stats.fallbacks += 1;
                    }
                    return Tried::Done(output);
                }
                Err(error) => {
                    stats.failed(&error);
                    version.failed(&error, config);
                    // That another version refuses its configuration says nothing about the data that this one failed on.
                    tried = match tried {
                        Tried::Failed(first)
                            if error.cause() == Cause::Config && first.cause() != Cause::Config =>
                        {
                            Tried::Failed(first)
                        }
                        _ => Tried::Failed(error),
                    };
                }
            }
        }
        tried
    }
}

/// What came of trying all versions.
enum Tried<T> {
    Done(T),
    /// All failed; the last error.
    Failed(CallError),
    /// All were given up before.
    None,
}

impl Version {
    fn failed(&mut self, error: &CallError, config: &SlotConfig) {
        self.failures += 1;
        self.proven = false;
        let trap = matches!(error, CallError::Trap(_));
        self.bad = trap || self.failures >= config.max_failures.max(1);
        let (version, sha256) = (&self.component.description().version, Hex(&self.component.sha256()[..6]));
        let (slot, origin, failures, bad) = (&*config.name, self.origin.as_str(), self.failures, self.bad);
        let cause = error.cause().as_str();
        // One line for the first failure and one for the end: a component that fails on every tick for ever says so twice.
        if self.failures == 1 || self.bad {
            tracing::warn!(%error, cause, slot, version, %sha256, origin, failures, bad, "component failed");
        } else {
            tracing::debug!(%error, cause, slot, version, %sha256, origin, failures, bad, "component failed");
        }
    }
}
