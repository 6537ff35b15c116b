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

use super::policy::{self, RetryClass};

/// Outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The service has accepted the block or never will: it need not be sent again.
    Settled,
    /// A failure that concerns only the destination.
    Destination(RetryClass),
    /// A failure that concerns all requests.
    Service(RetryClass),
}

/// Upper bound on destinations in backoff. Beyond it, the half whose backoff ends first is dropped and tried again early.
const MAX_BACKOFFS: usize = 4096;

/// Start of a request in the scheduler's order of requests and backoffs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SendTicket(u64);

/// A send scheduler for one service. `D` identifies a destination.
#[derive(Debug)]
pub(super) struct SendScheduler<D> {
    max_concurrency: usize,
    concurrency: usize,
    in_flight: usize,
    service: BackoffState,
    destinations: HashMap<D, BackoffState>,
    /// Increases with every backoff that is set.
    epoch: u64,
    random: fastrand::Rng,
}

#[derive(Clone, Copy, Debug, Default)]
struct BackoffState {
    until: Duration,
    failures: u32,
    /// Value of the scheduler's epoch at which the backoff was set.
    epoch: u64,
    is_throttled: bool,
}

impl<D: Clone + Eq + Hash> SendScheduler<D> {
    /// Creates a scheduler for at most `max_concurrency` requests in flight. Starts with one, until the service has responded.
    pub(super) fn new(max_concurrency: usize, random: fastrand::Rng) -> Self {
        Self {
            max_concurrency: max_concurrency.max(1),
            concurrency: 1,
            in_flight: 0,
            service: BackoffState::default(),
            destinations: HashMap::new(),
            epoch: 0,
            random,
        }
    }

    /// Returns true if a request may be sent now, as far as all requests are concerned.
    pub(super) fn may_send(&self, now: Duration) -> bool {
        self.in_flight < self.concurrency && now >= self.service.until
    }

    /// Returns true if this destination is not in backoff.
    pub(super) fn may_send_to(&self, destination: &D, now: Duration) -> bool {
        self.destinations.get(destination).is_none_or(|backoff| now >= backoff.until)
    }

    /// Returns the destinations in backoff.
    pub(super) fn in_backoff(&self, now: Duration) -> HashSet<D> {
        let in_backoff = self.destinations.iter().filter(|(_, backoff)| now < backoff.until);
        in_backoff.map(|(destination, _)| destination.clone()).collect()
    }

    /// Returns the next time at which a backoff ends; `None` if nothing is in backoff.
    pub(super) fn next_expiry(&self, now: Duration) -> Option<Duration> {
        if self.service.until > now {
            return Some(self.service.until);
        }
        self.destinations.values().map(|backoff| backoff.until).filter(|until| *until > now).min()
    }

    /// Registers a request as in flight. The result must be passed to [`finish`](Self::finish).
    pub(super) fn begin(&mut self) -> SendTicket {
        self.in_flight += 1;
        SendTicket(self.epoch)
    }

    /// Registers the end of a request whose outcome is unknown.
    pub(super) fn abandon(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Registers the outcome of a request.
    pub(super) fn finish(&mut self, destination: &D, ticket: SendTicket, outcome: Outcome, now: Duration) {
        self.in_flight = self.in_flight.saturating_sub(1);
        // The response to a request that began before the last backoff says nothing about the time since.
        let is_later = ticket.0 >= self.service.epoch;
        match outcome {
            Outcome::Settled => {
                if is_later {
                    self.service = BackoffState::default();
                    self.concurrency = (self.concurrency + 1).min(self.max_concurrency);
                }
                if self
                    .destinations
                    .get(destination)
                    .is_some_and(|backoff| backoff.ends_on_success_of(ticket))
                {
                    self.destinations.remove(destination);
                }
            }
            Outcome::Destination(retry_class) => {
                // The service responded, so it is reachable.
                if is_later {
                    self.service = BackoffState::default();
                }
                self.evict(destination);
                self.epoch += 1;
                let backoff = self.destinations.entry(destination.clone()).or_default();
                backoff.record_failure(retry_class, self.epoch, now, &mut self.random);
            }
            Outcome::Service(retry_class) => {
                self.concurrency = 1;
                self.epoch += 1;
                self.service.record_failure(retry_class, self.epoch, now, &mut self.random);
            }
        }
    }

    /// Makes room for a backoff of `destination`.
    fn evict(&mut self, destination: &D) {
        if self.destinations.len() < MAX_BACKOFFS || self.destinations.contains_key(destination) {
            return;
        }
        let mut ends: Vec<Duration> = self.destinations.values().map(|backoff| backoff.until).collect();
        let (_, middle, _) = ends.select_nth_unstable(MAX_BACKOFFS / 2);
        let middle = *middle;
        self.destinations.retain(|_, backoff| backoff.until > middle);
    }

    /// Drops the backoffs of all destinations, once no block is pending for any of them.
    pub(super) fn clear_destinations(&mut self) {
        self.destinations.clear();
    }

    /// Returns the number of consecutive failures that concern all requests.
    #[cfg(test)]
    pub(super) fn failures(&self) -> u32 {
        self.service.failures
    }
}

impl BackoffState {
    fn record_failure(
        &mut self,
        retry_class: RetryClass,
        epoch: u64,
        now: Duration,
        random: &mut fastrand::Rng,
    ) {
        let is_throttled = matches!(retry_class, RetryClass::Throttled(_));
        // Requests that are in flight together fail together and count as one failure. The longest requested wait wins.
        if now < self.until {
            if is_throttled {
                self.until = self.until.max(now + policy::requested_wait(retry_class));
                (self.epoch, self.is_throttled) = (epoch, true);
            }
            return;
        }
        self.failures = self.failures.saturating_add(1);
        self.until = now + policy::draw_wait(retry_class, self.failures, random);
        (self.epoch, self.is_throttled) = (epoch, is_throttled);
    }

    /// Returns true if the success of a request that began then ends the backoff. A destination that accepts a request no longer
    /// refuses, but a throttling service that accepts an earlier request still wants fewer requests.
    fn ends_on_success_of(&self, ticket: SendTicket) -> bool {
        ticket.0 >= self.epoch || !self.is_throttled
    }
}
