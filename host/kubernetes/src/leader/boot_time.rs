//! The clock that decides on leadership.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A point in time on `CLOCK_BOOTTIME`, which never steps, and continues while the process is stopped and while the machine
/// is suspended (`std::time::Instant` stops during suspension).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BootTime(Duration);

impl BootTime {
    pub(crate) fn now() -> Self {
        let time = clock_gettime(ClockId::Boottime);
        // Neither is negative on this clock.
        let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
        Self(Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0)))
    }

    /// Creates a point in time from nanoseconds since boot, as stored in an atomic.
    pub(crate) const fn from_nanos(nanos: u64) -> Self {
        Self(Duration::from_nanos(nanos))
    }

    /// Returns the nanoseconds since boot; they are sufficient for 584 years.
    pub(crate) fn as_nanos(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }

    pub(crate) fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// Returns the time since `earlier`; zero if `earlier` is later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_monotonic() {
        let (first, second) = (BootTime::now(), BootTime::now());
        assert!(first <= second && first > BootTime::default());
        assert_eq!(BootTime::from_nanos(first.as_nanos()), first);
        assert_eq!(first.after(Duration::from_secs(1)).since(first), Duration::from_secs(1));
        assert_eq!(first.since(first.after(Duration::from_secs(1))), Duration::ZERO);
    }
}
