//! When ticks are: at multiples of the interval on the wall clock, each at most once, none made up for.
//!
//! Times are milliseconds since the Unix epoch. The wall clock may be moved at any time; then the ticks
//! follow it.

use std::time::Duration;

/// Plans ticks.
#[derive(Debug)]
pub struct Schedule {
    interval_ms: u64,
    last: Option<u64>,
}

/// A tick that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// The time that every event of the tick carries.
    pub time_unix_ms: u64,
    /// How long ago that was.
    pub lateness_ms: u64,
    /// How many multiples of the interval since the tick before have no tick.
    pub left_out: u64,
}

impl Schedule {
    /// Ticks at multiples of the interval, which is at least a millisecond.
    pub fn new(interval: Duration) -> Self {
        let interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1);
        Self { interval_ms, last: None }
    }

    /// The next tick's time: the first multiple after `now` that was not ticked yet.
    pub fn next(&self, now_ms: u64) -> u64 {
        let next = (now_ms / self.interval_ms).saturating_add(1).saturating_mul(self.interval_ms);
        // The clock was moved back a little over the last tick: it must not come twice.
        if Some(next) == self.last { next.saturating_add(self.interval_ms) } else { next }
    }

    /// To be asked at `planned`, the answer of [`Schedule::next`]. `None` when the clock was moved back
    /// meanwhile and it is not time yet: plan again.
    pub fn due(&mut self, planned_ms: u64, now_ms: u64) -> Option<Tick> {
        if now_ms < planned_ms {
            return None;
        }
        let time_unix_ms = now_ms - now_ms % self.interval_ms;
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
        // Back by a moment: the same tick does not come again.
        assert_eq!(schedule.next(599_900), 660_000);
        // Back by minutes, before the planned tick: it is not due, ticks go on where the clock is.
        assert_eq!(schedule.due(660_000, 300_500), None);
        assert_eq!(schedule.next(300_500), 360_000);
        assert_eq!(schedule.due(360_000, 360_000).unwrap().left_out, 0);
        // Forward by days.
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
