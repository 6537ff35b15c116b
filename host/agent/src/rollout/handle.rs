//! Rollout handle: state shared by the thread that prepares bundles and the worker. Its lock is held only while pointers are swapped.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use insightd_pipeline::Scope;
use insightd_pipeline::bundle::{Bundle, Generation};
use insightd_pipeline::probation::{BundleEvent, RunningBundle};
use insightd_pipeline::shadow::Chain;
use insightd_pipeline::states::Snapshot as StateSnapshot;
use insightd_upstream::lock;
use insights_batch::Columns;

/// The rollout handle, shared by the two threads.
#[derive(Debug, Default)]
pub struct RolloutHandle {
    state: Mutex<State>,
    captured: Condvar,
}

#[derive(Debug, Default)]
struct State {
    offered: Option<Box<Bundle>>,
    /// The bundle that the worker took last.
    installed: Option<Generation>,
    running: Option<RunningBundle>,
    is_capture_requested: bool,
    capture: Option<Capture>,
    events: Vec<BundleEvent>,
}

/// Everything of one tick that a shadow run needs.
#[derive(Debug, Default)]
pub struct Capture {
    /// The first batch of each scope.
    pub batches: Vec<(Scope, Columns)>,
    /// Components in effect in the running bundle after the tick.
    pub chains: Vec<Chain>,
    /// State of transforms and formatters after the tick.
    pub states: Vec<StateSnapshot>,
}

impl Capture {
    /// Adds a copy of a batch unless there is one of its scope: a shadow run uses one batch of each. A tick may have a batch for each
    /// of many Fargate nodes.
    pub fn add(&mut self, scope: Scope, batch: &Columns) {
        if !self.batches.iter().any(|(other, _)| *other == scope) {
            self.batches.push((scope, batch.clone()));
        }
    }
}

impl RolloutHandle {
    /// Offers a bundle to be run from the next tick on, replacing one that was offered and not yet taken.
    pub fn offer(&self, bundle: Bundle) {
        let before = self.lock().offered.replace(Box::new(bundle));
        drop(before);
    }

    /// Takes the offered bundle, between two ticks.
    pub fn take(&self) -> Option<Box<Bundle>> {
        let mut state = self.lock();
        let bundle = state.offered.take();
        if let Some(bundle) = &bundle {
            state.installed = Some(bundle.id);
        }
        bundle
    }

    /// Withdraws an offered bundle that is not yet taken, unless its generation is `wanted`.
    pub fn withdraw_unless(&self, wanted: Option<Generation>) {
        let mut state = self.lock();
        let is_outdated = state.offered.as_ref().is_some_and(|bundle| Some(bundle.id) != wanted);
        let outdated = if is_outdated { state.offered.take() } else { None };
        drop(state);
        drop(outdated);
    }

    /// Returns true if a bundle will run from the next tick on: it is the offered one or, if none is offered, the running one.
    pub fn is_current(&self, id: Generation) -> bool {
        let state = self.lock();
        state.offered.as_ref().map_or(state.installed, |bundle| Some(bundle.id)) == Some(id)
    }

    /// Records the generation of the start-up bundle.
    pub fn begin(&self, id: Generation) {
        self.lock().installed = Some(id);
    }

    /// Requests a capture of the next tick, and waits for it. Returns `None` after `timeout`.
    pub fn capture(&self, timeout: Duration) -> Option<Capture> {
        let deadline = Instant::now() + timeout;
        let mut state = self.lock();
        (state.is_capture_requested, state.capture) = (true, None);
        loop {
            if let Some(capture) = state.capture.take() {
                return Some(capture);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.is_capture_requested = false;
                return None;
            }
            (state, _) = self.captured.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Returns true if the worker is to capture the tick that begins.
    pub fn is_capture_requested(&self) -> bool {
        self.lock().is_capture_requested
    }

    /// Hands a capture to the thread that waits for it.
    pub fn hand_over(&self, capture: Capture) {
        let mut state = self.lock();
        if state.is_capture_requested {
            (state.is_capture_requested, state.capture) = (false, Some(capture));
            self.captured.notify_one();
        }
    }

    /// Publishes the status of the running bundle after a tick.
    pub fn set_running(&self, running: RunningBundle) {
        let mut state = self.lock();
        state.installed = Some(running.id);
        state.running = Some(running);
    }

    /// Returns the status of the running bundle, or `None` before the end of the first tick.
    pub fn running(&self) -> Option<RunningBundle> {
        self.lock().running.clone()
    }

    /// Sends the end of a probation.
    pub fn send(&self, event: BundleEvent) {
        self.lock().events.push(event);
    }

    /// Takes the events sent since the last call.
    pub fn take_events(&self) -> Vec<BundleEvent> {
        std::mem::take(&mut self.lock().events)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use insights_batch::Builder;

    use super::*;

    #[test]
    fn a_capture_has_the_first_batch_of_each_scope() {
        let mut capture = Capture::default();
        for (scope, id) in [(Scope::Node, "a"), (Scope::Node, "b"), (Scope::Cluster, "c")] {
            capture.add(scope, &Builder::new("node", id, 0, 0).finish());
        }
        let ids: Vec<&str> = capture.batches.iter().map(|(_, batch)| &*batch.scope_id).collect();
        assert_eq!(ids, ["a", "c"]);
    }

    #[test]
    fn a_tick_is_captured_on_request_only() {
        let handle = Arc::new(RolloutHandle::default());
        let capture = || {
            let batch = Builder::new("node", "n", 0, 0).finish();
            Capture { batches: vec![(Scope::Node, batch)], ..Capture::default() }
        };
        assert!(!handle.is_capture_requested());
        handle.hand_over(capture());
        assert!(handle.capture(Duration::ZERO).is_none(), "handed over before the request");
        assert!(!handle.is_capture_requested(), "nobody waits any more");
        let waiting = std::thread::spawn({
            let handle = Arc::clone(&handle);
            move || handle.capture(Duration::from_secs(60))
        });
        while !handle.is_capture_requested() {
            std::thread::yield_now();
        }
        handle.hand_over(capture());
        assert_eq!(waiting.join().unwrap().unwrap().batches.len(), 1);
        assert!(!handle.is_capture_requested());
    }
}
