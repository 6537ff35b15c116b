//! Which versions may be called: a circuit breaker, counted in batches.
//!
//! A version that fails for good is given up, and tried again later and later. A storm that lasts some ticks must not cost the node a
//! component until its agent restarts, and a component that is broken must not cost every tick its time.

use std::time::Duration;

/// A version that was given up is tried again after so many batches, …
const FIRST_BACKOFF: u64 = 3;
/// … twice as many after each failure, and at most this many: an hour of ticks.
const LONGEST_BACKOFF: u64 = 60;
/// After so many good batches in a row earlier failures are forgotten.
const FORGIVEN: u64 = 60;
/// Share of a call's CPU time that trying again may take, unless it was tried for long.
const TRIAL_SHARE: u32 = 4;

/// State of one version.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Health {
    /// In a row.
    failures: u32,
    /// Good batches in a row.
    good: u64,
    /// The last wait, batches.
    backoff: u64,
    /// CPU time of the last good call.
    cpu_time: Duration,
    /// Batch from which on it is tried again, where it is given up.
    retry_at: Option<u64>,
}

impl Health {
    /// Returns true while it is given up.
    pub(super) fn is_bad(&self) -> bool {
        self.retry_at.is_some()
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Returns the number of batches until it is tried again, where it is given up.
    pub(super) fn retry_in(&self, batch: u64) -> Option<u64> {
        self.retry_at.map(|at| at.saturating_sub(batch))
    }

    /// Returns true when it may be called for this batch.
    pub(super) fn may_run(&self, batch: u64) -> bool {
        self.retry_at.is_none_or(|at| at <= batch)
    }

    /// Returns true where another try is worth all that a call may cost: the waits are long enough.
    pub(super) fn deserves_all(&self) -> bool {
        !self.is_bad() || self.backoff >= LONGEST_BACKOFF
    }

    /// Returns the CPU time of its next call, of `all` that a call may have.
    pub(super) fn cpu_time(&self, all: Duration) -> Duration {
        if self.deserves_all() {
            return all;
        }
        // What it took while it worked, and as much again: of a component that needs much a share may never be enough.
        self.cpu_time.saturating_mul(2).max(all / TRIAL_SHARE).min(all)
    }

    /// Notes a good call that took so much CPU time. Returns true where it was given up before.
    pub(super) fn succeeded(&mut self, cpu_time: Duration) -> bool {
        self.cpu_time = cpu_time;
        self.failures = 0;
        self.good += 1;
        if self.good >= FORGIVEN {
            self.backoff = 0;
        }
        self.retry_at.take().is_some()
    }

    /// Notes a failed call of this batch; gives the version up where `max_failures` are reached, or `at_once`.
    pub(super) fn failed(&mut self, batch: u64, at_once: bool, max_failures: u32) {
        self.failures = self.failures.saturating_add(1);
        self.good = 0;
        if at_once || self.is_bad() || self.failures >= max_failures {
            self.backoff = (self.backoff * 2).clamp(FIRST_BACKOFF, LONGEST_BACKOFF);
            self.retry_at = Some(batch + self.backoff);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The batches of the first `count` for which it is called, where it always fails.
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
    fn waits_double_up_to_an_hour_of_ticks() {
        assert_eq!(called(250), [1, 2, 3, 6, 12, 24, 48, 96, 156, 216]);
    }

    #[test]
    fn one_good_call_is_enough_and_flapping_waits_longer() {
        let mut health = Health::default();
        health.failed(1, true, 3);
        assert!(health.is_bad() && !health.may_run(3) && health.may_run(4));
        assert_eq!(
            (health.retry_in(2), health.cpu_time(Duration::from_secs(1))),
            (Some(2), Duration::from_millis(250))
        );
        assert!(health.succeeded(Duration::from_millis(200)) && !health.is_bad());
        assert_eq!(health.cpu_time(Duration::from_secs(1)), Duration::from_secs(1));
        health.failed(5, true, 3);
        assert_eq!(health.retry_in(5), Some(6));
        for _ in 0..FORGIVEN {
            health.succeeded(Duration::from_millis(200));
        }
        health.failed(100, true, 3);
        assert_eq!(health.retry_in(100), Some(3));
        // What it needs when it works, and as much again.
        assert_eq!(health.cpu_time(Duration::from_secs(1)), Duration::from_millis(400));
        assert_eq!(health.cpu_time(Duration::from_millis(300)), Duration::from_millis(300));
    }
}
