//! What the thread that prepares sets and the one that runs them have in common. Locks are held for the exchange of pointers.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use insights_sdk::Columns;

use super::packed::Packed;
use super::set::{Set, SetId, SetOrigin};
use super::shadow::Chain;
use crate::config::Scope;
use crate::states::Snapshot;

/// Between the two threads.
#[derive(Debug, Default)]
pub struct Exchange(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    offered: Option<Box<Set>>,
    /// What the worker took last.
    installed: Option<SetId>,
    running: Option<Running>,
    chains: Vec<Chain>,
    states: Vec<Snapshot>,
    recent: Vec<(Scope, Arc<Packed>)>,
    news: Vec<News>,
}

/// What runs, as the worker says it.
#[derive(Clone, Debug)]
pub struct Running {
    /// What it is made of.
    pub id: SetId,
    /// Where it was read.
    pub origin: SetOrigin,
    /// Since which tick.
    pub since_unix_ms: u64,
    /// Ticks that are left of its trial.
    pub trial_left: u32,
    /// The set that comes back if it fails in its trial.
    pub before: Option<SetId>,
}

/// What became of a set.
#[derive(Clone, Debug)]
pub enum News {
    /// Its trial is over.
    Proven(SetId),
    /// It was taken back.
    TakenBack {
        /// Which.
        id: SetId,
        /// What runs again.
        instead: SetId,
        /// Why.
        why: String,
    },
}

impl Exchange {
    /// Leaves a set to be run from the next tick on; one that was left there and not taken gives way.
    pub fn offer(&self, set: Set) {
        let before = self.lock().offered.replace(Box::new(set));
        drop(before);
    }

    /// Takes what was left, between two ticks.
    pub fn take(&self) -> Option<Box<Set>> {
        let mut state = self.lock();
        let set = state.offered.take();
        if let Some(set) = &set {
            state.installed = Some(set.id);
        }
        set
    }

    /// Takes back what was left there and not taken yet, unless it is the set `wanted`.
    pub fn withdraw_unless(&self, wanted: Option<SetId>) {
        let mut state = self.lock();
        if state.offered.as_ref().is_some_and(|set| Some(set.id) != wanted) {
            state.offered = None;
        }
    }

    /// Whether a set runs, or will from the next tick on.
    pub fn stands(&self, id: SetId) -> bool {
        let state = self.lock();
        state.offered.as_ref().map_or(state.installed, |set| Some(set.id)) == Some(id)
    }

    /// The set that an agent begins with.
    pub fn begin(&self, id: SetId) {
        self.lock().installed = Some(id);
    }

    /// A batch that the pipelines of a scope are about to get. It is kept packed: it stays until the next one.
    pub fn keep(&self, scope: Scope, batch: &Columns) {
        let packed = match Packed::of(batch) {
            Ok(packed) => Arc::new(packed),
            Err(error) => {
                return tracing::error!(%error, "the last batch is not kept: new sets are tried with the one before");
            }
        };
        let mut state = self.lock();
        let before = state.recent.iter().position(|(other, _)| *other == scope);
        let before = before.map(|place| state.recent.swap_remove(place));
        state.recent.push((scope, packed));
        drop(state);
        drop(before);
    }

    /// Frees what is kept of a scope: this agent no longer speaks for it.
    pub fn forget(&self, scope: Scope) {
        self.lock().recent.retain(|(other, _)| *other != scope);
    }

    /// The last batch of each scope.
    ///
    /// # Errors
    /// One cannot be unpacked.
    pub fn recent(&self) -> io::Result<Vec<(Scope, Columns)>> {
        let recent = self.lock().recent.clone();
        recent.iter().map(|(scope, packed)| Ok((*scope, packed.unpack()?))).collect()
    }

    /// What runs from now on, or how it stands with it, and what is in its places.
    pub fn runs(&self, running: Running, chains: Vec<Chain>, states: Vec<Snapshot>) {
        let mut state = self.lock();
        state.installed = Some(running.id);
        state.running = Some(running);
        let before =
            (std::mem::replace(&mut state.chains, chains), std::mem::replace(&mut state.states, states));
        drop(state);
        drop(before);
    }

    /// What is in the places of the set that runs.
    pub fn chains(&self) -> Vec<Chain> {
        self.lock().chains.clone()
    }

    /// What runs; nothing before the first tick.
    pub fn running(&self) -> Option<Running> {
        self.lock().running.clone()
    }

    /// What transforms remembered after the last tick.
    pub fn states(&self) -> Vec<Snapshot> {
        self.lock().states.clone()
    }

    /// Tells what became of a set.
    pub fn tell(&self, news: News) {
        self.lock().news.push(news);
    }

    /// What was told since this was last asked.
    pub fn news(&self) -> Vec<News> {
        std::mem::take(&mut self.lock().news)
    }

    /// A panic elsewhere leaves whole values behind.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sets of a worker: what runs, and what ran before as long as it may have to come back.
#[derive(Debug)]
pub struct Sets {
    /// What runs.
    pub running: Set,
    before: Option<Set>,
    /// Ticks of its own trial that `before` has behind it.
    ticks_before: u32,
    since_unix_ms: u64,
    ticks: u32,
}

impl Sets {
    /// Begins with a set.
    pub fn new(running: Set) -> Self {
        Self { running, before: None, ticks_before: 0, since_unix_ms: 0, ticks: 0 }
    }

    /// Puts another set in place of the one that runs, which may come back.
    pub fn swap(&mut self, mut set: Set, time_unix_ms: u64) {
        for pipeline in &mut set.pipelines {
            pipeline.begin(time_unix_ms);
            pipeline.succeed(&self.running.pipelines);
        }
        tracing::info!(set = %set.id, before = %self.running.id, origin = set.origin.as_str(), "a new set runs from this tick on");
        let before = std::mem::replace(&mut self.running, set);
        // One that was on trial itself is no way back; the one before it is.
        if self.before.is_none() {
            (self.before, self.ticks_before) = (Some(before), self.ticks);
        }
        (self.since_unix_ms, self.ticks) = (time_unix_ms, 0);
    }

    /// After a tick: takes the set back if it failed within its trial, and ends the trial when its time is over.
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
            let error = slot.stats().last_error.as_deref().unwrap_or("no reason is known");
            let why = format!("{}: {error}", slot.name());
            return self.take_back(why, time_unix_ms);
        }
        if self.ticks == self.running.trial_ticks {
            // From here on each place has its own version of before.
            self.before = None;
            return Some(News::Proven(self.running.id));
        }
        None
    }

    fn take_back(&mut self, why: String, time_unix_ms: u64) -> Option<News> {
        let Some(mut before) = self.before.take() else {
            // There is nothing that ran before: versions take over place by place, and this set is no good one.
            self.ticks = self.running.trial_ticks;
            return None;
        };
        for pipeline in &mut before.pipelines {
            pipeline.come_back(&self.running.pipelines);
        }
        let (id, instead) = (self.running.id, before.id);
        tracing::error!(set = %id, %instead, why, "the new set failed in its trial: what ran before runs again");
        // Its own trial goes on where the other set ended it; it may have been over.
        (self.since_unix_ms, self.ticks) = (time_unix_ms, self.ticks_before);
        self.running = before;
        Some(News::TakenBack { id, instead, why })
    }

    /// How it stands.
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
        // Two of three ticks are left, then it is what a restart begins with.
        assert_eq!((sets.state().before, sets.state().trial_left), (None, 2));
        assert!(sets.judge(4).is_none());
        assert!(matches!(sets.judge(5), Some(News::Proven(id)) if id == set(1).id));
        // One that was proven is not on trial again.
        sets.swap(set(4), 6);
        sets.take_back("it trapped".into(), 6);
        assert_eq!((sets.running.id, sets.state().trial_left), (set(1).id, 0));
        assert!(sets.judge(7).is_none());
    }
}
