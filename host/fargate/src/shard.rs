//! The division of nodes among the replicas of a StatefulSet.
//!
//! # Which replica reads a node
//!
//! [`owner`] is rendezvous hashing: the replica with the highest weight for the node's name. When a replica is added, only the
//! nodes that it takes over move. The weight must never change between versions, since replicas of two versions run side by
//! side during an update: it is FNV-1a of the name and the ordinal, mixed by the finalizer of MurmurHash3; test vectors pin it.
//!
//! # How the number of replicas changes
//!
//! Replicas cannot switch when they see a change, since they see it at different times. They follow a [`Plan`]: an annotation
//! of the StatefulSet which says how many replicas share the nodes before and from a certain tick. Only ordinal 0 writes it.
//! Let ticks be numbered by the wall clock, in units of the interval:
//!
//! 1. Every replica reads the StatefulSet at the beginning of each tick, from storage and not from a cache.
//! 2. Ordinal 0 announces a new number in tick `a` for tick `a + 3`, if the change before took place in tick `a - 1` or
//!    earlier. A smaller number is that of `spec.replicas`; a larger one also waits until as many replicas are ready, so that
//!    nodes are not given to a replica that cannot start.
//! 3. A read and the write that follows from it end, one way or the other, within half an interval. The write fails if the
//!    object has changed since the read.
//! 4. A replica takes part in tick `t` only if it has read a plan in tick `t` or `t - 1` ([`ShardView::replicas_at`]).
//!
//! A plan is therefore stored before tick `a + 2` begins, and a replica that takes part in tick `a + 3` or later has read it in
//! tick `a + 2` or later: it knows the change. Before tick `a + 3`, replicas that know the plan and those that do not use the
//! same number: the one of the change before, which is in the past even for a clock that is behind. In every tick all
//! replicas that take part use the same number, hence:
//!
//! - **No node is read twice in a tick**, whatever reads and writes fail, as long as the clocks of replicas differ by less than
//!   half an interval and all have the same interval.
//! - **No node is left out** in a tick in which all replicas of the plan run and have read it in this tick or the one before.
//!
//! Otherwise:
//!
//! - A replica that cannot read the StatefulSet for two ticks pauses: its nodes have a gap. They have one anyway, since nodes
//!   are read through the same API server.
//! - A replica that is restarted leaves a gap of the ticks that it misses.
//! - On a scale-down, the StatefulSet's controller ends the last replicas at once. They work on after SIGTERM until the plan
//!   excludes them ([`Plan::includes`]) and leave no gap, for which `terminationGracePeriodSeconds` must be at least five
//!   intervals, and nine if one change follows another. Else the gap lasts until the tick of the change.
//! - Without ordinal 0, no change takes place: new replicas wait, and the nodes of removed ones have a gap.
//! - Without a plan, at the first start and after the annotation was removed, ordinal 0 writes one for tick `a + 3`, and nobody
//!   reads until then. At the first start it reads all nodes itself until the other replicas are ready.
//! - Clocks that differ by more may lead to doubles or gaps around the tick of a change, and only there.

mod owner;
mod plan;
#[cfg(test)]
mod simulation;
mod view;

pub use owner::owner;
pub use plan::{Observed, Plan, PlanError};
pub use view::{ShardView, Unassigned};

/// Number of ticks from the announcement of a change to the change.
pub const LEAD_TICKS: u64 = 3;

/// Largest number of replicas that share the nodes: each is weighed for each node in each tick.
pub const MAX_REPLICAS: u32 = 1000;
