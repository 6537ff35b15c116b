//! Leader election: selects the agent that reports for the cluster.
//!
//! Existing Container Insights agents keep a record in an annotation of a ConfigMap, or in a Lease, and so does this one:
//! it can share a lock with them. The algorithm is that of client-go; the deviations are safer or cheaper, and compatible
//! (`docs/decisions/009-leader-election.md`).
//!
//! # Guarantee of `is_leader`
//!
//! [`Leadership::is_leader`] compares a clock with a deadline: it is true only until [`LeaderSettings::renew_deadline`] has
//! passed since the last successful renewal was *sent*. Others wait [`LeaderSettings::lease_duration`] since they saw that
//! renewal. The difference of the two, 45 s by default, is the time that may pass between a query and the action based on
//! it: query immediately before events of the cluster are delivered. Events are duplicated only if the process is stopped
//! for longer than that between query and delivery. A process that was stopped, or a machine that was suspended, is not the
//! leader when it wakes, because the clock (`CLOCK_BOOTTIME`) continued. Steps of the wall clock have no effect.
//!
//! The guarantee does not cover manipulation of the lock: if the ConfigMap or the record is deleted while a holder is
//! alive, candidates that had seen the record still wait for it to expire, but a candidate that starts at that moment does
//! not know of the holder.

mod boot_time;
mod candidate;
mod election;
mod elector;
mod leadership;
mod protocol;
mod record;
mod settings;
mod store;

pub use crate::lock_object::LockKind;
pub use election::Election;
pub use leadership::Leadership;
pub use settings::{LeaderError, LeaderSettings};
