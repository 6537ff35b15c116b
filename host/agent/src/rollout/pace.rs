//! Rate limit of bundle preparation, independent of how often files change.

use std::time::{Duration, Instant};

use insightd_pipeline::LogThrottle;

/// Maximum number of bundles that are prepared in a row without a limit.
const BURST: u32 = 10;
/// Interval in which one more may be prepared after that.
const EVERY: Duration = Duration::from_secs(1);
/// Rest after preparing a bundle, as a multiple of the time it took, up to `MAX_REST`: compiling must not take a processor from the node.
const REST: u32 = 4;
const MAX_REST: Duration = Duration::from_secs(30);

/// A token bucket with rests; it keeps constantly changing files from using up a processor and the disk.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Tokens of the burst that are used up.
    used: u32,
    /// Start of the current refill interval.
    since: Option<Instant>,
    rests_until: Option<Instant>,
    throttle: LogThrottle,
}

impl Pace {
    /// Returns true if a bundle may be prepared now.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        if self.rests_until.is_some_and(|until| now < until) {
            return false;
        }
        self.fill_up(now);
        if self.used < BURST {
            return true;
        }
        if let Some(suppressed) = self.throttle.record(now) {
            tracing::warn!(suppressed, "files change too often: rollouts are limited to one per second");
        }
        false
    }

    /// Records that a bundle was prepared until `now`, which took `took`.
    pub(super) fn took(&mut self, now: Instant, took: Duration) {
        self.fill_up(now);
        self.used += 1;
        self.since.get_or_insert(now);
        self.rests_until = Some(now + took.saturating_mul(REST).min(MAX_REST));
    }

    fn fill_up(&mut self, now: Instant) {
        let Some(since) = self.since else { return };
        let passed = now.saturating_duration_since(since).as_secs() / EVERY.as_secs();
        self.used = self.used.saturating_sub(u32::try_from(passed).unwrap_or(u32::MAX));
        self.since = (self.used > 0).then(|| since + Duration::from_secs(passed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts the bundles prepared within `within` if each takes `took` and the files change all the time.
    fn tries(within: Duration, took: Duration) -> u32 {
        let (start, mut pace, mut tried) = (Instant::now(), Pace::default(), 0);
        let mut passed = Duration::ZERO;
        while passed < within {
            if pace.allows(start + passed) {
                passed += took;
                pace.took(start + passed, took);
                tried += 1;
            }
            passed += Duration::from_millis(50);
        }
        tried
    }

    #[test]
    fn a_few_at_once_and_one_a_second_after_that() {
        let minute = Duration::from_secs(60);
        assert!((60..=71).contains(&tries(minute, Duration::ZERO)), "{}", tries(minute, Duration::ZERO));
        // A fifth of the time, regardless of how long one takes.
        assert!((4..=7).contains(&tries(minute, Duration::from_secs(2))));
        let mut pace = Pace::default();
        let now = Instant::now();
        for _ in 0..BURST {
            assert!(pace.allows(now));
            pace.took(now, Duration::ZERO);
        }
        assert!(!pace.allows(now) && pace.allows(now + EVERY));
        assert!(pace.throttle.record(now).is_none(), "it was said");
    }
}
