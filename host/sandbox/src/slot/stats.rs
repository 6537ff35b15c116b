//! What a slot counts.

use std::time::Duration;

use super::Origin;
use crate::component::Component;
use crate::error::{CallError, Cause};

/// Counts since the slot was made.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Batches that came in.
    pub batches: u64,
    /// Calls of any version; a formatter's slices are one call here.
    pub calls: u64,
    /// Failed calls, in the order of [`Cause::ALL`].
    pub failures: [u64; Cause::ALL.len()],
    /// Batches that another version than the current one made.
    pub fallbacks: u64,
    /// Batches that went on as they came.
    pub skipped: u64,
    /// Batches that ended here.
    pub dropped: u64,
    /// Times that a version was tried again after it was given up.
    pub retries: u64,
    /// Times that such a version worked again.
    pub recoveries: u64,
    /// Times that a part of a batch was set aside because every version failed on it.
    pub set_aside: u64,
    /// CPU time of the calling thread in all calls.
    pub cpu_time: Duration,
    /// Time on the clock in all calls.
    pub wall_time: Duration,
    /// Time on the clock of the last call.
    pub last_call: Duration,
    /// Linear memory of the last call's largest instance, bytes.
    pub last_memory_bytes: usize,
    /// The most of any call.
    pub peak_memory_bytes: usize,
    /// The last failure, in words.
    pub last_error: Option<String>,
}

impl Stats {
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

    /// Failed calls of one kind.
    pub fn failures(&self, cause: Cause) -> u64 {
        self.failures[cause.index()]
    }
}

/// State of one version in a slot.
#[derive(Clone, Copy, Debug)]
pub struct VersionStats<'a> {
    /// The component.
    pub component: &'a Component,
    /// Where it came from.
    pub origin: Origin,
    /// True while it is given up.
    pub bad: bool,
    /// Batches until it is tried again, where it is given up.
    pub retry_in: Option<u64>,
    /// Failures in a row.
    pub failures: u32,
}
