//! Monotonic counters and their rates.

/// Readings at most this far apart do not give a usable rate.
const SHORTEST_SPAN_NS: u64 = 50_000;

/// Current and previous reading of a counter.
///
/// There is no previous reading when the counter is first seen, after a reset, or when another object has taken the same
/// name. Values that need one are then `None`, never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Reading of this tick, in the unit that belongs to the counter's name.
    pub current: u64,
    /// Previous reading.
    pub previous: Option<u64>,
    /// Nanoseconds between the two readings; 0 without a previous one. Specific to this counter: after a tick in which
    /// it could not be read, it spans two intervals.
    pub elapsed_ns: u64,
}

impl Counter {
    /// Creates a counter with a first reading.
    pub const fn first(current: u64) -> Self {
        Self { current, previous: None, elapsed_ns: 0 }
    }

    /// Creates a counter from a reading, the previous one and the nanoseconds between them; 0 ns means no previous one.
    pub const fn pair(current: u64, previous: u64, elapsed_ns: u64) -> Self {
        if elapsed_ns == 0 {
            return Self::first(current);
        }
        Self { current, previous: Some(previous), elapsed_ns }
    }

    /// Growth between the two readings. `None` without a previous reading, if the counter went down, and if the readings
    /// are at most 50 microseconds apart.
    pub fn delta(&self) -> Option<f64> {
        let delta = self.current as f64 - self.previous? as f64;
        (self.elapsed_ns > SHORTEST_SPAN_NS && delta >= 0.0).then_some(delta)
    }

    /// Growth per second.
    pub fn per_second(&self) -> Option<f64> {
        self.rate(1e9)
    }

    /// Growth per nanosecond, times `multiplier`: 1e9 for "per second", 1000 for "nanoseconds of CPU time in
    /// thousandths of a core". Divides before it multiplies, which decides the last digits.
    pub fn rate(&self, multiplier: f64) -> Option<f64> {
        Some(self.delta()? / self.elapsed_ns as f64 * multiplier)
    }

    pub(crate) fn row(self) -> (u64, u64) {
        match self.previous {
            Some(previous) if self.elapsed_ns != 0 => (previous, self.elapsed_ns),
            _ => (0, 0),
        }
    }
}
