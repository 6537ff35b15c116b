//! Figures that only grow.

/// Readings closer together than this say nothing about a rate.
const SHORTEST_SPAN_NS: u64 = 50_000;

/// A reading of a counter with the one before it.
///
/// There is no previous reading on first sight, after a reset, or when another thing stands under the same name; figures
/// that need it are then `None`, never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Reading of this tick, in the unit that the counter's name says.
    pub current: u64,
    /// Reading before it.
    pub previous: Option<u64>,
    /// Nanoseconds between the two readings; 0 without a previous one. Belongs to this counter alone: one that could
    /// not be read for a tick has twice the interval here.
    pub elapsed_ns: u64,
}

impl Counter {
    /// A first reading.
    pub const fn first(current: u64) -> Self {
        Self { current, previous: None, elapsed_ns: 0 }
    }

    /// A reading, the reading before it and the nanoseconds between them.
    pub const fn pair(current: u64, previous: u64, elapsed_ns: u64) -> Self {
        if elapsed_ns == 0 {
            return Self::first(current);
        }
        Self { current, previous: Some(previous), elapsed_ns }
    }

    /// How much it grew between the two readings. `None` without a previous reading, when the counter went down, and
    /// when the readings are 50 microseconds apart or less.
    pub fn delta(&self) -> Option<f64> {
        let delta = self.current as f64 - self.previous? as f64;
        (self.elapsed_ns > SHORTEST_SPAN_NS && delta >= 0.0).then_some(delta)
    }

    /// How much it grew in one second.
    pub fn per_second(&self) -> Option<f64> {
        self.rate(1e9)
    }

    /// How much it grew per nanosecond, times `multiplier`: 1e9 for "per second", 1000 for "nanoseconds of CPU time in
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
