//! Preparation of a bundle from the files, with every check before it may run.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use insightd_pipeline::bundle::{Bundle, BundleOrigin, Generation};
use insightd_pipeline::library::Library;
use insightd_pipeline::probation::BundleEvent;
use insightd_pipeline::shadow::{self, Bounds};
use insightd_pipeline::{Pipeline, Scope, checks};
use insightd_sandbox::without_parts;
use insights_batch::{Columns, Limits};

use super::canary::{hold_reason, is_chosen};
use super::changes::WatchedPaths;
use super::config_source::{ConfigSource, one_line};
use super::handle::{Capture, RolloutHandle};
use super::history::History;
use super::reporter::{Refusal, Reporter};
use super::status::Outcome;
use crate::assemble;
use crate::snapshot::Snapshot;

/// Time beyond two intervals in which a tick must have ended for the shadow run.
const CAPTURE_GRACE: Duration = Duration::from_secs(60);

/// Prepares bundles, on the rollout thread.
#[derive(Debug)]
pub struct Preparer {
    /// Where bundles come from.
    pub source: ConfigSource,
    /// Name of this node.
    pub node_name: String,
    /// Components, including the running ones.
    pub components: Library,
    /// Limits of the open sinks by name, in the order of the sinks.
    pub sinks: Vec<(String, Limits)>,
    /// The generations that ran on this node.
    pub history: History,
    /// Rollout handle shared with the worker.
    pub handle: Arc<RolloutHandle>,
    /// Reports to operators.
    pub reporter: Reporter,
}

impl Preparer {
    /// Handles the ends of probations that the worker reported.
    pub(super) fn handle_events(&mut self) {
        for event in self.handle.take_events() {
            match event {
                BundleEvent::Proven(id) => {
                    let runs = self.handle.running().is_none_or(|running| running.id == id);
                    if runs {
                        tracing::info!(bundle = %id, "bundle passed its probation");
                    } else {
                        tracing::info!(bundle = %id, "bundle passed its probation before the next one was installed");
                    }
                    self.reporter.status.set_good(Some(id));
                    self.history.record_good(id);
                }
                BundleEvent::RolledBack { id, instead, why } => {
                    if id != instead {
                        self.history.record_failed(id, &why);
                    }
                    self.reporter.rolled_back(id, instead, &why);
                }
            }
        }
    }

    /// Stores the start-up bundle, and forgets the contents of its files.
    pub(super) fn store_first(&mut self) {
        if let Some(first) = self.history.take_first() {
            self.store_on_probation(&first);
        }
        self.components.forget_files();
    }

    fn store_on_probation(&mut self, snapshot: &Snapshot) {
        let running = self.handle.running();
        let in_use: Vec<Generation> =
            running.iter().flat_map(|running| [Some(running.id), running.before]).flatten().collect();
        let components = &self.components;
        self.history.store_on_probation(snapshot, &in_use, |name, bytes| components.uses(name, bytes));
    }

    /// Returns true if there is a running bundle to compare with, which is so after the first tick.
    pub(super) fn has_running_bundle(&self) -> bool {
        self.handle.running().is_some()
    }

    /// Returns true if the bundle in the files was refused for a reason that may be temporary.
    pub(super) fn is_refused(&self) -> bool {
        let latest = self.reporter.status.latest();
        latest.is_some_and(|latest| {
            matches!(latest.outcome, Outcome::Rejected | Outcome::Waiting)
                && latest.id.is_some_and(|id| self.history.failure(id).is_none())
        })
    }

    /// Reads the files and, if their bundle is new, prepares and offers it. Returns the time spent waiting for a tick.
    pub(super) fn reconcile(&mut self, paths: &mut WatchedPaths) -> Duration {
        let start = Instant::now();
        let mut waited = Duration::ZERO;
        let Some(snapshot) = self.read_unchanged(paths) else { return waited };
        let id = snapshot.id;
        let terms = &snapshot.config.rollout;
        let chosen = is_chosen(&self.node_name, terms.canary);
        self.reporter.status.set_terms(terms.enabled, terms.canary, chosen);
        // An offered bundle is outdated unless it is this one.
        self.handle.withdraw_unless(Some(id).filter(|_| terms.enabled && chosen));
        if self.handle.is_current(id) {
            self.reporter.status.record(Some(id), Outcome::Installed, "");
            return waited;
        }
        let prepared = self.prepare(&snapshot, chosen, &mut waited);
        // The compiled components are all that is needed from here on.
        self.components.forget_files();
        // Probations may have ended while this waited for a tick.
        self.handle_events();
        if self.handle.is_current(id) {
            self.reporter.status.record(Some(id), Outcome::Installed, "");
            return waited;
        }
        match prepared {
            Ok(bundle) => {
                let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                let (took_ms, waited_ms) = (ms(start.elapsed()), ms(waited));
                tracing::info!(bundle = %id, took_ms, waited_ms, "new bundle ready; it runs from the next tick on");
                self.handle.offer(bundle);
                // Stored before the first event of its probation is handled.
                self.store_on_probation(&snapshot);
                self.reporter.installed(id);
            }
            Err(refusal) => self.reporter.refused(Some(id), refusal),
        }
        waited
    }

    /// Reads all files. Returns `None` if they changed meanwhile or the configuration is invalid.
    fn read_unchanged(&self, paths: &mut WatchedPaths) -> Option<Snapshot> {
        // A second time if the configuration names other components than the watched ones.
        for _ in 0..2 {
            let before = paths.stamps();
            let snapshot = match self.source.read() {
                Ok((snapshot, restart_keys)) => {
                    self.warn_of_restart(&restart_keys);
                    snapshot
                }
                Err(report) => {
                    self.reporter.refused(None, Refusal::Rejected(one_line(&report.to_string())));
                    return None;
                }
            };
            // The files may be half of one version and half of another; the change causes another scan.
            if paths.stamps() != before {
                return None;
            }
            if !paths.set_names(snapshot.files.keys()) {
                return Some(snapshot);
            }
        }
        None
    }

    fn warn_of_restart(&self, keys: &[String]) {
        if self.reporter.status.set_restart_keys(keys) && !keys.is_empty() {
            let keys = keys.join(", ");
            tracing::warn!(keys, "changed configuration keys take effect after a restart");
        }
    }

    fn prepare(
        &mut self,
        snapshot: &Snapshot,
        chosen: bool,
        waited: &mut Duration,
    ) -> Result<Bundle, Refusal> {
        let terms = &snapshot.config.rollout;
        if let Some(why) = hold_reason(terms, chosen) {
            return Err(Refusal::Held(why));
        }
        if let Some(why) = self.history.failure(snapshot.id) {
            return Err(Refusal::Failed(why.to_owned()));
        }
        let pipelines = self.assemble(snapshot)?;
        let capture = self.capture(waited)?;
        self.run_in_shadow(&pipelines, snapshot, &capture)?;
        let origin = if self.source.file.is_some() { BundleOrigin::Files } else { BundleOrigin::Defaults };
        let (id, trial_ticks) = (snapshot.id, terms.trial_ticks);
        Ok(Bundle { pipelines, id, origin, trial_ticks })
    }

    /// Builds the pipelines as at the start, but without fallbacks for components that cannot be used.
    fn assemble(&mut self, snapshot: &Snapshot) -> Result<Vec<Pipeline>, Refusal> {
        assemble::renew(&mut self.components, snapshot)
            .map_err(|error| Refusal::Rejected(one_line(&format!("{error:#}"))))?;
        let faults = checks::faults(&snapshot.config.pipelines, &mut self.components);
        if !faults.problems.is_empty() {
            let why = self.source.describe(faults.problems);
            return Err(if faults.is_awaited { Refusal::Waiting(why) } else { Refusal::Rejected(why) });
        }
        let sinks: Vec<String> = self.sinks.iter().map(|(name, _)| name.clone()).collect();
        assemble::pipelines(&snapshot.config, &mut self.components, &sinks)
            .map_err(|problems| Refusal::Rejected(self.source.describe(problems)))
    }

    /// Waits until the worker has captured a tick.
    fn capture(&self, waited: &mut Duration) -> Result<Capture, Refusal> {
        let start = Instant::now();
        let limit = self.source.started_with.interval.saturating_mul(2).saturating_add(CAPTURE_GRACE);
        let capture = self.handle.capture(limit);
        *waited = start.elapsed();
        capture.ok_or_else(|| {
            Refusal::Waiting(format!("no tick ended within {} s to compare the bundle with", limit.as_secs()))
        })
    }

    fn run_in_shadow(
        &self,
        pipelines: &[Pipeline],
        snapshot: &Snapshot,
        of_tick: &Capture,
    ) -> Result<(), Refusal> {
        let Capture { batches, chains, states } = of_tick;
        // The batches without the parts that the running bundle has quarantined, which would prevent any comparison.
        let batches: Vec<(Scope, Cow<'_, Columns>)> = batches
            .iter()
            .map(|(scope, batch)| {
                let chains = chains.iter().filter(|chain| chain.scope == *scope);
                (
                    *scope,
                    without_parts(batch, chains.flat_map(|chain| &chain.quarantined).map(String::as_str)),
                )
            })
            .collect();
        let batches: Vec<(Scope, &Columns)> =
            batches.iter().map(|(scope, batch)| (*scope, &**batch)).collect();
        let limits = |sink: usize| self.sinks.get(sink).map(|(_, limits)| *limits).unwrap_or_default();
        let new: Vec<_> = pipelines.iter().map(|pipeline| pipeline.chain(&limits)).collect();
        // A return to a good bundle is a reaction to the running one, so no bounds apply.
        let is_good = self.history.is_good(snapshot.id);
        let bounds = if is_good { Bounds::NONE } else { snapshot.config.rollout.bounds };
        let (new, running) = shadow::run_both(&new, chains, &batches, states, &bounds);
        new.check(&running, &bounds).map_err(|violation| Refusal::Rejected(violation.to_string()))
    }
}
