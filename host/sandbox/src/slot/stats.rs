//! Statistics of a slot.

use std::time::Duration;

use super::Origin;
use crate::component::Component;
use crate::error::{CallError, FailureCause};

/// Counters since the slot was created.
#[derive(Clone, Debug, Default)]
pub struct SlotStats {
    /// Incoming batches.
    pub batches: u64,
    /// Calls of all versions; a formatter's slices are one call.
    pub calls: u64,
    /// Failed calls, in the order of [`FailureCause::ALL`].
    pub failures: [u64; FailureCause::ALL.len()],
    /// Batches processed by a version other than the current one.
    pub fallbacks: u64,
    /// Batches passed on unchanged.
    pub skipped: u64,
    /// Batches dropped.
    pub dropped: u64,
    /// Retries of suspended versions.
    pub retries: u64,
    /// Retries that succeeded.
    pub recoveries: u64,
    /// Parts of batches quarantined because every version failed on them.
    pub quarantined: u64,
    /// CPU time of the calling thread in all calls.
    pub cpu_time: Duration,
    /// Wall-clock time of all calls.
    pub wall_time: Duration,
    /// Wall-clock time of the last call.
    pub last_call: Duration,
    /// Linear memory of the last call's largest instance, bytes.
    pub last_memory_bytes: usize,
    /// Maximum of `last_memory_bytes` over all calls.
    pub peak_memory_bytes: usize,
    /// Error text of the last failure.
    pub last_error: Option<String>,
}

impl SlotStats {
    pub(super) fn called(&mut self, took: Duration, cpu: Duration, memory_bytes: usize) {
        self.calls += 1;
        self.cpu_time += cpu;
        self.wall_time += took;
        self.last_call = took;
        self.last_memory_bytes = memory_bytes;
        self.peak_memory_bytes = self.peak_memory_bytes.max(memory_bytes);
    }

    pub(super) fn failed(&mut self, error: &CallError) {
        self.failures[error.cause().index()] += 1;
        self.last_error = Some(error.to_string());
    }

    /// Returns the number of failed calls of one class.
    pub fn failures(&self, cause: FailureCause) -> u64 {
        self.failures[cause.index()]
    }
}

/// Status of one version in a slot.
#[derive(Clone, Copy, Debug)]
pub struct VersionStats<'a> {
    /// The component.
    pub component: &'a Component,
    /// Origin of the version.
    pub origin: Origin,
    /// `true` while the version is suspended.
    pub suspended: bool,
    /// Batches until the next retry; `None` unless the version is suspended.
    pub retry_in: Option<u64>,
    /// Consecutive failures.
    pub failures: u32,
}
