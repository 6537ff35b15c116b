//! Running of a batch in a slot: selection of the version, and of the data it gets.

use std::borrow::Cow;
use std::time::Instant;

use insights_batch::Columns;

use super::bisect::{Parts, SearchOutcome, without_parts};
use super::health::Health;
use super::{OnFailure, Origin, Slot, SlotConfig, Version};
use crate::budget::Budget;
use crate::component::Component;
use crate::deadline::Deadline;
use crate::deadline::thread_cpu_time;
use crate::error::{CallError, FailureCause};
use crate::hex::Hex;
use crate::text::{ERROR_BYTES, clip};

/// Batches until quarantined data is tried again: an hour of 60 s ticks.
const QUARANTINE_BATCHES: u64 = 60;
/// Maximum number of quarantined parts of a slot. If more fail, the data is not the reason.
pub(super) const MAX_QUARANTINED: usize = 32;
/// Batches over which one search may continue. Until it ends, no component is blamed.
const SEARCH_BATCHES: u32 = 8;
/// Divisor of a search's time for one probe, if versions exceed their time because of the data.
const PROBES: u32 = 16;

/// A quarantined part of the batch, on which all versions failed.
#[derive(Debug)]
pub(super) struct QuarantinedPart {
    pub(super) name: String,
    /// First batch with which it is tried again.
    until: u64,
}

/// Function that calls a component over a batch.
type Call<'a, T> = &'a dyn Fn(&Component, &str, &Columns, &Deadline) -> Result<T, CallError>;

impl Slot {
    /// Runs a batch without its quarantined parts with the first version that succeeds; if all fail, without the data that makes
    /// them fail.
    pub(super) fn run<T>(&mut self, columns: &Columns, budget: &Budget, call: Call<'_, T>) -> Option<T> {
        self.stats.batches += 1;
        let output = self.run_batch(columns, budget, call);
        self.failed_batches = if output.is_some() { 0 } else { self.failed_batches.saturating_add(1) };
        output
    }

    fn run_batch<T>(&mut self, columns: &Columns, budget: &Budget, call: Call<'_, T>) -> Option<T> {
        let columns = self.without_quarantined(columns);
        let health_before: Vec<Health> = self.versions.iter().map(|version| version.health).collect();
        let tried = self
            .try_versions(budget, |component, config, deadline| call(component, config, &columns, deadline));
        let (error, is_slow) = match tried {
            Tried::Done(output) => {
                if let Some(search) = self.search.take() {
                    self.quarantine(search.names);
                }
                return Some(output);
            }
            Tried::Failed { error, is_slow } => (error, is_slow),
            Tried::None => return None,
        };
        // A rejected configuration does not depend on the data, and errors during a shutdown are not the fault of data.
        if self.config.on_failure != OnFailure::LastGood || error.cause() == FailureCause::Config {
            return None;
        }
        let found = self.search(&columns, is_slow, &health_before, budget, call);
        if !matches!(found, SearchOutcome::NotFound) {
            // The data is the reason, so the versions keep their previous health.
            for (version, health) in self.versions.iter_mut().zip(health_before) {
                version.health = health;
            }
        }
        match found {
            SearchOutcome::Output(output) => Some(output),
            SearchOutcome::NotFound | SearchOutcome::Unfinished => None,
        }
    }

    /// Returns the batch without parts that are still quarantined, and without those found by an unfinished search.
    fn without_quarantined<'a>(&mut self, columns: &'a Columns) -> Cow<'a, Columns> {
        let batch = self.stats.batches;
        self.quarantined.retain(|part| part.until > batch);
        let found = self.search.iter().flat_map(|search| &search.names).map(String::as_str);
        without_parts(columns, self.quarantined().chain(found))
    }

    /// Searches for the data that makes a version fail, the first one that was healthy before this batch. Returns the output of
    /// that version without the data. The search has half of the remaining time, and continues with the next batch if
    /// that is not enough.
    fn search<T>(
        &mut self,
        columns: &Columns,
        is_slow: bool,
        health_before: &[Health],
        budget: &Budget,
        call: Call<'_, T>,
    ) -> SearchOutcome<T> {
        let mut progress = self.search.take().unwrap_or_default();
        let max_parts = MAX_QUARANTINED.saturating_sub(self.quarantined.len() + progress.names.len());
        let version = self.versions.iter().zip(health_before).find(|(_, health)| health.may_use_full_time());
        let Some((version, _)) = version.filter(|_| max_parts > 0) else { return SearchOutcome::NotFound };
        let (component, config) = (&version.component, &*version.config);
        let limits = component.limits();
        let time = budget.cpu_left() / 2;
        let has_time = || !budget.is_spent() && budget.cpu_left() > time;
        // One endless probe must not use the time of all others; probes that fail for another reason fail quickly.
        let probe_time = if is_slow { time / PROBES } else { limits.cpu_time };
        let probe = |part: &Columns| {
            has_time().then(|| call(component, config, part, &budget.call(limits, probe_time)).is_err())
        };
        let whole = |part: &Columns| {
            has_time().then(|| call(component, config, part, &budget.call(limits, limits.cpu_time)).ok())
        };
        let parts = Parts::new(columns);
        let found = if is_slow {
            parts.find_slow(&mut progress, max_parts, probe, whole)
        } else {
            parts.find(&mut progress, max_parts, probe, whole)
        };
        match found {
            SearchOutcome::Output(_) => self.quarantine(progress.names),
            SearchOutcome::Unfinished if progress.batches < SEARCH_BATCHES => {
                progress.batches += 1;
                tracing::debug!(
                    slot = self.name(),
                    found = progress.names.len(),
                    "search for harmful data continues"
                );
                self.search = Some(progress);
            }
            SearchOutcome::Unfinished => return SearchOutcome::NotFound,
            SearchOutcome::NotFound => {}
        }
        found
    }

    /// Leaves these parts out of the batches of the next hour of ticks, and logs a warning.
    fn quarantine(&mut self, names: Vec<String>) {
        if names.is_empty() {
            return;
        }
        let (slot, parts) = (&*self.config.name, names.len());
        let data = clip(&names.join(", "), ERROR_BYTES);
        let batches = QUARANTINE_BATCHES;
        tracing::warn!(slot, data, parts, batches, "data quarantined: no version can process it");
        self.stats.quarantined += names.len() as u64;
        let until = self.stats.batches + QUARANTINE_BATCHES;
        self.quarantined.extend(names.into_iter().map(|name| QuarantinedPart { name, until }));
    }

    /// Tries the versions in order. At most one suspended version is retried per batch.
    fn try_versions<T>(
        &mut self,
        budget: &Budget,
        call: impl Fn(&Component, &str, &Deadline) -> Result<T, CallError>,
    ) -> Tried<T> {
        let Self { config, versions, stats, .. } = self;
        let candidates = match config.on_failure {
            OnFailure::LastGood => versions.len(),
            OnFailure::Skip | OnFailure::Drop => 1,
        };
        let batch = stats.batches;
        let mut retried = false;
        let mut tried = Tried::None;
        let mut is_slow = false;
        for version in versions.iter_mut().take(candidates) {
            let was_suspended = version.health.is_suspended();
            if !version.health.may_run(batch) || (was_suspended && std::mem::replace(&mut retried, true)) {
                continue;
            }
            stats.retries += u64::from(was_suspended);
            // Resets the peak: other slots may call the same component, and so does a search.
            version.component.take_peak_memory();
            let (started, cpu) = (Instant::now(), thread_cpu_time());
            let limits = version.component.limits();
            let deadline = budget.call(limits, version.health.cpu_time(limits.cpu_time));
            let result = call(&version.component, &version.config, &deadline);
            let (took, cpu) = (started.elapsed(), thread_cpu_time().saturating_sub(cpu));
            stats.called(took, cpu, version.component.take_peak_memory());
            match result {
                Ok(output) => {
                    version.has_succeeded = true;
                    if version.health.succeeded(cpu) {
                        stats.recoveries += 1;
                        let (slot, origin) = (&*config.name, version.origin.as_str());
                        tracing::info!(slot, origin, "suspended component works again");
                    }
                    if version.origin != Origin::Current {
                        stats.fallbacks += 1;
                    }
                    return Tried::Done(output);
                }
                Err(error) => {
                    stats.failed(&error);
                    // Calls end early during a shutdown, which does not count against the component.
                    if !budget.is_stopped() {
                        version.failed(&error, config, batch);
                    }
                    is_slow |= error.cause() == FailureCause::Timeout;
                    // A rejected configuration of another version does not explain why this one failed on the data.
                    tried = match tried {
                        Tried::Failed { error: first, .. }
                            if error.cause() == FailureCause::Config
                                && first.cause() != FailureCause::Config =>
                        {
                            Tried::Failed { error: first, is_slow }
                        }
                        _ => Tried::Failed { error, is_slow },
                    };
                }
            }
        }
        tried
    }
}

/// Outcome of trying all versions.
enum Tried<T> {
    Done(T),
    /// All failed: the error to report, and whether one of them ran out of time.
    Failed {
        error: CallError,
        is_slow: bool,
    },
    /// All are suspended, and none is due for a retry.
    None,
}

impl Version {
    fn failed(&mut self, error: &CallError, config: &SlotConfig, batch: u64) {
        let was_suspended = self.health.is_suspended();
        self.has_succeeded = false;
        let trap = matches!(error, CallError::Trap(_));
        self.health.failed(batch, trap, config.max_failures.max(1));
        let (failures, bad) = (self.health.failures(), self.health.is_suspended());
        let (version, sha256) = (&self.component.description().version, Hex(&self.component.sha256()[..6]));
        let (slot, origin) = (&*config.name, self.origin.as_str());
        let (cause, retry_in) = (error.cause().as_str(), self.health.retry_in(batch));
        // Logs a warning for the first failure, for the suspension, and for each failed retry, which becomes rare.
        if failures == 1 || bad {
            let again = was_suspended;
            tracing::warn!(%error, cause, slot, version, %sha256, origin, failures, bad, again, retry_in, "component failed");
        } else {
            tracing::debug!(%error, cause, slot, version, %sha256, origin, failures, bad, "component failed");
        }
    }
}
