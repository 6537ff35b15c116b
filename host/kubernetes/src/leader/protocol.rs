//! Requests of the elector to the store, the responses, and the results of an attempt.

use super::record::Record;

/// The lock as returned by a store. `T` is the data that the store needs to overwrite exactly this state.
#[derive(Clone, Debug)]
pub(crate) struct LockState<T> {
    pub(crate) object: T,
    /// Bytes of the record; empty if the object has no record.
    pub(crate) raw: String,
    pub(crate) record: Record,
}

/// A request to the store.
#[derive(Clone, Debug)]
pub(crate) enum StoreRequest<T> {
    /// Read the lock; unless `is_consistent`, an older state is sufficient.
    Get { is_consistent: bool },
    /// Create the lock, unless it exists.
    Create(Record),
    /// Write the record, unless the object was changed since it was read.
    Update(T, Record),
}

/// A response of the store.
#[derive(Clone, Debug)]
pub(crate) enum StoreResponse<T> {
    /// The lock, as read or as just written.
    Found(LockState<T>),
    /// The object does not exist.
    Missing,
    /// Another client wrote first.
    Conflict,
    /// Any other result, including no response: a write may have succeeded nevertheless.
    Failed,
}

/// The next step of an attempt.
#[derive(Clone, Debug)]
pub(crate) enum NextStep<T> {
    Send(StoreRequest<T>),
    Done(AttemptOutcome),
}

/// The result of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptOutcome {
    /// This candidate holds the lock.
    Leading,
    /// Another candidate holds the lock.
    Following,
    /// Unknown; the attempt is repeated.
    Failed,
    /// This candidate released the lock.
    Released,
}
