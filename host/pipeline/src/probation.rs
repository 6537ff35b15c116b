//! Probation of a bundle: the ticks after its installation, in which it is rolled back if it fails.

use crate::bundle::{Bundle, BundleOrigin, Generation};

/// Status of the running bundle, as reported by the worker.
#[derive(Clone, Debug)]
pub struct RunningBundle {
    /// Generation of the bundle.
    pub id: Generation,
    /// Source of the bundle.
    pub origin: BundleOrigin,
    /// Time of the tick since which it runs.
    pub since_unix_ms: u64,
    /// Ticks left in its probation.
    pub probation_left: u32,
    /// Generation to roll back to if it fails its probation.
    pub before: Option<Generation>,
}

/// The end of a probation.
#[derive(Clone, Debug)]
pub enum BundleEvent {
    /// A bundle passed its probation.
    Proven(Generation),
    /// A bundle was rolled back.
    RolledBack {
        /// Generation that failed.
        id: Generation,
        /// Generation that runs again.
        instead: Generation,
        /// Error text.
        why: String,
    },
}

/// The bundles of a worker: the running one, and the previous one while a rollback is possible.
#[derive(Debug)]
pub struct Generations {
    /// The running bundle.
    pub running: Bundle,
    before: Option<Bundle>,
    /// Ticks of its own probation that `before` had completed.
    ticks_before: u32,
    since_unix_ms: u64,
    ticks: u32,
}

impl Generations {
    /// Starts with a bundle.
    pub fn new(running: Bundle) -> Self {
        Self { running, before: None, ticks_before: 0, since_unix_ms: 0, ticks: 0 }
    }

    /// Installs a bundle. The previous one is kept for a rollback.
    pub fn swap(&mut self, mut bundle: Bundle, time_unix_ms: u64) {
        for pipeline in &mut bundle.pipelines {
            pipeline.begin(time_unix_ms);
            pipeline.replace(&self.running.pipelines);
        }
        let origin = bundle.origin.as_str();
        tracing::info!(bundle = %bundle.id, before = %self.running.id, origin, "new bundle installed");
        let before = std::mem::replace(&mut self.running, bundle);
        // A bundle that was itself on probation is not a rollback target; the one before it stays.
        if self.before.is_none() {
            (self.before, self.ticks_before) = (Some(before), self.ticks);
        }
        (self.since_unix_ms, self.ticks) = (time_unix_ms, 0);
    }

    /// Evaluates the probation after a tick: rolls back a bundle that failed, and ends the probation after its last tick.
    pub fn end_tick(&mut self, time_unix_ms: u64) -> Option<BundleEvent> {
        if self.since_unix_ms == 0 {
            self.since_unix_ms = time_unix_ms;
            self.running.pipelines.iter_mut().for_each(|pipeline| pipeline.begin(time_unix_ms));
        }
        if self.ticks >= self.running.trial_ticks {
            return None;
        }
        self.ticks += 1;
        let failed = self.running.pipelines.iter().find_map(|pipeline| pipeline.failed_slot());
        if let Some(slot) = failed {
            let error = slot.stats().last_error.as_deref().unwrap_or("unknown error");
            let why = format!("{}: {error}", slot.name());
            return self.roll_back(why, time_unix_ms);
        }
        if self.ticks == self.running.trial_ticks {
            // From here on each slot has its own last-good version.
            self.before = None;
            return Some(BundleEvent::Proven(self.running.id));
        }
        None
    }

    fn roll_back(&mut self, why: String, time_unix_ms: u64) -> Option<BundleEvent> {
        let Some(mut before) = self.before.take() else {
            // There is no bundle to roll back to: versions fall back slot by slot, and this bundle never becomes good.
            self.ticks = self.running.trial_ticks;
            return None;
        };
        for pipeline in &mut before.pipelines {
            pipeline.restore(&self.running.pipelines);
        }
        let (id, instead) = (self.running.id, before.id);
        tracing::error!(bundle = %id, %instead, why, "bundle failed its probation and was rolled back");
        // The restored bundle resumes its own probation where the replacement interrupted it; the probation may have been over.
        (self.since_unix_ms, self.ticks) = (time_unix_ms, self.ticks_before);
        self.running = before;
        Some(BundleEvent::RolledBack { id, instead, why })
    }

    /// Returns the status of the running bundle.
    pub fn status(&self) -> RunningBundle {
        RunningBundle {
            id: self.running.id,
            origin: self.running.origin,
            since_unix_ms: self.since_unix_ms,
            probation_left: self.running.trial_ticks.saturating_sub(self.ticks),
            before: self.before.as_ref().map(|bundle| bundle.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sha256::Sha256;

    fn bundle(number: u8) -> Bundle {
        let id = Generation(Sha256([number; 32]));
        Bundle { pipelines: Vec::new(), id, origin: BundleOrigin::Files, trial_ticks: 3 }
    }

    #[test]
    fn a_probation_resumes_after_a_rollback() {
        let mut generations = Generations::new(bundle(1));
        assert!(generations.end_tick(1).is_none());
        generations.swap(bundle(2), 2);
        assert!(generations.end_tick(2).is_none());
        assert_eq!(
            (generations.status().before, generations.status().probation_left),
            (Some(bundle(1).id), 2)
        );
        generations.swap(bundle(3), 3);
        assert_eq!(
            generations.status().before,
            Some(bundle(1).id),
            "the second was proven no more than the third"
        );
        let event = generations.roll_back("it trapped".into(), 3);
        assert!(
            matches!(event, Some(BundleEvent::RolledBack { id, instead, .. }) if (id, instead) == (bundle(3).id, bundle(1).id))
        );
        // Two of three ticks are left, and then it becomes the start-up bundle.
        assert_eq!((generations.status().before, generations.status().probation_left), (None, 2));
        assert!(generations.end_tick(4).is_none());
        assert!(matches!(generations.end_tick(5), Some(BundleEvent::Proven(id)) if id == bundle(1).id));
        // A bundle that passed its probation does not enter it again.
        generations.swap(bundle(4), 6);
        generations.roll_back("it trapped".into(), 6);
        assert_eq!((generations.running.id, generations.status().probation_left), (bundle(1).id, 0));
        assert!(generations.end_tick(7).is_none());
    }
}
