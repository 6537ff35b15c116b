//! Counters and their previous readings.
//!
//! A counter belongs to a thing (a cgroup, a device, a container), and a thing has an identity besides its name: the inode
//! of the cgroup's folder, the interface's index, a container's id. Another identity under the same name is another thing,
//! and its first reading has no previous one.
//!
//! - A thing that was born since the tick before began at 0, and its first reading says so ([`Counters::zero_at`]); one that
//!   merely was not seen before has no previous reading.
//! - A counter that went down was reset: no previous reading, and the new value is the next baseline. A driver that counts
//!   in 32 bits and wraps looks the same and is treated the same: one tick without a rate is better than a guess. The
//!   kernel's own counters have 64 bits on every platform that this runs on.
//! - Time between readings is monotonic, so steps of the wall clock do not matter. A counter that could not be read for
//!   some ticks has a longer time in between, and its rate is right.
//! - Two readings within 50 µs say nothing about a rate: the earlier one stays the baseline.
//! - What was not seen for a while is forgotten, so memory depends on what lives now, not on how long the agent runs.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, RandomState};
use std::time::Duration;

use insights_sdk::FxHasher;

/// Readings closer together than this have no rate.
pub const SHORTEST_NS: u64 = 50_000;
/// Whatever the time to forget is, a thing stays known for this many ticks: intervals may be longer than that time.
const TICKS_KEPT: u64 = 3;

/// The readings of the ticks before, by thing and counter.
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
    /// Forgets what was not seen for `forget_after` and for three ticks.
    pub fn new(forget_after: Duration) -> Self {
        Self {
            things: HashMap::default(),
            names: Vec::new(),
            hasher: RandomState::new(),
            forget_after_ns: u64::try_from(forget_after.as_nanos()).unwrap_or(u64::MAX),
            tick: 0,
        }
    }

    /// Key of a thing by its kind and its id within the kind, for [`Pairing::thing`]. Holds as long as this `Pairing`.
    pub fn key(&self, kind: &str, id: &str) -> u64 {
        self.hasher.hash_one((kind, id))
    }

    /// The counters of one thing. With another identity than before, all of them start anew.
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

    /// Takes the current reading of one counter; gives the previous one and the nanoseconds in between, if there is a
    /// valid one. For many counters of one thing, [`Pairing::thing`] is faster.
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

    /// To be called once at the end of each tick: forgets what was not seen for long.
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

    /// How many things are known.
    pub fn len(&self) -> usize {
        self.things.len()
    }

    /// Is nothing known?
    pub fn is_empty(&self) -> bool {
        self.things.is_empty()
    }
}

/// The counters of one thing.
#[derive(Debug)]
pub struct Counters<'p> {
    thing: &'p mut Thing,
    names: &'p mut Vec<&'static str>,
    next: usize,
    zero_at_ns: Option<u64>,
}

impl Counters<'_> {
    /// States that counters without an earlier reading were 0 at that time, where it is known: their owner was born
    /// since.
    pub fn zero_at(mut self, zero_at_ns: Option<u64>) -> Self {
        self.zero_at_ns = zero_at_ns;
        self
    }

    /// As [`Pairing::pair`], of this thing.
    #[inline]
    pub fn pair(&mut self, counter: &'static str, current: u64, read_at_ns: u64) -> Option<(u64, u64)> {
        let index = self.slot(counter);
        let Some(slot) = self.thing.slots.get_mut(index) else {
            let counter = self.id(counter)?;
            // grows by few: most things of a kind have the same counters, and there are thousands of things
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

    /// Where the counter is kept, or would be. Counters come in the same order every tick, so the first look is a hit.
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

    /// Number of a counter name; None past 65,536 different names, whose counters then have no previous readings.
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
