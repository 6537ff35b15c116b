//! How reading from a peer goes, for the agent's own metrics.

use std::borrow::Cow;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How reading from one peer goes. One task writes, others take snapshots.
#[derive(Debug)]
pub struct Status {
    source: Cow<'static, str>,
    state: Mutex<Snapshot>,
}

/// What is known at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Requests sent.
    pub requests: u64,
    /// Bytes of answers; those of compressed lists as they were sent.
    pub bytes: u64,
    /// Requests and streams that failed.
    pub errors: u64,
    /// Objects of answers that could not be read and are left out.
    pub left_out: u64,
    /// Failures since the last success.
    pub failures_in_a_row: u64,
    /// When data was last received or confirmed.
    pub last_success: Option<Instant>,
    /// The last failure, in words for an operator; kept until the next success.
    pub error: Option<String>,
}

impl Status {
    /// Of a source that did nothing yet. The name is a label of metrics: `kubelet`, `node`, `services`.
    pub fn new(source: impl Into<Cow<'static, str>>) -> Self {
        Self { source: source.into(), state: Mutex::default() }
    }

    /// Name of the source.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// A request is sent.
    pub fn requested(&self) {
        self.state().requests += 1;
    }

    /// Bytes came in.
    pub fn received(&self, bytes: u64) {
        self.state().bytes += bytes;
    }

    /// Objects of an answer are left out.
    pub fn left_out(&self, objects: u64) {
        self.state().left_out += objects;
    }

    /// Data is there, or confirmed to be current. The first time after a failure the log says so.
    pub fn succeeded(&self) {
        let mut state = self.state();
        if state.failures_in_a_row > 0 {
            tracing::info!(source = &*self.source, failures = state.failures_in_a_row, "requests work again");
        }
        state.last_success = Some(Instant::now());
        state.failures_in_a_row = 0;
        state.error = None;
    }

    /// It failed; what is known grows old. The log has the first failure of a row, and one of another kind within it.
    pub fn failed(&self, error: impl Into<String>) {
        let error = error.into();
        let mut state = self.state();
        state.errors += 1;
        state.failures_in_a_row += 1;
        if state.error.as_ref() != Some(&error) {
            tracing::warn!(source = &*self.source, error, "a request failed; it is tried again");
        }
        state.error = Some(error);
    }

    /// What is known now.
    pub fn snapshot(&self) -> Snapshot {
        self.state().clone()
    }

    /// A panic elsewhere leaves whole numbers behind.
    fn state(&self) -> MutexGuard<'_, Snapshot> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_ends_a_row_of_failures() {
        let status = Status::new("kubelet");
        status.requested();
        status.failed("connection refused");
        status.failed("timed out");
        let snapshot = status.snapshot();
        assert_eq!((snapshot.requests, snapshot.errors, snapshot.failures_in_a_row), (1, 2, 2));
        assert_eq!(snapshot.error.as_deref(), Some("timed out"));
        assert!(snapshot.last_success.is_none());
        status.received(12);
        status.succeeded();
        let snapshot = status.snapshot();
        assert_eq!((snapshot.bytes, snapshot.errors, snapshot.failures_in_a_row), (12, 2, 0));
        assert!(snapshot.error.is_none() && snapshot.last_success.is_some());
    }
}
