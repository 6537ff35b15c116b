//! Counters and their previous readings.
//!
//! A counter belongs to an owner (a cgroup, a device, a container). An owner has an identity besides its name: the inode of
//! the cgroup's directory or of the interface's entry in sysfs, a container's id. The same name with another identity is a
//! new owner, and its first reading has no previous one.
//!
//! - An owner created since the last tick started at 0, and its first reading is paired with that ([`Counters::zero_at`]);
//!   one that merely was not seen before has no previous reading.
//! - A counter that decreased was reset: it has no previous reading, and the new value is the next baseline. A driver whose
//!   32-bit counter wraps looks the same and is treated the same: one tick without a rate is better than a guess. The
//!   kernel's own counters have 64 bits on every supported platform.
//! - The time between readings is monotonic, so steps of the wall clock have no effect. A counter that could not be read
//!   for some ticks has a longer interval, and its rate is correct.
//! - Two readings within 50 µs give no rate: the earlier one stays the baseline.
//! - An owner that was not seen for a while is dropped, so memory depends on the current owners, not on the uptime.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, RandomState};
use std::time::Duration;

use insights_batch::FxHasher;

/// Readings at most this far apart give no rate, nanoseconds.
pub(crate) const MIN_INTERVAL_NS: u64 = 50_000;
/// Minimum number of ticks an owner is kept, regardless of `forget_after`: the interval may be longer than that time.
const MIN_TICKS_KEPT: u64 = 3;

/// The previous readings, by owner and counter.
#[derive(Debug)]
pub struct CounterCache {
    owners: HashMap<u64, CounterOwner, BuildHasherDefault<FxHasher>>,
    names: Vec<&'static str>,
    hasher: RandomState,
    forget_after_ns: u64,
    tick: u64,
}

#[derive(Debug)]
struct CounterOwner {
    identity: u64,
    seen_tick: u64,
    seen_ns: u64,
    readings: Vec<LastReading>,
}

#[derive(Clone, Copy, Debug)]
struct LastReading {
    counter: u16,
    current: u64,
    read_at_ns: u64,
}

impl CounterCache {
    /// Creates an empty cache that drops owners not seen for `forget_after` and for three ticks.
    pub fn new(forget_after: Duration) -> Self {
        Self {
            owners: HashMap::default(),
            names: Vec::new(),
            hasher: RandomState::new(),
            forget_after_ns: u64::try_from(forget_after.as_nanos()).unwrap_or(u64::MAX),
            tick: 0,
        }
    }

    /// Returns the key of an owner, from its kind and its id within the kind, for [`CounterCache::owner`]. Keys are valid for this `CounterCache` only.
    pub fn key(&self, kind: &str, id: &str) -> u64 {
        self.hasher.hash_one((kind, id))
    }

    /// Returns the counters of one owner. All of them are reset if the identity differs from the previous one.
    pub fn owner(&mut self, key: u64, identity: u64) -> Counters<'_> {
        let Self { owners, names, tick, .. } = self;
        let owner = owners.entry(key).or_insert_with(|| CounterOwner {
            identity,
            seen_tick: *tick,
            seen_ns: 0,
            readings: Vec::new(),
        });
        if owner.identity != identity {
            owner.identity = identity;
            owner.readings.clear();
        }
        owner.seen_tick = *tick;
        Counters { owner, names, next: 0, zero_at_ns: None }
    }

    /// Records the current reading of one counter. Returns the previous reading and the nanoseconds in between, if there is a
    /// valid one. For many counters of one owner, [`CounterCache::owner`] is faster.
    pub fn record(
        &mut self,
        owner: &str,
        identity: u64,
        counter: &'static str,
        current: u64,
        read_at_ns: u64,
    ) -> Option<(u64, u64)> {
        let key = self.key("", owner);
        self.owner(key, identity).record(counter, current, read_at_ns)
    }

    /// Drops owners that were not seen for long. Call it once at the end of each tick.
    pub fn end_of_tick(&mut self, now_ns: u64) {
        let Self { owners, tick, forget_after_ns, .. } = self;
        *tick += 1;
        owners.retain(|_, owner| {
            if owner.seen_tick + 1 == *tick {
                owner.seen_ns = now_ns;
            }
            owner.seen_tick + MIN_TICKS_KEPT >= *tick
                || now_ns.saturating_sub(owner.seen_ns) < *forget_after_ns
        });
        if owners.capacity() > 4 * owners.len().max(64) {
            owners.shrink_to(2 * owners.len());
        }
    }

    /// Returns the number of known owners.
    pub fn len(&self) -> usize {
        self.owners.len()
    }

    /// Returns true if no owner is known.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }
}

/// The counters of one owner.
#[derive(Debug)]
pub struct Counters<'p> {
    owner: &'p mut CounterOwner,
    names: &'p mut Vec<&'static str>,
    next: usize,
    zero_at_ns: Option<u64>,
}

impl Counters<'_> {
    /// Sets the time at which counters without an earlier reading were 0; `None` if their owner was not created since the last
    /// tick or the time is unknown.
    pub fn zero_at(mut self, zero_at_ns: Option<u64>) -> Self {
        self.zero_at_ns = zero_at_ns;
        self
    }

    /// Records one reading, as [`CounterCache::record`], for this owner.
    #[inline]
    pub fn record(&mut self, counter: &'static str, current: u64, read_at_ns: u64) -> Option<(u64, u64)> {
        let index = self.position(counter);
        let Some(reading) = self.owner.readings.get_mut(index) else {
            let counter = self.id(counter)?;
            // grows in small steps: owners of a kind have the same counters, and there are thousands of owners
            if self.owner.readings.len() == self.owner.readings.capacity() {
                self.owner.readings.reserve_exact(8);
            }
            self.owner.readings.push(LastReading { counter, current, read_at_ns });
            let elapsed = read_at_ns.checked_sub(self.zero_at_ns?)?;
            return (elapsed > MIN_INTERVAL_NS).then_some((0, elapsed));
        };
        let (previous, elapsed) = (reading.current, read_at_ns.checked_sub(reading.read_at_ns));
        match elapsed {
            Some(elapsed) if current >= previous && elapsed <= MIN_INTERVAL_NS => None,
            Some(elapsed) if current >= previous => {
                *reading = LastReading { current, read_at_ns, ..*reading };
                Some((previous, elapsed))
            }
            _ => {
                *reading = LastReading { current, read_at_ns, ..*reading };
                None
            }
        }
    }

    /// Returns the index of a counter's reading, or the length of the list. Counters come in the same order every tick, so the first try hits.
    #[inline]
    fn position(&mut self, counter: &'static str) -> usize {
        let Self { owner, names, next, .. } = self;
        let is = |reading: &LastReading| {
            names
                .get(usize::from(reading.counter))
                .is_some_and(|name| std::ptr::eq(*name, counter) || *name == counter)
        };
        let found = match owner.readings.get(*next) {
            Some(reading) if is(reading) => *next,
            _ => owner.readings.iter().position(is).unwrap_or(owner.readings.len()),
        };
        *next = found + 1;
        found
    }

    /// Returns the number of a counter name. Returns `None` past 65,536 names, whose counters then have no previous readings.
    fn id(&mut self, counter: &'static str) -> Option<u16> {
        let index = self.names.iter().position(|known| *known == counter).unwrap_or_else(|| {
            self.names.push(counter);
            self.names.len() - 1
        });
        u16::try_from(index).ok()
    }
}

#[cfg(test)]
mod tests;
