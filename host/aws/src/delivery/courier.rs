//! When what may be sent. A hold ends by its time, or by the success of a request that began after it was set: what was under way
//! before says nothing of it. No clock, no network, no disk in here; times are since any fixed moment.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::time::Duration;

use super::policy::{self, Trouble};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The service has it, or never will: either way it need not be sent again.
    Settled,
    /// Something about its destination.
    Destination(Trouble),
    /// Something about all requests.
    Everything(Trouble),
}

/// Most destinations that are held at a time. Beyond them those are forgotten that are held the shortest: they are asked again.
const MAX_HELD: usize = 4096;

/// When a request began, in the courier's own order of requests and holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Began(u64);

/// Decides for one service. `D` is a destination.
#[derive(Debug)]
pub struct Courier<D> {
    most_at_once: usize,
    at_once: usize,
    under_way: usize,
    everything: Hold,
    destinations: HashMap<D, Hold>,
    /// Goes on with every hold that is set.
    turn: u64,
    random: fastrand::Rng,
}

#[derive(Clone, Copy, Debug, Default)]
struct Hold {
    until: Duration,
    failures: u32,
    /// The turn in which it was set.
    turn: u64,
    is_throttled: bool,
}

impl<D: Clone + Eq + Hash> Courier<D> {
    /// At most `most_at_once` requests under way. The first goes alone: nobody knows yet whether the service is there.
    pub fn new(most_at_once: usize, random: fastrand::Rng) -> Self {
        Self {
            most_at_once: most_at_once.max(1),
            at_once: 1,
            under_way: 0,
            everything: Hold::default(),
            destinations: HashMap::new(),
            turn: 0,
            random,
        }
    }

    /// Whether any request may go now.
    pub fn may_send(&self, now: Duration) -> bool {
        self.under_way < self.at_once && now >= self.everything.until
    }

    /// Whether one to this destination may, if any may.
    pub fn may_send_to(&self, destination: &D, now: Duration) -> bool {
        self.destinations.get(destination).is_none_or(|hold| now >= hold.until)
    }

    /// Destinations to which none may.
    pub fn held(&self, now: Duration) -> HashSet<D> {
        let held = self.destinations.iter().filter(|(_, hold)| now < hold.until);
        held.map(|(destination, _)| destination.clone()).collect()
    }

    /// When to look again if nothing ends before: the next moment at which something is held no more.
    pub fn next_look(&self, now: Duration) -> Option<Duration> {
        if self.everything.until > now {
            return Some(self.everything.until);
        }
        self.destinations.values().map(|hold| hold.until).filter(|until| *until > now).min()
    }

    /// A request goes. What this returns is to be given back with its end.
    pub fn sent(&mut self) -> Began {
        self.under_way += 1;
        Began(self.turn)
    }

    /// A request ended that nothing is known of.
    pub fn vanished(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// A request ended.
    pub fn ended(&mut self, destination: &D, began: Began, ended: Ended, now: Duration) {
        self.under_way = self.under_way.saturating_sub(1);
        // An answer to a request of before says nothing of what has been asked for since.
        let is_later = began.0 >= self.everything.turn;
        match ended {
            Ended::Settled => {
                if is_later {
                    self.everything = Hold::default();
                    self.at_once = (self.at_once + 1).min(self.most_at_once);
                }
                if self.destinations.get(destination).is_some_and(|hold| hold.ends_with(began)) {
                    self.destinations.remove(destination);
                }
            }
            Ended::Destination(trouble) => {
                // The service answered: it is there.
                if is_later {
                    self.everything = Hold::default();
                }
                self.make_room(destination);
                self.turn += 1;
                let hold = self.destinations.entry(destination.clone()).or_default();
                hold.add(trouble, self.turn, now, &mut self.random);
            }
            Ended::Everything(trouble) => {
                self.at_once = 1;
                self.turn += 1;
                self.everything.add(trouble, self.turn, now, &mut self.random);
            }
        }
    }

    fn make_room(&mut self, destination: &D) {
        if self.destinations.len() < MAX_HELD || self.destinations.contains_key(destination) {
            return;
        }
        let mut ends: Vec<Duration> = self.destinations.values().map(|hold| hold.until).collect();
        let (_, middle, _) = ends.select_nth_unstable(MAX_HELD / 2);
        let middle = *middle;
        self.destinations.retain(|_, hold| hold.until > middle);
    }

    /// Forgets destinations for which nothing waits any more.
    pub fn forget(&mut self, is_needed: impl Fn(&D) -> bool) {
        self.destinations.retain(|destination, _| is_needed(destination));
    }

    /// Failures in a row of everything.
    pub fn failures(&self) -> u32 {
        self.everything.failures
    }
}

impl Hold {
    fn add(&mut self, trouble: Trouble, turn: u64, now: Duration, random: &mut fastrand::Rng) {
        let is_throttled = matches!(trouble, Trouble::Throttled(_));
        // Requests that were under way together fail together, and are one failure. The longest wish counts.
        if now < self.until {
            if is_throttled {
                self.until = self.until.max(now + policy::wish(trouble));
                (self.turn, self.is_throttled) = (turn, true);
            }
            return;
        }
        self.failures = self.failures.saturating_add(1);
        self.until = now + policy::wait(trouble, self.failures, random);
        (self.turn, self.is_throttled) = (turn, is_throttled);
    }

    /// Is it over with the success of a request that began then? A destination that takes anything is not refused any
    /// more, but who asks for fewer requests has not asked for less by taking one.
    fn ends_with(&self, began: Began) -> bool {
        began.0 >= self.turn || !self.is_throttled
    }
}
