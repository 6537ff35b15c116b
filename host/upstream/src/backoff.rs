//! Backoff after failures.

use std::time::Duration;

/// Exponential backoff with full jitter: after the n-th consecutive failure, a random wait between zero and `first * 2^(n-1)`, capped at
/// `max`. The whole wait is random, so that thousands of agents that lost the same server return evenly spread.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    failures: u32,
    random: fastrand::Rng,
}

impl Backoff {
    /// Creates a backoff whose waits are at most `first` after the first failure, and never more than `max`.
    pub fn new(first: Duration, max: Duration) -> Self {
        Self::with_random(first, max, fastrand::Rng::new())
    }

    /// Like [`new`](Self::new), with a given random generator, for tests.
    pub fn with_random(first: Duration, max: Duration, random: fastrand::Rng) -> Self {
        Self { first, max, failures: 0, random }
    }

    /// Counts a failure and returns the time to wait.
    pub fn next_wait(&mut self) -> Duration {
        let ceiling = self.ceiling();
        self.failures = self.failures.saturating_add(1);
        jitter_up_to(ceiling, &mut self.random)
    }

    /// Returns the upper bound of the next wait.
    pub fn ceiling(&self) -> Duration {
        let factor = 1_u32.checked_shl(self.failures.min(31)).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.max)
    }

    /// Resets the failure count after a success.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Returns a random duration between zero and `max`, both included.
pub fn jitter_up_to(max: Duration, random: &mut fastrand::Rng) -> Duration {
    let max = u64::try_from(max.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(random.u64(0..=max))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn seeded(seed: u64) -> Backoff {
        Backoff::with_random(SECOND, 60 * SECOND, fastrand::Rng::with_seed(seed))
    }

    #[test]
    fn the_ceiling_doubles_up_to_the_maximum() {
        let mut backoff = seeded(1);
        let ceilings: Vec<u64> = (0..40)
            .map(|_| {
                let ceiling = backoff.ceiling();
                assert!(backoff.next_wait() <= ceiling);
                ceiling.as_secs()
            })
            .collect();
        assert_eq!(ceilings[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(ceilings[39], 60);
        backoff.reset();
        assert_eq!(backoff.ceiling(), SECOND);
    }

    #[test]
    fn waits_of_a_fleet_cover_the_whole_range() {
        let waits: Vec<Duration> = (0..1000).map(|seed| seeded(seed).next_wait()).collect();
        for quarter in 0..4 {
            let within = quarter * SECOND / 4..(quarter + 1) * SECOND / 4;
            let count = waits.iter().filter(|wait| within.contains(wait)).count();
            assert!((150..350).contains(&count), "quarter {quarter}: {count} of 1000");
        }
        assert_eq!(seeded(7).next_wait(), seeded(7).next_wait(), "same seed, same wait");
    }

    #[test]
    fn extreme_durations_do_not_overflow() {
        let mut backoff = Backoff::new(Duration::MAX, Duration::MAX);
        for _ in 0..100 {
            backoff.next_wait();
        }
        assert_eq!(Backoff::new(Duration::ZERO, Duration::ZERO).next_wait(), Duration::ZERO);
    }
}
