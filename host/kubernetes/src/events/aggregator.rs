//! Rate limit of events: aggregates equal events, and limits the number of published ones.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Event;

/// Number of events that may be published at once after a quiet period.
const BURST: u32 = 20;

/// Interval at which one more event may be published after a burst.
const REFILL: Duration = Duration::from_secs(30);

/// Time for which equal events are only counted.
const WINDOW: Duration = Duration::from_secs(600);

/// Largest number of different events that are remembered.
const MAX_WINDOWS: usize = 128;

/// Time of the first and the last occurrence, and their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Occurrences {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) count: u32,
}

/// Result of offering an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Publish(Occurrences),
    /// Counted, and published with the others when the window ends.
    Aggregated,
    Dropped,
}

#[derive(Debug)]
struct Window {
    ends: Instant,
    repeats: Option<Occurrences>,
}

/// Rate limit and aggregation. It has no clock and no network access.
#[derive(Debug)]
pub(super) struct EventAggregator {
    tokens: u32,
    refilled: Instant,
    windows: HashMap<Event, Window>,
}

impl EventAggregator {
    pub(super) fn new(now: Instant) -> Self {
        Self { tokens: BURST, refilled: now, windows: HashMap::new() }
    }

    pub(super) fn offer(&mut self, event: &Event, now: Instant, wall: Timestamp) -> Decision {
        let once = Occurrences { first: wall, last: wall, count: 1 };
        if let Some(window) = self.windows.get_mut(event)
            && now < window.ends
        {
            let repeats = window.repeats.get_or_insert(Occurrences { count: 0, ..once });
            repeats.count = repeats.count.saturating_add(1);
            repeats.last = wall;
            return Decision::Aggregated;
        }
        if self.windows.len() >= MAX_WINDOWS && !self.windows.contains_key(event) || !self.take(now) {
            return Decision::Dropped;
        }
        let repeats = None;
        self.windows.insert(event.clone(), Window { ends: now + WINDOW, repeats });
        Decision::Publish(once)
    }

    /// Ends the windows whose time is over, or all of them. Returns the events counted in them, which are to be published,
    /// and the number of events dropped by the rate limit.
    pub(super) fn end(&mut self, now: Option<Instant>) -> (Vec<(Event, Occurrences)>, u64) {
        let over: Vec<_> =
            self.windows.extract_if(|_, window| now.is_none_or(|now| window.ends <= now)).collect();
        let (mut due, mut dropped) = (Vec::new(), 0);
        for (event, window) in over {
            let Some(occurrences) = window.repeats else { continue };
            if now.is_none_or(|now| self.take(now)) {
                due.push((event, occurrences));
            } else {
                dropped += 1;
            }
        }
        (due, dropped)
    }

    /// Returns the end of the next window to end.
    pub(super) fn next(&self) -> Option<Instant> {
        self.windows.values().map(|window| window.ends).min()
    }

    fn take(&mut self, now: Instant) -> bool {
        let periods = now.saturating_duration_since(self.refilled).as_secs() / REFILL.as_secs();
        if let Ok(periods @ 1..) = u32::try_from(periods) {
            self.tokens = self.tokens.saturating_add(periods).min(BURST);
            self.refilled += REFILL * periods;
        }
        let taken = self.tokens.checked_sub(1);
        self.tokens = taken.unwrap_or(0);
        taken.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{EventKind, InvolvedObject};

    fn event(message: &str) -> Event {
        Event {
            kind: EventKind::Warning,
            reason: "Failed".to_owned(),
            message: message.to_owned(),
            involved_object: InvolvedObject::Node,
        }
    }

    fn wall(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn equal_events_are_published_once_and_then_counted() {
        let start = Instant::now();
        let mut aggregator = EventAggregator::new(start);
        let once = Occurrences { first: wall(1), last: wall(1), count: 1 };
        assert_eq!(aggregator.offer(&event("a"), start, wall(1)), Decision::Publish(once));
        for second in 2..=4 {
            assert_eq!(aggregator.offer(&event("a"), start, wall(second)), Decision::Aggregated);
        }
        assert!(matches!(aggregator.offer(&event("b"), start, wall(4)), Decision::Publish(_)));
        assert_eq!(aggregator.end(Some(start)), (Vec::new(), 0));
        assert_eq!(aggregator.next(), Some(start + WINDOW));
        let repeats = Occurrences { first: wall(2), last: wall(4), count: 3 };
        assert_eq!(aggregator.end(Some(start + WINDOW)), (vec![(event("a"), repeats)], 0));
        assert_eq!(aggregator.next(), None);
        let next = Occurrences { first: wall(700), last: wall(700), count: 1 };
        assert_eq!(aggregator.offer(&event("a"), start + WINDOW, wall(700)), Decision::Publish(next));
    }

    #[test]
    fn a_flood_is_limited_and_the_limit_recovers() {
        let start = Instant::now();
        let mut aggregator = EventAggregator::new(start);
        let mut due = 0;
        let mut flood = |aggregator: &mut EventAggregator, from: usize, now| {
            for number in from..from + 100 {
                due += u32::from(
                    aggregator.offer(&event(&number.to_string()), now, wall(1)) != Decision::Dropped,
                );
            }
            std::mem::take(&mut due)
        };
        assert_eq!(flood(&mut aggregator, 0, start), BURST);
        assert_eq!(flood(&mut aggregator, 100, start + REFILL * 2), 2);
        assert_eq!(flood(&mut aggregator, 200, start + REFILL * 1_000), BURST);
    }

    #[test]
    fn the_number_of_windows_is_bounded() {
        let start = Instant::now();
        let mut aggregator = EventAggregator::new(start);
        for number in 0..2_000 {
            let now = start + REFILL * number / 4;
            aggregator.offer(&event(&number.to_string()), now, wall(1));
            assert!(aggregator.windows.len() <= MAX_WINDOWS);
        }
        assert_eq!(aggregator.windows.len(), MAX_WINDOWS);
        let (due, dropped) = aggregator.end(None);
        assert_eq!((due.len(), dropped, aggregator.windows.len()), (0, 0, 0));
    }
}
