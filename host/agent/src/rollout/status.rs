//! Rollout status, for the operations endpoints.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use insightd_pipeline::bundle::Generation;
use insightd_upstream::lock;
use serde_json::{Value, json};

use super::handle::RolloutHandle;
use crate::wall_clock::now_unix_ms;

/// State of the bundle in the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is running, or will run from the next tick on.
    Taken,
    /// Rollout is disabled, or this node is not a canary.
    HeldBack,
    /// It names a file that does not exist yet, or no tick ended to compare it with.
    Waiting,
    /// It failed a check.
    Rejected,
    /// It failed on probation and was rolled back.
    RolledBack,
}

impl Outcome {
    /// Returns the value for logs, metrics and status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::HeldBack => "held-back",
            Self::Waiting => "waiting",
            Self::Rejected => "rejected",
            Self::RolledBack => "taken-back",
        }
    }
}

/// The latest bundle found in the files.
#[derive(Clone, Debug, PartialEq)]
pub struct Latest {
    /// Generation of the bundle; `None` if the configuration cannot be read.
    pub id: Option<Generation>,
    /// State of the bundle.
    pub outcome: Outcome,
    /// Error text; empty if there is none.
    pub why: String,
    /// Time of the change to this state.
    pub at_unix_ms: u64,
}

/// The rollout status.
#[derive(Debug)]
pub struct RolloutStatus {
    handle: Arc<RolloutHandle>,
    state: Mutex<State>,
    taken: AtomicU64,
    rejected: AtomicU64,
    taken_back: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    latest: Option<Latest>,
    enabled: bool,
    canary: f64,
    is_chosen: bool,
    restart_keys: Vec<String>,
    good: Option<Generation>,
}

impl RolloutStatus {
    /// Creates the status of an agent without rollouts so far.
    pub fn new(handle: Arc<RolloutHandle>) -> Self {
        let zero = AtomicU64::default;
        Self { handle, state: Mutex::default(), taken: zero(), rejected: zero(), taken_back: zero() }
    }

    /// Sets the rollout switch, the canary share, and if this node is a canary.
    pub fn set_terms(&self, enabled: bool, canary: f64, is_chosen: bool) {
        let mut state = self.lock();
        (state.enabled, state.canary, state.is_chosen) = (enabled, canary, is_chosen);
    }

    /// Sets the changed keys that take effect only at a restart. Returns true if they differ from those set before.
    pub(super) fn set_restart_keys(&self, keys: &[String]) -> bool {
        let mut state = self.lock();
        let is_new = state.restart_keys != keys;
        state.restart_keys = keys.to_vec();
        is_new
    }

    /// Sets the generation of the last good bundle, which the next start would fall back to.
    pub fn set_good(&self, good: Option<Generation>) {
        self.lock().good = good;
    }

    /// Records the state of a bundle. Returns true if it differs from the state recorded before.
    pub(super) fn record(&self, id: Option<Generation>, outcome: Outcome, why: &str) -> bool {
        let latest = Latest { id, outcome, why: why.to_owned(), at_unix_ms: now_unix_ms() };
        let mut state = self.lock();
        let is_new = state
            .latest
            .as_ref()
            .is_none_or(|before| (before.id, before.outcome, &before.why) != (id, outcome, &latest.why));
        if is_new {
            state.latest = Some(latest);
            let count = match outcome {
                Outcome::Rejected => &self.rejected,
                Outcome::RolledBack => &self.taken_back,
                Outcome::Taken | Outcome::HeldBack | Outcome::Waiting => return is_new,
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
        is_new
    }

    /// Counts a bundle that was offered to the worker.
    pub(super) fn count_taken(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the numbers of bundles taken, rejected and rolled back.
    pub fn counts(&self) -> [u64; 3] {
        [&self.taken, &self.rejected, &self.taken_back].map(|count| count.load(Ordering::Relaxed))
    }

    /// Returns the generation of the running bundle, or `None` before the end of the first tick.
    pub fn running(&self) -> Option<Generation> {
        self.handle.running().map(|running| running.id)
    }

    /// Returns the state of the latest bundle in the files.
    pub fn latest(&self) -> Option<Latest> {
        self.lock().latest.clone()
    }

    /// Returns the rollout section of the `/status` document.
    pub fn status(&self) -> Value {
        let running = self.handle.running().map(|running| {
            json!({
                "set": running.id.0.to_string(),
                "origin": running.origin.as_str(),
                "since_unix_ms": running.since_unix_ms,
                "trial_ticks_left": running.trial_left,
            })
        });
        let [taken, rejected, taken_back] = self.counts();
        let state = self.lock();
        let latest = state.latest.as_ref().map(|latest| {
            json!({
                "set": latest.id.map(|id| id.0.to_string()),
                "outcome": latest.outcome.as_str(),
                "why": latest.why,
                "at_unix_ms": latest.at_unix_ms,
            })
        });
        json!({
            "running": running,
            "latest": latest,
            "enabled": state.enabled,
            "canary": {"share": state.canary, "this_node": state.is_chosen},
            "needs_restart": !state.restart_keys.is_empty(),
            "restart_keys": state.restart_keys,
            "good": state.good.map(|id| id.0.to_string()),
            "taken": taken,
            "rejected": rejected,
            "taken_back": taken_back,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}
