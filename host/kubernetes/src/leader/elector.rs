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

use super::boot_time::BootTime;
use super::protocol::{AttemptOutcome, LockState, NextStep, StoreRequest, StoreResponse};
use super::record::Record;

/// Largest number of unanswered writes that are remembered. They accumulate only while the store does not respond at all.
const MAX_UNCONFIRMED: usize = 64;

/// The request whose response is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PendingRequest {
    Nothing,
    Get {
        is_consistent: bool,
    },
    /// A renewal without a read before it.
    Renewal,
    Write,
    /// Reading and writing to release the lock.
    ReleasingGet,
    ReleasingWrite,
}

#[derive(Debug)]
struct ObservedRecord {
    raw: String,
    record: Record,
    at: BootTime,
    /// `true` if the record has this candidate's identity and was written by this process or a previous one.
    is_own: bool,
}

/// One candidate.
#[derive(Debug)]
pub(crate) struct Elector<T> {
    identity: String,
    lease_seconds: i64,
    renew_deadline: Duration,
    pending: PendingRequest,
    sent_at: BootTime,
    valid_until: Option<BootTime>,
    seen: Option<ObservedRecord>,
    object: Option<T>,
    unconfirmed: Vec<Record>,
    needs_consistent_read: bool,
    has_duplicate_identity: bool,
}

impl<T: Clone> Elector<T> {
    pub(crate) fn new(identity: &str, lease_seconds: i64, renew_deadline: Duration) -> Self {
        Self {
            identity: identity.to_owned(),
            lease_seconds,
            renew_deadline,
            pending: PendingRequest::Nothing,
            sent_at: BootTime::default(),
            valid_until: None,
            seen: None,
            object: None,
            unconfirmed: Vec::new(),
            needs_consistent_read: false,
            has_duplicate_identity: false,
        }
    }

    /// Returns the time until which this candidate may act as the holder.
    pub(crate) fn valid_until(&self) -> Option<BootTime> {
        self.valid_until
    }

    pub(crate) fn is_leading(&self, now: BootTime) -> bool {
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
    pub(crate) fn has_duplicate_identity(&self) -> bool {
        self.has_duplicate_identity
    }

    /// Begins an attempt. The request must be sent after `now`.
    pub(crate) fn begin(&mut self, now: BootTime, wall: Timestamp) -> StoreRequest<T> {
        let is_own = self.seen.as_ref().is_some_and(|seen| seen.is_own);
        let current = self.seen.as_ref().is_some_and(|seen| !expired(seen, now));
        match &self.object {
            Some(object) if is_own && current => {
                let request = StoreRequest::Update(object.clone(), self.claim(wall));
                self.send(request, PendingRequest::Renewal, now)
            }
            _ => self.read_lock(now, self.needs_consistent_read || is_own),
        }
    }

    /// Begins to release the lock; leadership ends here, independent of the result.
    pub(crate) fn release(&mut self, now: BootTime) -> NextStep<T> {
        self.valid_until = None;
        let involved = self.seen.as_ref().is_some_and(|seen| seen.is_own) || !self.unconfirmed.is_empty();
        if !involved {
            self.pending = PendingRequest::Nothing;
            return NextStep::Done(AttemptOutcome::Following);
        }
        NextStep::Send(self.send(
            StoreRequest::Get { is_consistent: true },
            PendingRequest::ReleasingGet,
            now,
        ))
    }

    /// Processes the response to the last request. A returned request must be sent after `now`.
    pub(crate) fn on_response(
        &mut self,
        response: StoreResponse<T>,
        now: BootTime,
        wall: Timestamp,
    ) -> NextStep<T> {
        match (std::mem::replace(&mut self.pending, PendingRequest::Nothing), response) {
            (PendingRequest::Get { is_consistent }, StoreResponse::Found(found)) => {
                self.on_read(found, is_consistent, now, wall)
            }
            (PendingRequest::Get { .. }, StoreResponse::Missing) if self.held_by_another(now) => {
                // The lock was deleted while another candidate holds it; the holder re-creates it with its next renewal.
                NextStep::Done(AttemptOutcome::Following)
            }
            (PendingRequest::Get { .. }, StoreResponse::Missing) => {
                let record = Record { transitions: 0, ..self.fresh(wall) };
                NextStep::Send(self.send(StoreRequest::Create(record), PendingRequest::Write, now))
            }
            (PendingRequest::Renewal | PendingRequest::Write, StoreResponse::Found(found)) => {
                self.on_written(found, now)
            }
            (PendingRequest::Renewal, StoreResponse::Conflict | StoreResponse::Missing) => {
                NextStep::Send(self.read_lock(now, true))
            }
            (PendingRequest::Write, StoreResponse::Conflict | StoreResponse::Missing) => {
                self.needs_consistent_read = true;
                NextStep::Done(AttemptOutcome::Failed)
            }
            (PendingRequest::ReleasingGet, StoreResponse::Found(found)) => {
                if !self.is_own_record(&found) {
                    return NextStep::Done(AttemptOutcome::Following);
                }
                let record = Record {
                    holder: String::new(),
                    duration_seconds: 1,
                    transitions: found.record.transitions,
                    ..self.fresh(wall)
                };
                NextStep::Send(self.send(
                    StoreRequest::Update(found.object, record),
                    PendingRequest::ReleasingWrite,
                    now,
                ))
            }
            (PendingRequest::ReleasingWrite, StoreResponse::Conflict) => {
                // A renewal that was still running came first.
                NextStep::Send(self.send(
                    StoreRequest::Get { is_consistent: true },
                    PendingRequest::ReleasingGet,
                    now,
                ))
            }
            (PendingRequest::ReleasingGet | PendingRequest::ReleasingWrite, StoreResponse::Missing)
            | (PendingRequest::ReleasingWrite, StoreResponse::Found(_)) => {
                self.seen = None;
                self.object = None;
                NextStep::Done(AttemptOutcome::Released)
            }
            (_, StoreResponse::Failed)
            | (PendingRequest::Get { .. } | PendingRequest::ReleasingGet, StoreResponse::Conflict) => {
                NextStep::Done(AttemptOutcome::Failed)
            }
            (PendingRequest::Nothing, _) => NextStep::Done(AttemptOutcome::Failed),
        }
    }

    fn on_read(
        &mut self,
        found: LockState<T>,
        is_consistent: bool,
        now: BootTime,
        wall: Timestamp,
    ) -> NextStep<T> {
        let has_own_identity = found.record.holder == self.identity;
        if has_own_identity && !is_consistent {
            // An outdated state may name this candidate long after it lost the lock.
            return NextStep::Send(self.read_lock(now, true));
        }
        self.needs_consistent_read = false;
        if found.raw.is_empty() && self.held_by_another(now) {
            // As for a lock that was deleted.
            return NextStep::Done(AttemptOutcome::Following);
        }
        let changed = self.seen.as_ref().is_none_or(|seen| seen.raw != found.raw);
        if changed {
            let is_own =
                has_own_identity && (self.seen.is_none() || self.unconfirmed.contains(&found.record));
            self.has_duplicate_identity = has_own_identity && !is_own;
            if !is_own && !found.record.holder.is_empty() {
                self.valid_until = None;
            }
            self.seen = Some(ObservedRecord { raw: found.raw, record: found.record, at: now, is_own });
        }
        self.object = Some(found.object.clone());
        if self.held_by_another(now) {
            return NextStep::Done(AttemptOutcome::Following);
        }
        let claim = self.claim(wall);
        NextStep::Send(self.send(StoreRequest::Update(found.object, claim), PendingRequest::Write, now))
    }

    fn on_written(&mut self, found: LockState<T>, now: BootTime) -> NextStep<T> {
        if found.record.holder != self.identity {
            // Something between this process and the store changes the written data.
            return NextStep::Done(AttemptOutcome::Failed);
        }
        self.valid_until = Some(self.sent_at.after(self.renew_deadline));
        self.seen = Some(ObservedRecord { raw: found.raw, record: found.record, at: now, is_own: true });
        self.object = Some(found.object);
        self.unconfirmed.clear();
        self.needs_consistent_read = false;
        self.has_duplicate_identity = false;
        NextStep::Done(AttemptOutcome::Leading)
    }

    /// Returns true if the record has this candidate's identity and was written or adopted by this process.
    fn is_own_record(&self, found: &LockState<T>) -> bool {
        found.record.holder == self.identity
            && (self.unconfirmed.contains(&found.record)
                || self.seen.as_ref().is_some_and(|seen| seen.is_own && seen.raw == found.raw))
    }

    fn held_by_another(&self, now: BootTime) -> bool {
        self.seen
            .as_ref()
            .is_some_and(|seen| !seen.is_own && !seen.record.holder.is_empty() && !expired(seen, now))
    }

    fn read_lock(&mut self, now: BootTime, is_consistent: bool) -> StoreRequest<T> {
        self.send(StoreRequest::Get { is_consistent }, PendingRequest::Get { is_consistent }, now)
    }

    fn send(&mut self, request: StoreRequest<T>, pending: PendingRequest, now: BootTime) -> StoreRequest<T> {
        if let StoreRequest::Create(record) | StoreRequest::Update(_, record) = &request {
            if self.unconfirmed.len() == MAX_UNCONFIRMED {
                self.unconfirmed.remove(0);
            }
            self.unconfirmed.push(record.clone());
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
        if !seen.is_own {
            return Record { transitions: old.transitions.saturating_add(1), ..fresh };
        }
        let later = old.renewed.and_then(|old| old.checked_add(SignedDuration::from_secs(1)).ok());
        Record {
            acquired: old.acquired.map(truncated_to_seconds),
            renewed: fresh.renewed.max(later.map(truncated_to_seconds)),
            transitions: old.transitions,
            ..fresh
        }
    }

    fn fresh(&self, wall: Timestamp) -> Record {
        let now = Some(truncated_to_seconds(wall));
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
fn truncated_to_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn expired(seen: &ObservedRecord, now: BootTime) -> bool {
    let duration = Duration::from_secs(u64::try_from(seen.record.duration_seconds).unwrap_or(0));
    seen.at.after(duration) < now
}
