//! Rollout handle: state shared by the thread that prepares bundles and the worker. Its lock is held only while pointers are swapped.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use insights_sdk::Columns;

use super::packed::Packed;
use super::set::{Set, SetId, SetOrigin};
use super::shadow::Chain;
use crate::config::Scope;
use crate::states::Snapshot;

/// The rollout handle, shared by the two threads.
#[derive(Debug, Default)]
pub struct Exchange(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    offered: Option<Box<Set>>,
    /// The bundle that the worker took last.
    installed: Option<SetId>,
    running: Option<Running>,
    chains: Vec<Chain>,
    states: Vec<Snapshot>,
    recent: Vec<(Scope, Arc<Packed>)>,
    news: Vec<News>,
}

/// Status of the running bundle, as reported by the worker.
#[derive(Clone, Debug)]
pub struct Running {
    /// Generation of the bundle.
    pub id: SetId,
    /// Source of the bundle.
    pub origin: SetOrigin,
    /// Time of the tick since which it runs.
    pub since_unix_ms: u64,
    /// Ticks left in its probation.
    pub trial_left: u32,
    /// Generation to roll back to if it fails its probation.
    pub before: Option<SetId>,
}

/// A rollout event.
#[derive(Clone, Debug)]
pub enum News {
    /// A bundle passed its probation.
    Proven(SetId),
    /// A bundle was rolled back.
    TakenBack {
        /// Generation that failed.
        id: SetId,
        /// Generation that runs again.
        instead: SetId,
        /// Error text.
        why: String,
    },
}

impl Exchange {
    /// Offers a bundle to be run from the next tick on, replacing one that was offered and not yet taken.
    pub fn offer(&self, set: Set) {
        let before = self.lock().offered.replace(Box::new(set));
        drop(before);
    }

    /// Takes the offered bundle, between two ticks.
    pub fn take(&self) -> Option<Box<Set>> {
        let mut state = self.lock();
        let set = state.offered.take();
        if let Some(set) = &set {
            state.installed = Some(set.id);
        }
        set
    }

    /// Withdraws an offered bundle that is not yet taken, unless its generation is `wanted`.
    pub fn withdraw_unless(&self, wanted: Option<SetId>) {
        let mut state = self.lock();
        if state.offered.as_ref().is_some_and(|set| Some(set.id) != wanted) {
            state.offered = None;
        }
    }

    /// Returns true if a bundle will run from the next tick on: it is the offered one or, if none is offered, the running one.
    pub fn stands(&self, id: SetId) -> bool {
        let state = self.lock();
        state.offered.as_ref().map_or(state.installed, |set| Some(set.id)) == Some(id)
    }

    /// Records the generation of the start-up bundle.
    pub fn begin(&self, id: SetId) {
        self.lock().installed = Some(id);
    }

    /// Stores the batch that the pipelines of a scope are about to get. It is compressed, because it stays in memory until the next one.
    pub fn keep(&self, scope: Scope, batch: &Columns) {
        let packed = match Packed::of(batch) {
            Ok(packed) => Arc::new(packed),
            Err(error) => {
                tracing::error!(%error, "cannot store the last batch; shadow runs use the previous one");
                return;
            }
        };
        let mut state = self.lock();
        let before = state.recent.iter().position(|(other, _)| *other == scope);
        let before = before.map(|place| state.recent.swap_remove(place));
        state.recent.push((scope, packed));
        drop(state);
        drop(before);
    }

    /// Drops the stored batch of a scope, for which this agent is no longer responsible.
    pub fn forget(&self, scope: Scope) {
        self.lock().recent.retain(|(other, _)| *other != scope);
    }

    /// Returns the last batch of each scope.
    ///
    /// # Errors
    /// A batch cannot be decompressed.
    pub fn recent(&self) -> io::Result<Vec<(Scope, Columns)>> {
        let recent = self.lock().recent.clone();
        recent.iter().map(|(scope, packed)| Ok((*scope, packed.unpack()?))).collect()
    }

    /// Publishes the status of the running bundle, the components in effect and the state after a tick.
    pub fn runs(&self, running: Running, chains: Vec<Chain>, states: Vec<Snapshot>) {
        let mut state = self.lock();
        state.installed = Some(running.id);
        state.running = Some(running);
        let before =
            (std::mem::replace(&mut state.chains, chains), std::mem::replace(&mut state.states, states));
        drop(state);
        drop(before);
    }

    /// Returns the components in effect in the running bundle.
    pub fn chains(&self) -> Vec<Chain> {
        self.lock().chains.clone()
    }

    /// Returns the status of the running bundle, or `None` before the end of the first tick.
    pub fn running(&self) -> Option<Running> {
        self.lock().running.clone()
    }

    /// Returns the state of transforms and formatters after the last tick.
    pub fn states(&self) -> Vec<Snapshot> {
        self.lock().states.clone()
    }

    /// Sends a rollout event.
    pub fn tell(&self, news: News) {
        self.lock().news.push(news);
    }

    /// Takes the rollout events sent since the last call.
    pub fn news(&self) -> Vec<News> {
        std::mem::take(&mut self.lock().news)
    }

    /// Locks the state. It is consistent even after a panic of another thread: only whole values are replaced.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bundles of a worker: the running one, and the previous one while a rollback is possible.
#[derive(Debug)]
pub struct Sets {
    /// The running bundle.
    pub running: Set,
    before: Option<Set>,
    /// Ticks of its own probation that `before` had completed.
    ticks_before: u32,
    since_unix_ms: u64,
    ticks: u32,
}

impl Sets {
    /// Starts with a bundle.
    pub fn new(running: Set) -> Self {
        Self { running, before: None, ticks_before: 0, since_unix_ms: 0, ticks: 0 }
    }

    /// Installs a bundle. The previous one is kept for a rollback.
    pub fn swap(&mut self, mut set: Set, time_unix_ms: u64) {
        for pipeline in &mut set.pipelines {
            pipeline.begin(time_unix_ms);
            pipeline.succeed(&self.running.pipelines);
        }
        let origin = set.origin.as_str();
        tracing::info!(set = %set.id, before = %self.running.id, origin, "new bundle installed");
        let before = std::mem::replace(&mut self.running, set);
        // A bundle that was itself on probation is not a rollback target; the one before it stays.
        if self.before.is_none() {
            (self.before, self.ticks_before) = (Some(before), self.ticks);
        }
        (self.since_unix_ms, self.ticks) = (time_unix_ms, 0);
    }

    /// Evaluates the probation after a tick: rolls back a bundle that failed, and ends the probation after its last tick.
    pub fn judge(&mut self, time_unix_ms: u64) -> Option<News> {
        if self.since_unix_ms == 0 {
            self.since_unix_ms = time_unix_ms;
            self.running.pipelines.iter_mut().for_each(|pipeline| pipeline.begin(time_unix_ms));
        }
        if self.ticks >= self.running.trial_ticks {
            return None;
        }
        self.ticks += 1;
        let failed = self.running.pipelines.iter().find_map(|pipeline| pipeline.failed_place());
        if let Some(slot) = failed {
            let error = slot.stats().last_error.as_deref().unwrap_or("unknown error");
            let why = format!("{}: {error}", slot.name());
            return self.take_back(why, time_unix_ms);
        }
        if self.ticks == self.running.trial_ticks {
            // From here on each slot has its own last-good version.
            self.before = None;
            return Some(News::Proven(self.running.id));
        }
        None
    }

    fn take_back(&mut self, why: String, time_unix_ms: u64) -> Option<News> {
        let Some(mut before) = self.before.take() else {
            // There is no bundle to roll back to: versions fall back slot by slot, and this bundle never becomes good.
            self.ticks = self.running.trial_ticks;
            return None;
        };
        for pipeline in &mut before.pipelines {
            pipeline.come_back(&self.running.pipelines);
        }
        let (id, instead) = (self.running.id, before.id);
        tracing::error!(set = %id, %instead, why, "bundle failed its probation and was rolled back");
        // The restored bundle resumes its own probation where the replacement interrupted it; the probation may have been over.
        (self.since_unix_ms, self.ticks) = (time_unix_ms, self.ticks_before);
        self.running = before;
        Some(News::TakenBack { id, instead, why })
    }

    /// Returns the status of the running bundle.
    pub fn state(&self) -> Running {
        Running {
            id: self.running.id,
            origin: self.running.origin,
            since_unix_ms: self.since_unix_ms,
            trial_left: self.running.trial_ticks.saturating_sub(self.ticks),
            before: self.before.as_ref().map(|set| set.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use insights_sdk::Builder;

    use super::*;
    use crate::config::Sha256;

    #[test]
    fn what_is_kept_of_a_scope_goes_with_the_role() {
        let exchange = Exchange::default();
        for (scope, name) in [(Scope::Node, "node"), (Scope::Cluster, "cluster")] {
            exchange.keep(scope, &Builder::new(name, name, 0, 0).finish());
        }
        exchange.forget(Scope::Cluster);
        let scopes: Vec<Scope> = exchange.recent().unwrap().into_iter().map(|(scope, _)| scope).collect();
        assert_eq!(scopes, [Scope::Node]);
    }

    fn set(number: u8) -> Set {
        let id = SetId(Sha256([number; 32]));
        Set { pipelines: Vec::new(), id, origin: SetOrigin::Files, trial_ticks: 3 }
    }

    #[test]
    fn a_trial_goes_on_after_one_that_failed() {
        let mut sets = Sets::new(set(1));
        assert!(sets.judge(1).is_none());
        sets.swap(set(2), 2);
        assert!(sets.judge(2).is_none());
        assert_eq!((sets.state().before, sets.state().trial_left), (Some(set(1).id), 2));
        sets.swap(set(3), 3);
        assert_eq!(sets.state().before, Some(set(1).id), "the second was proven no more than the third");
        let news = sets.take_back("it trapped".into(), 3);
        assert!(
            matches!(news, Some(News::TakenBack { id, instead, .. }) if (id, instead) == (set(3).id, set(1).id))
        );
        // Two of three ticks are left, and then it becomes the start-up bundle.
        assert_eq!((sets.state().before, sets.state().trial_left), (None, 2));
        assert!(sets.judge(4).is_none());
        assert!(matches!(sets.judge(5), Some(News::Proven(id)) if id == set(1).id));
        // A bundle that passed its probation does not enter it again.
        sets.swap(set(4), 6);
        sets.take_back("it trapped".into(), 6);
        assert_eq!((sets.running.id, sets.state().trial_left), (set(1).id, 0));
        assert!(sets.judge(7).is_none());
    }
}
