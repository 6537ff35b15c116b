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
    Installed,
    /// Rollout is disabled, or this node is not a canary.
    Held,
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
            Self::Installed => "installed",
            Self::Held => "held",
            Self::Waiting => "waiting",
            Self::Rejected => "rejected",
            Self::RolledBack => "rolled-back",
        }
    }

    /// Returns true if there is a deprecated value besides.
    pub fn is_renamed(self) -> bool {
        self.as_str() != self.as_deprecated_str()
    }

    /// Returns the deprecated value for metrics and status.
    pub fn as_deprecated_str(self) -> &'static str {
        match self {
            Self::Installed => "taken",
            Self::Held => "held-back",
            Self::RolledBack => "taken-back",
            Self::Waiting | Self::Rejected => self.as_str(),
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
    installed: AtomicU64,
    rejected: AtomicU64,
    rolled_back: AtomicU64,
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
        Self { handle, state: Mutex::default(), installed: zero(), rejected: zero(), rolled_back: zero() }
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
    pub(crate) fn record(&self, id: Option<Generation>, outcome: Outcome, why: &str) -> bool {
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
                Outcome::RolledBack => &self.rolled_back,
                Outcome::Installed | Outcome::Held | Outcome::Waiting => return is_new,
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
        is_new
    }

    /// Counts a bundle that was offered to the worker.
    pub(super) fn count_installed(&self) {
        self.installed.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the numbers of bundles installed, rejected and rolled back.
    pub fn counts(&self) -> [u64; 3] {
        [&self.installed, &self.rejected, &self.rolled_back].map(|count| count.load(Ordering::Relaxed))
    }

    /// Returns the generation of the running bundle, or `None` before the end of the first tick.
    pub fn running(&self) -> Option<Generation> {
        self.handle.running().map(|running| running.id)
    }

    /// Returns the state of the latest bundle in the files.
    pub fn latest(&self) -> Option<Latest> {
        self.lock().latest.clone()
    }

    /// Returns the rollout section of the `/status` document. Keys after the others are deprecated: `docs/versioning.md` has their successors.
    pub fn status(&self) -> Value {
        let running = self.handle.running().map(|running| {
            json!({
                "bundle": running.id.0.to_string(),
                "origin": running.origin.as_str(),
                "since_unix_ms": running.since_unix_ms,
                "probation_ticks_left": running.probation_left,
                "set": running.id.0.to_string(),
                "trial_ticks_left": running.probation_left,
            })
        });
        let [installed, rejected, rolled_back] = self.counts();
        let state = self.lock();
        let latest = state.latest.as_ref().map(|latest| {
            json!({
                "bundle": latest.id.map(|id| id.0.to_string()),
                "state": latest.outcome.as_str(),
                "why": latest.why,
                "at_unix_ms": latest.at_unix_ms,
                "set": latest.id.map(|id| id.0.to_string()),
                "outcome": latest.outcome.as_deprecated_str(),
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
            "installed": installed,
            "rejected": rejected,
            "rolled_back": rolled_back,
            "taken": installed,
            "taken_back": rolled_back,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}
