//! A log throttle: at most one message a minute for conditions that may occur thousands of times a tick.

use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(60);

/// The throttle of one kind of message.
#[derive(Debug, Default)]
pub struct LogThrottle {
    logged: Option<Instant>,
    suppressed: u64,
}

impl LogThrottle {
    /// Records an occurrence at `now`. Returns `None` if the last message is less than a minute old, otherwise the number of
    /// occurrences since then that were not logged.
    pub fn record(&mut self, now: Instant) -> Option<u64> {
        if self.logged.is_some_and(|logged| now.saturating_duration_since(logged) < EVERY) {
            self.suppressed += 1;
            return None;
        }
        self.logged = Some(now);
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_once_a_minute_and_counts_the_rest() {
        let mut throttle = LogThrottle::default();
        let start = Instant::now();
        assert_eq!(throttle.record(start), Some(0));
        assert_eq!(throttle.record(start), None);
        assert_eq!(throttle.record(start + Duration::from_secs(59)), None);
        assert_eq!(throttle.record(start + Duration::from_secs(60)), Some(2));
        assert_eq!(throttle.record(start + Duration::from_secs(61)), None);
    }
}
