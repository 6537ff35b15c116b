//! The plan as one replica knows it.

use super::{Observed, Plan, owner};

/// The reason why a replica reads no nodes in a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unassigned {
    /// No plan has been read yet.
    #[error("no plan of the replicas has been read yet; replica 0 writes it")]
    NoPlan,
    /// The plan was not read in this tick or the one before, so that it may have changed.
    #[error(
        "the plan of the replicas was last read {ticks} ticks ago; another replica may read the nodes by now"
    )]
    Outdated {
        /// Number of ticks since it was read.
        ticks: u64,
    },
}

/// The plan as one replica knows it, and the tick in which it was read.
#[derive(Clone, Debug)]
pub struct ShardView {
    ordinal: u32,
    interval_s: u64,
    plan: Option<Plan>,
    /// Beginning of the tick of the last successful read, seconds since the Unix epoch.
    read_at: Option<u64>,
}

impl ShardView {
    /// Creates the view of the replica with this ordinal. An interval below one second counts as one second.
    pub fn new(ordinal: u32, interval_s: u64) -> Self {
        Self { ordinal, interval_s: interval_s.max(1), plan: None, read_at: None }
    }

    /// Returns the beginning of the tick at a time, both in seconds since the Unix epoch.
    pub fn tick_at(&self, unix_s: u64) -> u64 {
        unix_s - unix_s % self.interval_s
    }

    /// Records the plan in the object that a request returned, which was sent at `sent_unix_s`. Returns the plan that this
    /// replica must write now, if any.
    ///
    /// The time is that of the request, since the response may be older than its arrival. `stored` is `None` if the object has
    /// no valid plan. The known one may have been replaced before it was removed, so this read does not confirm it.
    pub fn read(&mut self, stored: Option<Plan>, observed: Observed, sent_unix_s: u64) -> Option<Plan> {
        let tick = self.tick_at(sent_unix_s);
        let known = self.plan;
        if stored.is_some() {
            self.plan = stored;
            self.read_at = Some(tick);
        }
        if self.ordinal != 0 {
            return None;
        }
        Plan::next(known, stored, observed, tick, self.interval_s)
    }

    /// Returns the number of replicas that share the nodes in the tick that begins at `tick_unix_s`.
    ///
    /// # Errors
    /// If the replica must not take part in the tick, because it may not know the plan.
    pub fn replicas_at(&self, tick_unix_s: u64) -> Result<u32, Unassigned> {
        let (Some(plan), Some(read_at)) = (self.plan, self.read_at) else { return Err(Unassigned::NoPlan) };
        let ticks = tick_unix_s.saturating_sub(read_at) / self.interval_s;
        if ticks > 1 {
            return Err(Unassigned::Outdated { ticks });
        }
        Ok(plan.replicas_at(tick_unix_s))
    }

    /// Returns true if this replica reads the node in a tick that has so many replicas.
    pub fn owns(&self, node: &str, replicas: u32) -> bool {
        owner(node, replicas) == Some(self.ordinal)
    }

    /// Returns the known plan.
    pub fn plan(&self) -> Option<Plan> {
        self.plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENOUGH: Observed = Observed { wanted: 3, ready: 3 };

    #[test]
    fn a_replica_takes_part_only_with_a_recent_plan() {
        let mut view = ShardView::new(1, 60);
        assert_eq!(view.replicas_at(600), Err(Unassigned::NoPlan));
        view.read(None, ENOUGH, 605);
        assert_eq!(view.replicas_at(600), Err(Unassigned::NoPlan));
        let plan = Plan { before: 2, replicas: 3, from_unix_s: 780 };
        assert_eq!(view.read(Some(plan), ENOUGH, 665), None, "only ordinal 0 writes");
        assert_eq!(view.replicas_at(660), Ok(2));
        assert_eq!(view.replicas_at(720), Ok(2), "read in the tick before");
        assert_eq!(view.replicas_at(780), Err(Unassigned::Outdated { ticks: 2 }));
        view.read(None, ENOUGH, 779);
        assert_eq!(
            view.replicas_at(780),
            Err(Unassigned::Outdated { ticks: 2 }),
            "the annotation was removed"
        );
        view.read(Some(plan), ENOUGH, 785);
        assert_eq!(view.replicas_at(780), Ok(3));
    }

    #[test]
    fn ordinal_0_writes_the_plan() {
        let mut view = ShardView::new(0, 60);
        let first = Plan { before: 0, replicas: 1, from_unix_s: 780 };
        assert_eq!(view.read(None, ENOUGH, 605), Some(first));
        assert_eq!(view.plan(), None, "until it is stored");
        assert_eq!(view.read(Some(first), ENOUGH, 665), None);
        assert_eq!(view.read(Some(first), ENOUGH, 785), None, "in the tick of the change");
        assert_eq!(view.replicas_at(780), Ok(1));
        let second = Plan { before: 1, replicas: 3, from_unix_s: 1020 };
        assert_eq!(view.read(Some(first), ENOUGH, 845), Some(second));
    }
}
