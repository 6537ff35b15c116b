//! The clock by which leadership is judged.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A moment on `CLOCK_BOOTTIME`: it never steps, and it goes on while the process is stopped and while the machine
/// sleeps (`std::time::Instant` stands still in the latter case).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(Duration);

impl Moment {
    pub(crate) fn now() -> Self {
        let time = clock_gettime(ClockId::Boottime);
        // Both are never negative on this clock.
        let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
        Self(Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0)))
    }

    /// For tests, and for what keeps moments in atomics.
    pub(crate) const fn from_nanos(nanos: u64) -> Self {
        Self(Duration::from_nanos(nanos))
    }

    /// Nanoseconds since boot; enough for 584 years.
    pub(crate) fn as_nanos(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }

    pub(crate) fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// Zero if `earlier` is later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on() {
        let (first, second) = (Moment::now(), Moment::now());
        assert!(first <= second && first > Moment::default());
        assert_eq!(Moment::from_nanos(first.as_nanos()), first);
        assert_eq!(first.after(Duration::from_secs(1)).since(first), Duration::from_secs(1));
        assert_eq!(first.since(first.after(Duration::from_secs(1))), Duration::ZERO);
    }
}
