//! Send scheduler: decides when a request may be sent.
//!
//! A backoff ends when its time is over, or when a request succeeds that began after it was set; requests that were in flight
//! before say nothing about it. Two exceptions: the backoff of all requests also ends when such a request fails because of its
//! destination only, and the backoff of a destination that does not throttle also ends with the success of an earlier request.
//!
//! This module uses no clock, network or disk; times are relative to any fixed instant.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::time::Duration;

use super::policy::{self, Trouble};

/// Outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The service has accepted the block or never will: it need not be sent again.
    Settled,
    /// A failure that concerns only the destination.
    Destination(Trouble),
    /// A failure that concerns all requests.
    Everything(Trouble),
}

/// Upper bound on destinations in backoff. Beyond it, the half whose backoff ends first is dropped and tried again early.
const MAX_HELD: usize = 4096;

/// Start of a request in the scheduler's order of requests and backoffs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Began(u64);

/// A send scheduler for one service. `D` identifies a destination.
#[derive(Debug)]
pub struct Courier<D> {
    most_at_once: usize,
    at_once: usize,
    under_way: usize,
    everything: Hold,
    destinations: HashMap<D, Hold>,
    /// Increases with every backoff that is set.
    turn: u64,
    random: fastrand::Rng,
}

#[derive(Clone, Copy, Debug, Default)]
struct Hold {
    until: Duration,
    failures: u32,
    /// Turn in which the backoff was set.
    turn: u64,
    is_throttled: bool,
}

impl<D: Clone + Eq + Hash> Courier<D> {
    /// Creates a scheduler for at most `most_at_once` requests in flight. Starts with one, until the service has responded.
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

    /// Returns true if a request may be sent now, as far as all requests are concerned.
    pub fn may_send(&self, now: Duration) -> bool {
        self.under_way < self.at_once && now >= self.everything.until
    }

    /// Returns true if this destination is not in backoff.
    pub fn may_send_to(&self, destination: &D, now: Duration) -> bool {
        self.destinations.get(destination).is_none_or(|hold| now >= hold.until)
    }

    /// Returns the destinations in backoff.
    pub fn held(&self, now: Duration) -> HashSet<D> {
        let held = self.destinations.iter().filter(|(_, hold)| now < hold.until);
        held.map(|(destination, _)| destination.clone()).collect()
    }

    /// Returns the next time at which a backoff ends; `None` if nothing is in backoff.
    pub fn next_look(&self, now: Duration) -> Option<Duration> {
        if self.everything.until > now {
            return Some(self.everything.until);
        }
        self.destinations.values().map(|hold| hold.until).filter(|until| *until > now).min()
    }

    /// Registers a request as in flight. The result must be passed to [`ended`](Self::ended).
    pub fn sent(&mut self) -> Began {
        self.under_way += 1;
        Began(self.turn)
    }

    /// Registers the end of a request whose outcome is unknown.
    pub fn vanished(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Registers the outcome of a request.
    pub fn ended(&mut self, destination: &D, began: Began, ended: Ended, now: Duration) {
        self.under_way = self.under_way.saturating_sub(1);
        // The response to a request that began before the last backoff says nothing about the time since.
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
                // The service responded, so it is reachable.
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

    /// Drops the backoffs of destinations without pending blocks.
    pub fn forget(&mut self, is_needed: impl Fn(&D) -> bool) {
        self.destinations.retain(|destination, _| is_needed(destination));
    }

    /// Number of consecutive failures that concern all requests.
    pub fn failures(&self) -> u32 {
        self.everything.failures
    }
}

impl Hold {
    fn add(&mut self, trouble: Trouble, turn: u64, now: Duration, random: &mut fastrand::Rng) {
        let is_throttled = matches!(trouble, Trouble::Throttled(_));
        // Requests that are in flight together fail together and count as one failure. The longest requested wait wins.
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

    /// Returns true if the success of a request that began then ends the backoff. A destination that accepts a request no longer
    /// refuses, but a throttling service that accepts an earlier request still wants fewer requests.
    fn ends_with(&self, began: Began) -> bool {
        began.0 >= self.turn || !self.is_throttled
    }
}
