//! Previous readings of counters.

use std::collections::HashMap;

/// The last readings of counters, by owner and name. Contains nothing but what the last reading had.
///
/// An owner is a container by Docker's id, or an interface of one; a container that was replaced is another owner. A counter
/// that decreased was reset: it has no previous reading, and its value is the next baseline.
#[derive(Debug, Default)]
pub(super) struct Counters {
    owners: HashMap<Box<str>, Owner>,
    /// Number of the current reading.
    reading: u64,
}

#[derive(Debug, Default)]
struct Owner {
    last_reading: u64,
    values: Vec<Value>,
}

#[derive(Debug)]
struct Value {
    counter: &'static str,
    current: u64,
    read_at_ns: i64,
}

impl Counters {
    /// Records a reading at `read_at_ns` on any clock. Returns the previous reading, and the nanoseconds in between, if there
    /// is a valid one.
    ///
    /// A value that was emitted before, because no newer one was read, has the same time: it gives no rate, and the earlier
    /// reading stays the baseline.
    pub(super) fn record(
        &mut self,
        owner: &str,
        counter: &'static str,
        current: u64,
        read_at_ns: i64,
    ) -> Option<(u64, u64)> {
        if !self.owners.contains_key(owner) {
            self.owners.insert(owner.into(), Owner::default());
        }
        let owner = self.owners.get_mut(owner)?;
        owner.last_reading = self.reading;
        let Some(last) = owner.values.iter_mut().find(|value| value.counter == counter) else {
            owner.values.push(Value { counter, current, read_at_ns });
            return None;
        };
        let previous = std::mem::replace(last, Value { counter, current, read_at_ns });
        let elapsed =
            read_at_ns.checked_sub(previous.read_at_ns).and_then(|elapsed| u64::try_from(elapsed).ok());
        elapsed
            .filter(|elapsed| *elapsed > 0 && current >= previous.current)
            .map(|elapsed| (previous.current, elapsed))
    }

    /// Drops the owners that the reading did not contain.
    pub(super) fn end_of_reading(&mut self) {
        let reading = self.reading;
        self.owners.retain(|_, owner| owner.last_reading == reading);
        self.reading += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_are_paired() {
        let mut counters = Counters::default();
        assert_eq!(counters.record("d", "cpu.usage_ns", 100, 1_000), None, "at first sight");
        assert_eq!(counters.record("d", "cpu.usage_ns", 150, 3_000), Some((100, 2_000)));
        assert_eq!(counters.record("d", "cpu.user_ns", 7, 3_000), None, "another counter");
        assert_eq!(counters.record("e", "cpu.usage_ns", 160, 4_000), None, "another container");
        assert_eq!(counters.record("d", "cpu.usage_ns", 150, 3_000), None, "the same reading");
        assert_eq!(
            counters.record("d", "cpu.usage_ns", 150, 4_000),
            Some((150, 1_000)),
            "no change is a rate of 0"
        );
        assert_eq!(counters.record("d", "cpu.usage_ns", 20, 5_000), None, "a reset");
        assert_eq!(counters.record("d", "cpu.usage_ns", 30, 6_000), Some((20, 1_000)), "the next baseline");
        assert_eq!(counters.record("d", "cpu.usage_ns", 40, 5_500), None, "time went back");
        assert_eq!(counters.record("d", "cpu.usage_ns", 50, 6_500), Some((40, 1_000)));
        assert_eq!(counters.record("d", "cpu.usage_ns", 60, i64::MIN), None);
        assert_eq!(counters.record("d", "cpu.usage_ns", 60, i64::MAX), None, "no overflow");
    }

    #[test]
    fn owners_that_are_gone_are_dropped() {
        let mut counters = Counters::default();
        for id in 0..100 {
            counters.record(&id.to_string(), "cpu.usage_ns", 1, 1);
        }
        counters.end_of_reading();
        counters.record("5", "cpu.usage_ns", 2, 2);
        counters.end_of_reading();
        assert_eq!(counters.owners.len(), 1);
        assert_eq!(counters.record("5", "cpu.usage_ns", 3, 3), Some((2, 1)));
        assert_eq!(counters.record("6", "cpu.usage_ns", 3, 3), None, "it was gone");
    }
}
