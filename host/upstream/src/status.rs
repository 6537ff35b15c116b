//! Request status of a remote endpoint, for the agent's own metrics.

use std::borrow::Cow;
use std::sync::Mutex;
use std::time::Instant;

use crate::lock;

/// Request status of one remote endpoint. One task writes it, others take snapshots.
#[derive(Debug)]
pub struct UpstreamStatus {
    source: Cow<'static, str>,
    state: Mutex<UpstreamSnapshot>,
}

/// Counters and the last error at one moment.
#[derive(Clone, Debug, Default)]
pub struct UpstreamSnapshot {
    /// Requests sent.
    pub requests: u64,
    /// Bytes received in responses; of compressed responses, the bytes on the wire.
    pub bytes: u64,
    /// Number of failed requests and streams.
    pub errors: u64,
    /// Objects in responses that could not be parsed and were skipped.
    pub left_out: u64,
    /// Failures since the last success.
    pub failures_in_a_row: u64,
    /// Time when data was last received or confirmed as current.
    pub last_success: Option<Instant>,
    /// Error text of the last failure, cleared by the next success.
    pub error: Option<String>,
}

impl UpstreamStatus {
    /// Creates the status of a source without requests. The name is a metric label: `kubelet`, `node`, `services`.
    pub fn new(source: impl Into<Cow<'static, str>>) -> Self {
        Self { source: source.into(), state: Mutex::default() }
    }

    /// Returns the name of the source.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Counts a request.
    pub fn requested(&self) {
        lock(&self.state).requests += 1;
    }

    /// Adds received bytes.
    pub fn received(&self, bytes: u64) {
        lock(&self.state).bytes += bytes;
    }

    /// Adds skipped objects of a response.
    pub fn left_out(&self, objects: u64) {
        lock(&self.state).left_out += objects;
    }

    /// Records that data was received or confirmed as current. Logs the first success after failures.
    pub fn succeeded(&self) {
        let mut state = lock(&self.state);
        if state.failures_in_a_row > 0 {
            tracing::info!(
                source = &*self.source,
                failures = state.failures_in_a_row,
                "requests succeed again"
            );
        }
        state.last_success = Some(Instant::now());
        state.failures_in_a_row = 0;
        state.error = None;
    }

    /// Records a failure. Logs it unless the error text equals that of the previous failure.
    pub fn failed(&self, error: impl Into<String>) {
        let error = error.into();
        let mut state = lock(&self.state);
        state.errors += 1;
        state.failures_in_a_row += 1;
        if state.error.as_ref() != Some(&error) {
            tracing::warn!(source = &*self.source, error, "request failed; it will be retried");
        }
        state.error = Some(error);
    }

    /// Returns a copy of the current status.
    pub fn snapshot(&self) -> UpstreamSnapshot {
        lock(&self.state).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_resets_the_consecutive_failures() {
        let status = UpstreamStatus::new("kubelet");
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
