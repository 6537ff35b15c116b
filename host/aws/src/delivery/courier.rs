//! When what may be sent. No clock, no network, no disk in here; times are since any fixed moment.

use std::borrow::Borrow;
use std::collections::HashMap;
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

/// Decides for one service. `D` is a destination.
#[derive(Debug)]
pub struct Courier<D> {
    most_at_once: usize,
    at_once: usize,
    under_way: usize,
    everything: Hold,
    destinations: HashMap<D, Hold>,
    random: fastrand::Rng,
}

#[derive(Clone, Copy, Debug, Default)]
struct Hold {
    until: Duration,
    failures: u32,
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
            random,
        }
    }

    /// Whether any request may go now.
    pub fn may_send(&self, now: Duration) -> bool {
        self.under_way < self.at_once && now >= self.everything.until
    }

    /// Whether one to this destination may, if any may.
    pub fn may_send_to<Q>(&self, destination: &Q, now: Duration) -> bool
    where
        D: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.destinations.get(destination).is_none_or(|hold| now >= hold.until)
    }

    /// When to look again if nothing ends before: the next moment at which something is held no more.
    pub fn next_look(&self, now: Duration) -> Option<Duration> {
        if self.everything.until > now {
            return Some(self.everything.until);
        }
        self.destinations.values().map(|hold| hold.until).filter(|until| *until > now).min()
    }

    /// A request goes.
    pub fn sent(&mut self) {
        self.under_way += 1;
    }

    /// A request ended.
    pub fn ended(&mut self, destination: &D, ended: Ended, now: Duration) {
        self.under_way = self.under_way.saturating_sub(1);
        match ended {
            Ended::Settled => {
                self.everything = Hold::default();
                self.destinations.remove(destination);
                self.at_once = (self.at_once + 1).min(self.most_at_once);
            }
            Ended::Destination(trouble) => {
                // The service answered: it is there.
                self.everything = Hold::default();
                let hold = self.destinations.entry(destination.clone()).or_default();
                hold.add(trouble, now, &mut self.random);
            }
            Ended::Everything(trouble) => {
                self.at_once = 1;
                self.everything.add(trouble, now, &mut self.random);
            }
        }
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
    fn add(&mut self, trouble: Trouble, now: Duration, random: &mut fastrand::Rng) {
        // Requests that were under way together fail together, and are one failure.
        if now < self.until {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        self.until = now + policy::wait(trouble, self.failures, random);
    }
}
