//! Tick times: a fixed offset after each multiple of the interval on the wall clock. A tick runs at most once, and a missed one is
//! never made up for.
//!
//! Times are milliseconds since the Unix epoch. The wall clock may be set at any time; ticks then follow it.

use std::time::Duration;

/// The interval of ticks and their offset from its multiples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    /// Time between two ticks.
    pub interval: Duration,
    /// Time from a multiple of the interval to its tick.
    pub offset: Duration,
}

/// Ticks at the multiples themselves, with no offset.
impl From<Duration> for Rhythm {
    fn from(interval: Duration) -> Self {
        Self { interval, offset: Duration::ZERO }
    }
}

/// Upper bound of the interval that the default offset is a fraction of: it keeps ticks within 25 s after a multiple.
const MINUTE: Duration = Duration::from_secs(60);

impl Rhythm {
    /// Returns five twelfths of the interval, or of a minute if that is shorter: 25 s after each whole minute with the default interval.
    /// CronJobs start at whole minutes. A Job that runs for at least 25 s is present at the tick, and one that started a minute before has
    /// run for most of a short life; with ticks at whole minutes, a Job of 45 s is never seen. The offset is the same on every node, and
    /// no tick falls on a whole minute if the interval divides a minute or is a multiple of one.
    pub fn default_offset(interval: Duration) -> Duration {
        let offset = interval.min(MINUTE) * 5 / 12;
        // Ticks are at whole milliseconds.
        Duration::from_millis(u64::try_from(offset.as_millis()).unwrap_or(0))
    }
}

/// Plans ticks.
#[derive(Debug)]
pub struct Schedule {
    interval_ms: u64,
    /// Below `interval_ms`.
    offset_ms: u64,
    last: Option<u64>,
}

/// A tick that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Planned time of the tick, which all of its events carry.
    pub time_unix_ms: u64,
    /// Time since `time_unix_ms` when the tick became due.
    pub lateness_ms: u64,
    /// Ticks skipped since the one before.
    pub left_out: u64,
}

impl Schedule {
    /// Creates a schedule. The interval is raised to at least one millisecond, and the offset is reduced modulo the interval.
    pub fn new(rhythm: impl Into<Rhythm>) -> Self {
        let Rhythm { interval, offset } = rhythm.into();
        let interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1);
        let offset_ms = u64::try_from(offset.as_millis()).unwrap_or(0) % interval_ms;
        Self { interval_ms, offset_ms, last: None }
    }

    /// Returns the time of the next tick: the first after `now_ms` that has not run yet.
    pub fn next(&self, now_ms: u64) -> u64 {
        let next = match now_ms.checked_sub(self.offset_ms) {
            None => self.offset_ms,
            Some(since) => {
                let multiple = (since / self.interval_ms).saturating_add(1).saturating_mul(self.interval_ms);
                multiple.saturating_add(self.offset_ms)
            }
        };
        // The clock was moved back slightly across the last tick, which must not run twice.
        if Some(next) == self.last { next.saturating_add(self.interval_ms) } else { next }
    }

    /// Returns the tick that is due at `now_ms`, to be called at `planned_ms`, a time returned by [`Schedule::next`]. Returns `None` if the
    /// clock was moved back meanwhile and the tick is not due yet: plan again.
    pub fn due(&mut self, planned_ms: u64, now_ms: u64) -> Option<Tick> {
        if now_ms < planned_ms {
            return None;
        }
        // Saturates if the clock is before the first tick time of all, which leaves `now_ms` itself.
        let time_unix_ms = now_ms - now_ms.saturating_sub(self.offset_ms) % self.interval_ms;
        let since_last = self.last.map(|last| time_unix_ms.saturating_sub(last) / self.interval_ms);
        self.last = Some(time_unix_ms);
        Some(Tick {
            time_unix_ms,
            lateness_ms: now_ms - time_unix_ms,
            left_out: since_last.unwrap_or(1).saturating_sub(1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule() -> Schedule {
        Schedule::new(Duration::from_secs(60))
    }

    #[test]
    fn ticks_are_at_multiples_of_the_interval() {
        let mut schedule = schedule();
        assert_eq!(schedule.next(1), 60_000);
        assert_eq!(
            schedule.due(60_000, 60_003),
            Some(Tick { time_unix_ms: 60_000, lateness_ms: 3, left_out: 0 })
        );
        assert_eq!(schedule.next(60_050), 120_000);
        assert_eq!(schedule.next(60_000), 120_000);
    }

    #[test]
    fn ticks_are_so_long_after_the_multiples() {
        let second = Duration::from_secs(1);
        let mut schedule = Schedule::new(Rhythm { interval: 60 * second, offset: 25 * second });
        assert_eq!(schedule.next(1), 25_000);
        assert_eq!(schedule.next(25_000), 85_000);
        assert_eq!(
            schedule.due(85_000, 85_003),
            Some(Tick { time_unix_ms: 85_000, lateness_ms: 3, left_out: 0 })
        );
        // Two minutes late: ticks were skipped.
        let tick = schedule.due(145_000, 267_000).unwrap();
        assert_eq!(tick, Tick { time_unix_ms: 265_000, lateness_ms: 2000, left_out: 2 });
        // The clock moved back slightly: the same tick does not run again.
        assert_eq!(schedule.next(264_900), 325_000);
        let whole = Schedule::new(Rhythm { interval: 60 * second, offset: 60 * second });
        assert_eq!(whole.next(1), 60_000);
    }

    /// CronJobs start at whole minutes, and their pods are there some seconds later.
    #[test]
    fn by_default_no_tick_is_at_a_whole_minute() {
        let offset = |ms| Rhythm::default_offset(Duration::from_millis(ms)).as_millis();
        assert_eq!(
            (offset(60_000), offset(10_000), offset(300_000), offset(1000)),
            (25_000, 4166, 25_000, 416)
        );
        // Intervals that divide a minute or are made of minutes.
        for seconds in [1, 2, 5, 10, 12, 15, 20, 30, 60, 120, 300, 720, 900, 3600] {
            let interval = Duration::from_secs(seconds);
            let offset = Rhythm::default_offset(interval);
            assert!(offset < interval);
            let mut schedule = Schedule::new(Rhythm { interval, offset });
            let mut now = 0;
            for _ in 0..100 {
                now = schedule.next(now);
                schedule.due(now, now);
                assert!(now % 60_000 > 400, "interval {seconds} s, tick at {now}");
            }
        }
    }

    #[test]
    fn a_late_tick_leaves_out_and_never_catches_up() {
        let mut schedule = schedule();
        schedule.due(60_000, 60_000);
        // The tick took 150 s.
        assert_eq!(schedule.next(210_000), 240_000);
        let tick = schedule.due(240_000, 240_001).unwrap();
        assert_eq!((tick.time_unix_ms, tick.left_out), (240_000, 2));
        assert_eq!(schedule.next(240_001), 300_000);
    }

    #[test]
    fn sleeping_over_several_multiples_gives_one_tick_at_the_latest() {
        let mut schedule = schedule();
        schedule.due(60_000, 60_000);
        let tick = schedule.due(120_000, 250_000).unwrap();
        assert_eq!(tick, Tick { time_unix_ms: 240_000, lateness_ms: 10_000, left_out: 2 });
    }

    #[test]
    fn the_clock_may_be_moved() {
        let mut schedule = schedule();
        schedule.due(600_000, 600_000);
        // Back slightly: the same tick does not run again.
        assert_eq!(schedule.next(599_900), 660_000);
        // Back by minutes, before the planned tick: it is not due, and ticks follow the clock.
        assert_eq!(schedule.due(660_000, 300_500), None);
        assert_eq!(schedule.next(300_500), 360_000);
        assert_eq!(schedule.due(360_000, 360_000).unwrap().left_out, 0);
        // Forward by a day.
        let tick = schedule.due(420_000, 86_400_000 + 5).unwrap();
        assert_eq!(tick.time_unix_ms, 86_400_000);
    }

    #[test]
    fn odd_intervals_and_extreme_clocks_do_no_harm() {
        let mut schedule = Schedule::new(Duration::ZERO);
        assert_eq!(schedule.next(5), 6);
        assert!(schedule.due(6, u64::MAX).is_some());
        assert_eq!(schedule.next(u64::MAX), u64::MAX);
    }
}
