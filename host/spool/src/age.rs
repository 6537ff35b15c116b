//! Detection of clock steps: a block expires only by a clock that has run steadily.

/// Milliseconds: a larger change between two readings is a clock step, and a clock is trusted after running this long without one.
pub(crate) const STEP_MS: u64 = 10 * 60_000;

/// State of the caller's clock.
#[derive(Debug)]
pub(crate) struct Clock {
    last_ms: u64,
    steady_since_ms: u64,
}

impl Clock {
    pub(crate) fn new(now_ms: u64) -> Self {
        Self { last_ms: now_ms, steady_since_ms: now_ms }
    }

    /// Records the current time. Returns true if the clock has run without a step for `STEP_MS`.
    pub(crate) fn is_steady(&mut self, now_ms: u64) -> bool {
        if now_ms.abs_diff(self.last_ms) > STEP_MS {
            self.steady_since_ms = now_ms;
        }
        self.last_ms = now_ms;
        now_ms.saturating_sub(self.steady_since_ms) >= STEP_MS
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, STEP_MS};

    #[test]
    fn a_clock_is_steady_after_ten_minutes_without_a_step() {
        let start = 1_000_000_000;
        let mut clock = Clock::new(start);
        assert!(!clock.is_steady(start));
        assert!(!clock.is_steady(start + STEP_MS - 1));
        assert!(clock.is_steady(start + STEP_MS));
        assert!(!clock.is_steady(start + 10 * STEP_MS), "a step");
        assert!(!clock.is_steady(start + 2 * STEP_MS), "put right again: a step too");
        assert!(!clock.is_steady(start + 2 * STEP_MS + 600));
        assert!(clock.is_steady(start + 3 * STEP_MS + 100));
        assert!(clock.is_steady(start + 3 * STEP_MS), "a clock that is slewed back is no step");
        assert!(!clock.is_steady(u64::MAX));
        assert!(!clock.is_steady(0));
    }
}
