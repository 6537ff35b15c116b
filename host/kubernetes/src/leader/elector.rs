//! The state machine of the election: produces requests to the store and processes its responses. It has no clock, no
//! network access and no randomness.
//!
//! # Why two candidates never hold the lock at the same time
//!
//! A holder that renews in a request *sent* at `s` considers itself the leader until `s + renew_deadline` and no longer;
//! the arrival of the response, and suspension in between, have no effect. The store accepted the write at some `t >= s`.
//! Any other candidate reads the written record at `t` or later and waits `lease_duration` from the moment it had read it,
//! and the store accepts its write only if nothing was written since. So at least `lease_duration - renew_deadline` lie
//! between the end of one leadership and the earliest start of the next: 45 s by default. This margin covers the drift of
//! clocks within a minute, and the time between a query of the leadership and the action based on it.
//!
//! Wall clocks only provide the times in the record. Because candidates detect a renewal by a changed record, `renewTime`
//! always grows by at least a second, even if the wall clock is set back.

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::clock::Moment;
use super::record::Record;

/// Largest number of unanswered writes that are remembered. They accumulate only while the store does not respond at all.
const UNCERTAIN: usize = 64;

/// The lock as returned by a store. `T` is the data that the store needs to overwrite exactly this state.
#[derive(Clone, Debug)]
pub(crate) struct Found<T> {
    pub(crate) object: T,
    /// Bytes of the record; empty if the object has no record.
    pub(crate) raw: String,
    pub(crate) record: Record,
}

/// A request to the store.
#[derive(Clone, Debug)]
pub(crate) enum Request<T> {
    /// Read the lock; unless `exact`, an older state is sufficient.
    Get { exact: bool },
    /// Create the lock, unless it exists.
    Create(Record),
    /// Write the record, unless the object was changed since it was read.
    Update(T, Record),
}

/// A response of the store.
#[derive(Clone, Debug)]
pub(crate) enum Answer<T> {
    /// The lock, as read or as just written.
    Found(Found<T>),
    /// The object does not exist.
    Missing,
    /// Another client wrote first.
    Conflict,
    /// Any other result, including no response: a write may have succeeded nevertheless.
    Failed,
}

/// The next step of an attempt.
#[derive(Clone, Debug)]
pub(crate) enum Next<T> {
    Send(Request<T>),
    Done(Outcome),
}

/// The result of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// This candidate holds the lock.
    Leads,
    /// Another candidate holds the lock.
    Follows,
    /// Unknown; the attempt is repeated.
    Failed,
    /// This candidate released the lock.
    Resigned,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pending {
    Nothing,
    Get {
        exact: bool,
    },
    /// A renewal without a read before it.
    Renewal,
    Write,
    /// Reading and writing to release the lock.
    ResigningGet,
    ResigningWrite,
}

#[derive(Debug)]
struct Seen {
    raw: String,
    record: Record,
    at: Moment,
    /// `true` if the record has this candidate's identity and was written by this process or a previous one.
    ours: bool,
}

/// One candidate.
#[derive(Debug)]
pub(crate) struct Elector<T> {
    identity: String,
    lease_seconds: i64,
    renew_deadline: Duration,
    pending: Pending,
    sent_at: Moment,
    valid_until: Option<Moment>,
    seen: Option<Seen>,
    object: Option<T>,
    uncertain: Vec<Record>,
    exact: bool,
    namesake: bool,
}

impl<T: Clone> Elector<T> {
    pub(crate) fn new(identity: &str, lease_seconds: i64, renew_deadline: Duration) -> Self {
        Self {
            identity: identity.to_owned(),
            lease_seconds,
            renew_deadline,
            pending: Pending::Nothing,
            sent_at: Moment::default(),
            valid_until: None,
            seen: None,
            object: None,
            uncertain: Vec::new(),
            exact: false,
            namesake: false,
        }
    }

    /// Returns the time until which this candidate may act as the holder.
    pub(crate) fn valid_until(&self) -> Option<Moment> {
        self.valid_until
    }

    pub(crate) fn leads(&self, now: Moment) -> bool {
        self.valid_until.is_some_and(|until| now < until)
    }

    /// Returns the record last seen or written.
    pub(crate) fn record(&self) -> Option<&Record> {
        self.seen.as_ref().map(|seen| &seen.record)
    }

    /// Returns the object last seen or written.
    pub(crate) fn object(&self) -> Option<&T> {
        self.object.as_ref()
    }

    /// Returns true if another process writes records with the same identity.
    pub(crate) fn has_namesake(&self) -> bool {
        self.namesake
    }

    /// Begins an attempt. The request must be sent after `now`.
    pub(crate) fn begin(&mut self, now: Moment, wall: Timestamp) -> Request<T> {
        let ours = self.seen.as_ref().is_some_and(|seen| seen.ours);
        let current = self.seen.as_ref().is_some_and(|seen| !expired(seen, now));
        match &self.object {
            Some(object) if ours && current => {
                let request = Request::Update(object.clone(), self.claim(wall));
                self.send(request, Pending::Renewal, now)
            }
            _ => self.look(now, self.exact || ours),
        }
    }

    /// Begins to release the lock; leadership ends here, independent of the result.
    pub(crate) fn resign(&mut self, now: Moment) -> Next<T> {
        self.valid_until = None;
        let involved = self.seen.as_ref().is_some_and(|seen| seen.ours) || !self.uncertain.is_empty();
        if !involved {
            self.pending = Pending::Nothing;
            return Next::Done(Outcome::Follows);
        }
        Next::Send(self.send(Request::Get { exact: true }, Pending::ResigningGet, now))
    }

    /// Processes the response to the last request. A returned request must be sent after `now`.
    pub(crate) fn answered(&mut self, answer: Answer<T>, now: Moment, wall: Timestamp) -> Next<T> {
        match (std::mem::replace(&mut self.pending, Pending::Nothing), answer) {
            (Pending::Get { exact }, Answer::Found(found)) => self.looked(found, exact, now, wall),
            (Pending::Get { .. }, Answer::Missing) if self.held_by_another(now) => {
                // The lock was deleted while another candidate holds it; the holder re-creates it with its next renewal.
                Next::Done(Outcome::Follows)
            }
            (Pending::Get { .. }, Answer::Missing) => {
                let record = Record { transitions: 0, ..self.fresh(wall) };
                Next::Send(self.send(Request::Create(record), Pending::Write, now))
            }
            (Pending::Renewal | Pending::Write, Answer::Found(found)) => self.wrote(found, now),
            (Pending::Renewal, Answer::Conflict | Answer::Missing) => Next::Send(self.look(now, true)),
            (Pending::Write, Answer::Conflict | Answer::Missing) => {
                self.exact = true;
                Next::Done(Outcome::Failed)
            }
            (Pending::ResigningGet, Answer::Found(found)) => {
                if !self.wrote_or_knows(&found) {
                    return Next::Done(Outcome::Follows);
                }
                let record = Record {
                    holder: String::new(),
                    duration_seconds: 1,
                    transitions: found.record.transitions,
                    ..self.fresh(wall)
                };
                Next::Send(self.send(Request::Update(found.object, record), Pending::ResigningWrite, now))
            }
            (Pending::ResigningWrite, Answer::Conflict) => {
                // A renewal that was still running came first.
                Next::Send(self.send(Request::Get { exact: true }, Pending::ResigningGet, now))
            }
            (Pending::ResigningGet | Pending::ResigningWrite, Answer::Missing)
            | (Pending::ResigningWrite, Answer::Found(_)) => {
                self.seen = None;
                self.object = None;
                Next::Done(Outcome::Resigned)
            }
            (_, Answer::Failed) | (Pending::Get { .. } | Pending::ResigningGet, Answer::Conflict) => {
                Next::Done(Outcome::Failed)
            }
            (Pending::Nothing, _) => Next::Done(Outcome::Failed),
        }
    }

    fn looked(&mut self, found: Found<T>, exact: bool, now: Moment, wall: Timestamp) -> Next<T> {
        let named_us = found.record.holder == self.identity;
        if named_us && !exact {
            // An outdated state may name this candidate long after it lost the lock.
            return Next::Send(self.look(now, true));
        }
        self.exact = false;
        if found.raw.is_empty() && self.held_by_another(now) {
            // As for a lock that was deleted.
            return Next::Done(Outcome::Follows);
        }
        let changed = self.seen.as_ref().is_none_or(|seen| seen.raw != found.raw);
        if changed {
            let ours = named_us && (self.seen.is_none() || self.uncertain.contains(&found.record));
            self.namesake = named_us && !ours;
            if !ours && !found.record.holder.is_empty() {
                self.valid_until = None;
            }
            self.seen = Some(Seen { raw: found.raw, record: found.record, at: now, ours });
        }
        self.object = Some(found.object.clone());
        if self.held_by_another(now) {
            return Next::Done(Outcome::Follows);
        }
        let claim = self.claim(wall);
        Next::Send(self.send(Request::Update(found.object, claim), Pending::Write, now))
    }

    fn wrote(&mut self, found: Found<T>, now: Moment) -> Next<T> {
        if found.record.holder != self.identity {
            // Something between this process and the store changes the written data.
            return Next::Done(Outcome::Failed);
        }
        self.valid_until = Some(self.sent_at.after(self.renew_deadline));
        self.seen = Some(Seen { raw: found.raw, record: found.record, at: now, ours: true });
        self.object = Some(found.object);
        self.uncertain.clear();
        self.exact = false;
        self.namesake = false;
        Next::Done(Outcome::Leads)
    }

    /// Returns true if the record has this candidate's identity and was written or adopted by this process.
    fn wrote_or_knows(&self, found: &Found<T>) -> bool {
        found.record.holder == self.identity
            && (self.uncertain.contains(&found.record)
                || self.seen.as_ref().is_some_and(|seen| seen.ours && seen.raw == found.raw))
    }

    fn held_by_another(&self, now: Moment) -> bool {
        self.seen
            .as_ref()
            .is_some_and(|seen| !seen.ours && !seen.record.holder.is_empty() && !expired(seen, now))
    }

    fn look(&mut self, now: Moment, exact: bool) -> Request<T> {
        self.send(Request::Get { exact }, Pending::Get { exact }, now)
    }

    fn send(&mut self, request: Request<T>, pending: Pending, now: Moment) -> Request<T> {
        if let Request::Create(record) | Request::Update(_, record) = &request {
            if self.uncertain.len() == UNCERTAIN {
                self.uncertain.remove(0);
            }
            self.uncertain.push(record.clone());
        }
        self.pending = pending;
        self.sent_at = now;
        request
    }

    /// Returns the record that keeps or takes the lock last seen.
    fn claim(&self, wall: Timestamp) -> Record {
        let fresh = self.fresh(wall);
        let Some(seen) = &self.seen else { return fresh };
        let old = &seen.record;
        if !seen.ours {
            return Record { transitions: old.transitions.saturating_add(1), ..fresh };
        }
        let later = old.renewed.and_then(|old| old.checked_add(SignedDuration::from_secs(1)).ok());
        Record {
            acquired: old.acquired.map(whole),
            renewed: fresh.renewed.max(later.map(whole)),
            transitions: old.transitions,
            ..fresh
        }
    }

    fn fresh(&self, wall: Timestamp) -> Record {
        let now = Some(whole(wall));
        Record {
            holder: self.identity.clone(),
            duration_seconds: self.lease_seconds,
            acquired: now,
            renewed: now,
            transitions: 0,
        }
    }
}

/// Truncates to whole seconds. A fraction of a second before the epoch cannot occur in a lock.
fn whole(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn expired(seen: &Seen, now: Moment) -> bool {
    let duration = Duration::from_secs(u64::try_from(seen.record.duration_seconds).unwrap_or(0));
    seen.at.after(duration) < now
}
