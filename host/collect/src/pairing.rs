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
pub const SHORTEST_NS: u64 = 50_000;
/// Minimum number of ticks an owner is kept, regardless of `forget_after`: the interval may be longer than that time.
const TICKS_KEPT: u64 = 3;

/// The previous readings, by owner and counter.
#[derive(Debug)]
pub struct Pairing {
    things: HashMap<u64, Thing, BuildHasherDefault<FxHasher>>,
    names: Vec<&'static str>,
    hasher: RandomState,
    forget_after_ns: u64,
    tick: u64,
}

#[derive(Debug)]
struct Thing {
    identity: u64,
    seen_tick: u64,
    seen_ns: u64,
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    counter: u16,
    current: u64,
    read_at_ns: u64,
}

impl Pairing {
    /// Creates an empty cache that drops owners not seen for `forget_after` and for three ticks.
    pub fn new(forget_after: Duration) -> Self {
        Self {
            things: HashMap::default(),
            names: Vec::new(),
            hasher: RandomState::new(),
            forget_after_ns: u64::try_from(forget_after.as_nanos()).unwrap_or(u64::MAX),
            tick: 0,
        }
    }

    /// Returns the key of an owner, from its kind and its id within the kind, for [`Pairing::thing`]. Keys are valid for this `Pairing` only.
    pub fn key(&self, kind: &str, id: &str) -> u64 {
        self.hasher.hash_one((kind, id))
    }

    /// Returns the counters of one owner. All of them are reset if the identity differs from the previous one.
    pub fn thing(&mut self, key: u64, identity: u64) -> Counters<'_> {
        let Self { things, names, tick, .. } = self;
        let thing = things.entry(key).or_insert_with(|| Thing {
            identity,
            seen_tick: *tick,
            seen_ns: 0,
            slots: Vec::new(),
        });
        if thing.identity != identity {
            thing.identity = identity;
            thing.slots.clear();
        }
        thing.seen_tick = *tick;
        Counters { thing, names, next: 0, zero_at_ns: None }
    }

    /// Records the current reading of one counter. Returns the previous reading and the nanoseconds in between, if there is a
    /// valid one. For many counters of one owner, [`Pairing::thing`] is faster.
    pub fn pair(
        &mut self,
        thing: &str,
        identity: u64,
        counter: &'static str,
        current: u64,
        read_at_ns: u64,
    ) -> Option<(u64, u64)> {
        let key = self.key("", thing);
        self.thing(key, identity).pair(counter, current, read_at_ns)
    }

    /// Drops owners that were not seen for long. Call it once at the end of each tick.
    pub fn end_of_tick(&mut self, now_ns: u64) {
        let Self { things, tick, forget_after_ns, .. } = self;
        *tick += 1;
        things.retain(|_, thing| {
            if thing.seen_tick + 1 == *tick {
                thing.seen_ns = now_ns;
            }
            thing.seen_tick + TICKS_KEPT >= *tick || now_ns.saturating_sub(thing.seen_ns) < *forget_after_ns
        });
        if things.capacity() > 4 * things.len().max(64) {
            things.shrink_to(2 * things.len());
        }
    }

    /// Returns the number of known owners.
    pub fn len(&self) -> usize {
        self.things.len()
    }

    /// Returns true if no owner is known.
    pub fn is_empty(&self) -> bool {
        self.things.is_empty()
    }
}

/// The counters of one owner.
#[derive(Debug)]
pub struct Counters<'p> {
    thing: &'p mut Thing,
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

    /// Records one reading, as [`Pairing::pair`], for this owner.
    #[inline]
    pub fn pair(&mut self, counter: &'static str, current: u64, read_at_ns: u64) -> Option<(u64, u64)> {
        let index = self.slot(counter);
        let Some(slot) = self.thing.slots.get_mut(index) else {
            let counter = self.id(counter)?;
            // grows in small steps: owners of a kind have the same counters, and there are thousands of owners
            if self.thing.slots.len() == self.thing.slots.capacity() {
                self.thing.slots.reserve_exact(8);
            }
            self.thing.slots.push(Slot { counter, current, read_at_ns });
            let elapsed = read_at_ns.checked_sub(self.zero_at_ns?)?;
            return (elapsed > SHORTEST_NS).then_some((0, elapsed));
        };
        let (previous, elapsed) = (slot.current, read_at_ns.checked_sub(slot.read_at_ns));
        match elapsed {
            Some(elapsed) if current >= previous && elapsed <= SHORTEST_NS => None,
            Some(elapsed) if current >= previous => {
                *slot = Slot { current, read_at_ns, ..*slot };
                Some((previous, elapsed))
            }
            _ => {
                *slot = Slot { current, read_at_ns, ..*slot };
                None
            }
        }
    }

    /// Returns the index of a counter's slot, or the length of the list. Counters come in the same order every tick, so the first try hits.
    #[inline]
    fn slot(&mut self, counter: &'static str) -> usize {
        let Self { thing, names, next, .. } = self;
        let is = |slot: &Slot| {
            names
                .get(usize::from(slot.counter))
                .is_some_and(|name| std::ptr::eq(*name, counter) || *name == counter)
        };
        let found = match thing.slots.get(*next) {
            Some(slot) if is(slot) => *next,
            _ => thing.slots.iter().position(is).unwrap_or(thing.slots.len()),
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
