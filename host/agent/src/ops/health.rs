//! Liveness and readiness: progress of the worker thread's ticks, and their first delivery.
//!
//! Ticks follow the wall clock, but their progress is measured by the monotonic clock. A wall clock that is set costs at most one
//! and a half intervals without a tick; a suspended machine costs none, since the monotonic clock stops too.

use std::fmt;
use std::time::{Duration, Instant};

use crate::counters::Counters;

/// Liveness limit, in intervals without the end of a tick.
const INTERVALS: u32 = 3;
/// Lower bound of that limit: with a short interval, a throttled node may delay the agent for a while.
const AT_LEAST: Duration = Duration::from_secs(60);
/// Limit of a single tick, in intervals: a longer one is not expected to end by itself.
const TICK_INTERVALS: u32 = 5;
/// Lower bound of the limit of a single tick.
const TICK_AT_LEAST: Duration = Duration::from_secs(15);

/// Progress of the worker thread.
#[derive(Debug)]
pub(super) struct Progress {
    limit: Duration,
    /// Limit of a single tick.
    tick_limit: Duration,
    interval: Duration,
    started: Instant,
    /// Start of the tick in progress.
    begun: Option<Instant>,
    finished: Option<Instant>,
    delivery: Result<(), Missing>,
}

/// Liveness of the agent, with the time since the last tick ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Alive {
    pub(super) age: Option<Duration>,
}

/// The error that no tick ended for too long, or that the tick in progress takes too long.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stuck {
    age: Duration,
    limit: Duration,
    ever: bool,
    /// Time since the tick in progress began.
    tick: Option<Duration>,
}

/// The condition that keeps the agent from being ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// No tick has ended yet.
    Tick { interval: Duration },
    /// All events so far were lost; the counts of events and batches are by cause.
    Delivery { lost: Vec<(&'static str, u64)> },
}

impl Progress {
    pub(super) fn new(now: Instant, interval: Duration, longest_wait: Duration) -> Self {
        let limit = interval.saturating_mul(INTERVALS).max(AT_LEAST).saturating_add(longest_wait);
        let tick = interval.saturating_mul(TICK_INTERVALS).max(TICK_AT_LEAST);
        let tick_limit = tick.saturating_add(longest_wait);
        let delivery = Err(Missing::Tick { interval });
        Self { limit, tick_limit, interval, started: now, begun: None, finished: None, delivery }
    }

    pub(super) fn begin(&mut self, now: Instant) {
        self.begun = Some(now);
    }

    pub(super) fn end(&mut self, now: Instant, counters: &Counters) {
        self.begun = None;
        self.finished = Some(now);
        // Readiness is permanent: later losses are for metrics and alarms.
        if self.delivery.is_err() {
            self.delivery = delivered(counters, self.interval);
        }
    }

    pub(super) fn age(&self, now: Instant) -> Option<Duration> {
        self.finished.map(|finished| now.saturating_duration_since(finished))
    }

    pub(super) fn alive(&self, now: Instant) -> Result<Alive, Stuck> {
        let since = self.finished.unwrap_or(self.started);
        let age = now.saturating_duration_since(since);
        let tick = self.begun.map(|begun| now.saturating_duration_since(begun));
        if age <= self.limit && tick.is_none_or(|tick| tick <= self.tick_limit) {
            return Ok(Alive { age: self.age(now) });
        }
        Err(Stuck { age, limit: self.limit, ever: self.finished.is_some(), tick })
    }

    pub(super) fn ready(&self) -> Result<(), Missing> {
        self.delivery.clone()
    }
}

/// Returns `Ok` if events were delivered, or if there were none to deliver, as on a node that waits to become the leader.
fn delivered(counters: &Counters, interval: Duration) -> Result<(), Missing> {
    if counters.ticks == 0 {
        return Err(Missing::Tick { interval });
    }
    let mut lost = vec![
        ("batches that no formatter could format", counters.pipelines.batches_unformatted),
        ("batches dropped by a transform that failed", counters.pipelines.batches_dropped),
    ];
    lost.extend(counters.lost().by_cause());
    lost.retain(|(_, count)| *count > 0);
    if counters.sinks.events > 0 || lost.is_empty() { Ok(()) } else { Err(Missing::Delivery { lost }) }
}

impl fmt::Display for Alive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.age {
            Some(age) => write!(f, "ok: the last tick ended {} s ago", age.as_secs()),
            None => f.write_str("ok: waiting for the first tick"),
        }
    }
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = if self.ever { "" } else { " since the start" };
        write!(f, "no tick ended for {} s{since} (limit {} s); ", self.age.as_secs(), self.limit.as_secs())?;
        match self.tick {
            Some(tick) => write!(f, "the current tick began {} s ago", tick.as_secs()),
            None => f.write_str("no tick is running"),
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tick { interval } => {
                write!(f, "not ready: waiting for the first tick (interval {} s)", interval.as_secs_f64())
            }
            Self::Delivery { lost } => {
                f.write_str("not ready: no event was delivered; lost so far:")?;
                let mut separator = " ";
                for (cause, count) in lost {
                    write!(f, "{separator}{cause}: {count}")?;
                    separator = ", ";
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::SinkCounters;

    const SECOND: Duration = Duration::from_secs(1);

    fn ticked() -> Counters {
        Counters {
            ticks: 1,
            sinks: SinkCounters { events: 5, ..SinkCounters::default() },
            ..Counters::default()
        }
    }

    #[test]
    fn three_intervals_without_a_tick_are_too_many() {
        let start = Instant::now();
        let mut progress = Progress::new(start, 60 * SECOND, Duration::ZERO);
        assert_eq!(progress.alive(start + 180 * SECOND), Ok(Alive { age: None }));
        let stuck = progress.alive(start + 181 * SECOND).unwrap_err().to_string();
        assert_eq!(stuck, "no tick ended for 181 s since the start (limit 180 s); no tick is running");

        progress.begin(start + 181 * SECOND);
        progress.end(start + 182 * SECOND, &ticked());
        let alive = progress.alive(start + 192 * SECOND).unwrap();
        assert_eq!(alive.to_string(), "ok: the last tick ended 10 s ago");
        assert!(progress.alive(start + 362 * SECOND).is_ok());

        progress.begin(start + 242 * SECOND);
        let stuck = progress.alive(start + 363 * SECOND).unwrap_err().to_string();
        assert_eq!(stuck, "no tick ended for 181 s (limit 180 s); the current tick began 121 s ago");
    }

    #[test]
    fn a_short_interval_does_not_make_a_short_limit() {
        let start = Instant::now();
        let progress = Progress::new(start, Duration::from_millis(100), Duration::ZERO);
        assert!(progress.alive(start + 60 * SECOND).is_ok());
        assert!(progress.alive(start + 61 * SECOND).is_err());
    }

    #[test]
    fn a_tick_that_outlasts_its_interval_several_times_is_stuck() {
        let start = Instant::now();
        let mut progress = Progress::new(start, SECOND, 10 * SECOND);
        progress.begin(start);
        progress.end(start, &ticked());
        progress.begin(start + SECOND);
        assert!(progress.alive(start + 26 * SECOND).is_ok());
        assert!(progress.alive(start + 27 * SECOND).is_err());
    }

    #[test]
    fn a_tick_that_waits_for_an_answer_is_alive_until_the_answer_is_overdue() {
        let start = Instant::now();
        let mut progress = Progress::new(start, 60 * SECOND, 120 * SECOND);
        progress.end(start, &ticked());
        progress.begin(start + 60 * SECOND);
        assert!(progress.alive(start + 300 * SECOND).is_ok());
        assert!(progress.alive(start + 301 * SECOND).is_err());
    }

    /// The times are those of a real schedule; the wall clock is set under it while the monotonic clock goes on.
    #[test]
    fn a_moved_wall_clock_is_no_reason_to_be_restarted() {
        let start = Instant::now();
        for step_ms in [-86_400_000_i64, -3_600_000, -61_000, -1000, 1000, 61_000, 3_600_000, 86_400_000] {
            let mut progress = Progress::new(start, 60 * SECOND, Duration::ZERO);
            let mut schedule = crate::schedule::Schedule::new(60 * SECOND);
            let (mut wall_ms, mut passed_ms) = (1_000_000_000_000_u64, 0_u64);
            for round in 0..6 {
                let planned = schedule.next(wall_ms);
                let sleep_ms = planned - wall_ms;
                (wall_ms, passed_ms) = (wall_ms + sleep_ms, passed_ms + sleep_ms);
                if round == 3 {
                    wall_ms = wall_ms.checked_add_signed(step_ms).unwrap();
                }
                let now = start + Duration::from_millis(passed_ms);
                assert!(progress.alive(now).is_ok(), "step of {step_ms} ms, round {round}");
                if schedule.due(planned, wall_ms).is_some() {
                    progress.begin(now);
                    progress.end(now, &ticked());
                }
            }
        }
    }

    #[test]
    fn ready_is_when_something_was_delivered() {
        let start = Instant::now();
        let mut progress = Progress::new(start, 60 * SECOND, Duration::ZERO);
        assert_eq!(
            progress.ready().unwrap_err().to_string(),
            "not ready: waiting for the first tick (interval 60 s)"
        );

        let mut counters = Counters { ticks: 1, ..Counters::default() };
        counters.pipelines.batches_unformatted = 1;
        counters.sinks.lost = 7;
        progress.end(start, &counters);
        let missing = progress.ready().unwrap_err().to_string();
        assert_eq!(
            missing,
            "not ready: no event was delivered; lost so far: batches that no formatter could format: 1, sink: 7"
        );

        counters.sinks.events = 1;
        progress.end(start, &counters);
        assert_eq!(progress.ready(), Ok(()));
        // Readiness is permanent.
        progress.end(start, &Counters { sinks: SinkCounters { events: 0, ..counters.sinks }, ..counters });
        assert_eq!(progress.ready(), Ok(()));
    }

    #[test]
    fn a_tick_without_anything_to_deliver_is_good_enough() {
        let start = Instant::now();
        let mut progress = Progress::new(start, 60 * SECOND, Duration::ZERO);
        progress.end(start, &Counters { ticks: 1, ..Counters::default() });
        assert_eq!(progress.ready(), Ok(()));
    }
}
