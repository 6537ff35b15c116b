//! The plan: how many replicas share the nodes, before and from a certain tick.

use std::fmt;
use std::str::FromStr;

use super::{LEAD_TICKS, MAX_REPLICAS};

/// The number of replicas that share the nodes, with its last or next change.
///
/// Its text is the value of an annotation: `before=2,replicas=3,from=1795256580`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Number of replicas before the change; 0 if nothing is read before it.
    pub before: u32,
    /// Number of replicas from the change on.
    pub replicas: u32,
    /// Beginning of the tick of the change: seconds since the Unix epoch, a multiple of the interval.
    pub from_unix_s: u64,
}

/// The replicas of a StatefulSet, as ordinal 0 observes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    /// `spec.replicas`.
    pub wanted: u32,
    /// `status.readyReplicas`.
    pub ready: u32,
}

impl Plan {
    /// Returns the number of replicas that share the nodes in the tick that begins at `tick_unix_s`.
    pub fn replicas_at(&self, tick_unix_s: u64) -> u32 {
        if tick_unix_s >= self.from_unix_s { self.replicas } else { self.before }
    }

    /// Returns true if the replica has nodes at a time or later, in seconds since the Unix epoch. A replica that is being removed
    /// works on until then.
    pub fn includes(&self, ordinal: u32, unix_s: u64) -> bool {
        ordinal < self.replicas || unix_s < self.from_unix_s && ordinal < self.before
    }

    /// Returns the plan that ordinal 0 writes in the tick that begins at `tick_unix_s`; `None` if the stored one stands. Replicas beyond
    /// [`MAX_REPLICAS`] get no nodes.
    ///
    /// `known` is the last plan that this replica has read, `stored` the one in the object now.
    pub fn next(
        known: Option<Self>,
        stored: Option<Self>,
        observed: Observed,
        tick_unix_s: u64,
        interval_s: u64,
    ) -> Option<Self> {
        let from_unix_s = tick_unix_s.saturating_add(LEAD_TICKS.saturating_mul(interval_s));
        let Some(plan) = stored else {
            // Others may follow a plan that was removed before this replica read it: nobody reads before the new one begins.
            let replicas = known.map_or(1, |plan| plan.replicas);
            return Some(Self { before: 0, replicas, from_unix_s });
        };
        // A plan that was announced is never changed: another replica may not see the change in time. One more tick passes,
        // because in the last tick before the change, a replica whose clock is behind still needs the number before it.
        if tick_unix_s < plan.from_unix_s.saturating_add(interval_s) {
            return None;
        }
        let Observed { wanted, ready } = observed;
        let wanted = wanted.min(MAX_REPLICAS);
        let is_smaller = (1..plan.replicas).contains(&wanted);
        let is_larger = wanted > plan.replicas && ready >= wanted;
        (is_smaller || is_larger).then_some(Self { before: plan.replicas, replicas: wanted, from_unix_s })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { before, replicas, from_unix_s } = self;
        write!(f, "before={before},replicas={replicas},from={from_unix_s}")
    }
}

/// The text of a plan is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid plan {text:?}: expected a text such as before=2,replicas=3,from=1795256580, with at most {MAX_REPLICAS} replicas; \
     remove it"
)]
pub struct PlanError {
    /// The first 80 characters of the text.
    pub text: String,
}

impl FromStr for Plan {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, PlanError> {
        let parse = || {
            let mut fields = text.split(',');
            let mut field = |name: &str| fields.next()?.strip_prefix(name)?.strip_prefix('=');
            let plan = Self {
                before: field("before")?.parse().ok()?,
                replicas: field("replicas")?.parse().ok()?,
                from_unix_s: field("from")?.parse().ok()?,
            };
            let is_valid = fields.next().is_none() && plan.before.max(plan.replicas) <= MAX_REPLICAS;
            is_valid.then_some(plan)
        };
        parse().ok_or_else(|| PlanError { text: text.chars().take(80).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL_S: u64 = 60;

    fn plan(before: u32, replicas: u32, from_unix_s: u64) -> Plan {
        Plan { before, replicas, from_unix_s }
    }

    fn observed(wanted: u32, ready: u32) -> Observed {
        Observed { wanted, ready }
    }

    #[test]
    fn the_number_changes_at_its_tick() {
        let plan = plan(2, 3, 600);
        assert_eq!([0, 540, 600, 660].map(|tick| plan.replicas_at(tick)), [2, 2, 3, 3]);
    }

    #[test]
    fn a_removed_replica_is_included_until_the_change() {
        let plan = plan(3, 2, 600);
        assert_eq!([0, 599, 600].map(|unix_s| plan.includes(2, unix_s)), [true, true, false]);
        assert_eq!([0, 599, 600].map(|unix_s| plan.includes(1, unix_s)), [true; 3]);
        assert!(!plan.includes(3, 0));
    }

    #[test]
    fn texts_are_read_back() {
        let plan = plan(2, 3, 1_795_256_580);
        assert_eq!(plan.to_string(), "before=2,replicas=3,from=1795256580");
        assert_eq!(plan.to_string().parse(), Ok(plan));
        for wrong in [
            "",
            "2",
            "before=2,replicas=3",
            "before=2,replicas=3,from=5,",
            "before=-1,replicas=3,from=5",
            "replicas=3,before=2,from=5",
            "before=2,replicas=1001,from=5",
            "before=4294967295,replicas=1,from=5",
        ] {
            let error = wrong.parse::<Plan>().unwrap_err();
            assert!(error.to_string().contains("remove it"), "{error}");
        }
    }

    #[test]
    fn changes_are_announced_three_ticks_ahead() {
        let next =
            |stored, observed, tick| Plan::next(Some(stored), Some(stored), observed, tick, INTERVAL_S);
        let stored = plan(1, 2, 600);
        assert_eq!(next(stored, observed(3, 3), 660), Some(plan(2, 3, 840)));
        assert_eq!(next(stored, observed(3, 2), 660), None, "the third is not ready");
        assert_eq!(next(stored, observed(1, 2), 660), Some(plan(2, 1, 840)));
        assert_eq!(next(stored, observed(2, 1), 660), None);
        assert_eq!(next(stored, observed(0, 0), 660), None, "nobody is left to follow it");
        assert_eq!(next(stored, observed(3, 3), 540), None, "a change is still to come");
        assert_eq!(next(stored, observed(3, 3), 600), None, "for others it is still to come");
    }

    #[test]
    fn replicas_beyond_the_bound_get_no_nodes() {
        let next = |stored, observed| Plan::next(Some(stored), Some(stored), observed, 660, INTERVAL_S);
        let stored = plan(1, 2, 600);
        assert_eq!(next(stored, observed(5000, 4000)), Some(plan(2, 1000, 840)));
        assert_eq!(next(plan(2, 1000, 600), observed(5000, 5000)), None);
        assert_eq!(plan(2, 1000, 840).to_string().parse(), Ok(plan(2, 1000, 840)));
    }

    #[test]
    fn a_missing_plan_begins_anew_after_a_pause() {
        let next = |known| Plan::next(known, None, observed(5, 5), 660, INTERVAL_S);
        assert_eq!(next(None), Some(plan(0, 1, 840)), "until the others are ready");
        assert_eq!(next(Some(plan(1, 2, 600))), Some(plan(0, 2, 840)));
    }
}
