//! Circuit breaker of a version, counted in batches.
//!
//! A failing version is suspended, and retried with growing backoff. An overload of a few ticks must not disable a component until the
//! agent restarts, and a broken component must not cost CPU time at every tick.

use std::time::Duration;

/// Batches until the first retry of a suspended version; doubled after each failed retry.
const FIRST_BACKOFF: u64 = 3;
/// Maximum backoff in batches: an hour of 60 s ticks.
const MAX_BACKOFF: u64 = 60;
/// Consecutive successful batches after which the backoff is reset.
const RESET_AFTER: u64 = 60;
/// Divisor of a call's CPU time for an early retry: it gets a quarter, or twice the last successful call if that is more.
const RETRY_TIME_SHARE: u32 = 4;

/// Health of one version.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Health {
    /// Consecutive failures.
    failures: u32,
    /// Successful batches since the last failure.
    good: u64,
    /// Last backoff in batches.
    backoff: u64,
    /// CPU time of the last successful call.
    cpu_time: Duration,
    /// First batch of the next retry; `None` unless the version is suspended.
    retry_at: Option<u64>,
}

impl Health {
    /// Returns true while the version is suspended.
    pub(super) fn is_suspended(&self) -> bool {
        self.retry_at.is_some()
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Returns the number of batches until the next retry, or `None` unless the version is suspended.
    pub(super) fn retry_in(&self, batch: u64) -> Option<u64> {
        self.retry_at.map(|at| at.saturating_sub(batch))
    }

    /// Returns true if the version may be called for this batch.
    pub(super) fn may_run(&self, batch: u64) -> bool {
        self.retry_at.is_none_or(|at| at <= batch)
    }

    /// Returns true if the version may use the whole CPU time of a call: it is not suspended, or the backoff is at its maximum.
    pub(super) fn may_use_full_time(&self) -> bool {
        !self.is_suspended() || self.backoff >= MAX_BACKOFF
    }

    /// Returns the CPU time of the next call, of `all` that a call may use.
    pub(super) fn cpu_time(&self, all: Duration) -> Duration {
        if self.may_use_full_time() {
            return all;
        }
        // Twice the time of its last success: for an expensive component a fixed share might never suffice.
        self.cpu_time.saturating_mul(2).max(all / RETRY_TIME_SHARE).min(all)
    }

    /// Records a successful call and its CPU time. Returns true if the version was suspended before.
    pub(super) fn succeeded(&mut self, cpu_time: Duration) -> bool {
        self.cpu_time = cpu_time;
        self.failures = 0;
        self.good += 1;
        if self.good >= RESET_AFTER {
            self.backoff = 0;
        }
        self.retry_at.take().is_some()
    }

    /// Records a failed call of this batch. Suspends the version if `at_once`, or after `max_failures`.
    pub(super) fn failed(&mut self, batch: u64, at_once: bool, max_failures: u32) {
        self.failures = self.failures.saturating_add(1);
        self.good = 0;
        if at_once || self.is_suspended() || self.failures >= max_failures {
            self.backoff = (self.backoff * 2).clamp(FIRST_BACKOFF, MAX_BACKOFF);
            self.retry_at = Some(batch + self.backoff);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns those of the first `count` batches for which a version is called that always fails.
    fn called(count: u64) -> Vec<u64> {
        let mut health = Health::default();
        let mut calls = Vec::new();
        for batch in 1..=count {
            if health.may_run(batch) {
                calls.push(batch);
                health.failed(batch, false, 3);
            }
        }
        calls
    }

    #[test]
    fn backoff_doubles_up_to_an_hour_of_ticks() {
        assert_eq!(called(250), [1, 2, 3, 6, 12, 24, 48, 96, 156, 216]);
    }

    #[test]
    fn one_success_ends_a_suspension_and_flapping_backs_off() {
        let mut health = Health::default();
        health.failed(1, true, 3);
        assert!(health.is_suspended() && !health.may_run(3) && health.may_run(4));
        assert_eq!(
            (health.retry_in(2), health.cpu_time(Duration::from_secs(1))),
            (Some(2), Duration::from_millis(250))
        );
        assert!(health.succeeded(Duration::from_millis(200)) && !health.is_suspended());
        assert_eq!(health.cpu_time(Duration::from_secs(1)), Duration::from_secs(1));
        health.failed(5, true, 3);
        assert_eq!(health.retry_in(5), Some(6));
        for _ in 0..RESET_AFTER {
            health.succeeded(Duration::from_millis(200));
        }
        health.failed(100, true, 3);
        assert_eq!(health.retry_in(100), Some(3));
        // Twice the CPU time of the last successful call.
        assert_eq!(health.cpu_time(Duration::from_secs(1)), Duration::from_millis(400));
        assert_eq!(health.cpu_time(Duration::from_millis(300)), Duration::from_millis(300));
    }
}
