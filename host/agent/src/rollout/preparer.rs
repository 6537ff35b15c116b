//! Preparation of a bundle from the files, with every check before it may run.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use insightd_kubernetes::events::{About, Event, EventKind, Recorder};
use insightd_sandbox::without;
use insights_sdk::Columns;

use super::canary::is_chosen;
use super::exchange::{Exchange, News};
use super::follow::{Follow, Outcome};
use super::kept::Kept;
use super::restart;
use super::set::{Set, SetId, SetOrigin, Snapshot};
use super::shadow;
use super::watch::Places;
use crate::assemble;
use crate::config::{Bounds, Config, Environment, Problem, Report, Scope};
use crate::library::Library;
use crate::pipeline::Pipeline;

/// Maximum number of good generations in memory.
const MAX_GOOD: usize = 20;
/// Maximum number of failed generations in memory.
const MAX_FAILED: usize = 40;

/// Applies the command line to a configuration.
pub type Adjust = Box<dyn Fn(&mut Config) + Send>;

/// Prepares bundles, on the rollout thread.
pub struct Preparer {
    /// Path of the configuration file.
    pub file: Option<PathBuf>,
    /// Environment variables, the defaults of settings that the file does not set.
    pub environment: Environment,
    /// The command line.
    pub adjust: Adjust,
    /// Name of this node.
    pub node_name: String,
    /// Configuration at the start of the agent.
    pub started_with: Config,
    /// Components, including the running ones.
    pub components: Library,
    /// Limits of the open sinks by name, in the order of the sinks.
    pub sinks: Vec<(String, insights_sdk::Limits)>,
    /// The start-up bundle, until it is stored.
    pub first: Option<Snapshot>,
    /// Generations that were offered last and are stored; the latest last.
    pub taken: Vec<SetId>,
    /// Generations that passed their probation on this node: they may come back without a check against the bounds.
    pub good: Vec<SetId>,
    /// The last-good store.
    pub kept: Option<Kept>,
    /// Generations that were rolled back, with the error text; it may be empty for those of earlier runs.
    pub failed: Vec<(SetId, String)>,
    /// Rollout handle shared with the worker.
    pub exchange: Arc<Exchange>,
    /// Rollout status for the operations endpoints.
    pub follow: Arc<Follow>,
    /// Publishes Kubernetes Events for operators.
    pub recorder: Option<Recorder>,
}

impl std::fmt::Debug for Preparer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Preparer").field("file", &self.file).finish_non_exhaustive()
    }
}

/// The reason why a bundle is not taken.
enum No {
    HeldBack(String),
    Waiting(String),
    Rejected(String),
    /// It was rolled back on this node.
    Failed(String),
}

impl Preparer {
    /// Handles the rollout events of the worker.
    pub fn hear(&mut self) {
        for news in self.exchange.news() {
            match news {
                News::Proven(id) => self.keep(id),
                News::TakenBack { id, instead, why } => {
                    if id != instead {
                        self.remember_failed(id, &why);
                    }
                    self.follow.say(Some(id), Outcome::TakenBack, &why);
                    self.tell(
                        EventKind::Warning,
                        "SetTakenBack",
                        format!("bundle {id} failed, rolled back to {instead}: {why}"),
                    );
                }
            }
        }
    }

    /// Records a failed generation, so that neither this agent nor the next one tries it again.
    fn remember_failed(&mut self, id: SetId, why: &str) {
        self.failed.retain(|(other, _)| *other != id);
        self.failed.push((id, why.to_owned()));
        if self.failed.len() > MAX_FAILED {
            self.failed.remove(0);
        }
        self.taken.retain(|other| *other != id);
        if let Some(kept) = &self.kept
            && let Err(error) = kept.remember_failed(id, why)
        {
            tracing::warn!(%error, "cannot store the failed generation; a restart will retry it");
        }
    }

    /// Records the end of a probation: the bundle is good and becomes the last good one in the store.
    fn keep(&mut self, id: SetId) {
        let runs = self.exchange.running().is_none_or(|running| running.id == id);
        if runs {
            tracing::info!(set = %id, "bundle passed its probation");
        } else {
            tracing::info!(set = %id, "bundle passed its probation before the next one was installed");
        }
        self.follow.set_good(Some(id));
        self.good.retain(|other| *other != id);
        self.good.push(id);
        self.failed.retain(|(other, _)| *other != id);
        if self.good.len() > MAX_GOOD {
            self.good.remove(0);
        }
        let Some(place) = self.taken.iter().position(|taken| *taken == id) else { return };
        self.taken.drain(..=place);
        if let Some(kept) = &self.kept
            && let Err(error) = kept.keep(id, &self.taken)
        {
            tracing::warn!(%error, "cannot store the last good bundle; a restart uses the one in the files");
        }
    }

    /// Stores the start-up bundle.
    pub fn begin(&mut self) {
        if let Some(first) = self.first.take() {
            self.write_down(&first);
        }
        self.components.forget_files();
    }

    /// Stores a bundle whose probation begins, so that it need not stay in memory: it becomes the last good one if it passes.
    fn write_down(&mut self, snapshot: &Snapshot) {
        let Some(kept) = &self.kept else { return };
        // Keeps those that may be running when this probation ends, or again after a rollback.
        let running = self.exchange.running();
        let latest = self.taken.last().copied();
        self.taken.retain(|id| {
            let runs = running.as_ref().is_some_and(|runs| runs.id == *id || runs.before == Some(*id));
            runs || Some(*id) == latest
        });
        let components = &self.components;
        match kept.write_taken(snapshot, &self.taken, |name, bytes| components.knows(name, bytes)) {
            Ok(()) => {
                self.taken.retain(|other| *other != snapshot.id);
                self.taken.push(snapshot.id);
            }
            Err(error) => {
                tracing::warn!(
                    %error,
                    set = %snapshot.id,
                    "cannot store the new bundle; a restart uses the one in the files"
                );
            }
        }
    }

    /// Returns true if there is a running bundle to compare with, which is so after the first tick.
    pub fn has_batch(&self) -> bool {
        self.exchange.running().is_some()
    }

    /// Returns true if the bundle in the files was refused for a reason that may be temporary.
    pub fn is_refused(&self) -> bool {
        let latest = self.follow.latest();
        latest.is_some_and(|latest| {
            matches!(latest.outcome, Outcome::Rejected | Outcome::Waiting)
                && latest.id.is_some_and(|id| !self.has_failed(id))
        })
    }

    fn has_failed(&self, id: SetId) -> bool {
        self.failed.iter().any(|(failed, _)| *failed == id)
    }

    /// Reads the files and, if their bundle is new, prepares and offers it.
    pub fn consider(&mut self, places: &mut Places) {
        let start = Instant::now();
        let Some(snapshot) = self.read_whole(places) else { return };
        let id = snapshot.id;
        let terms = &snapshot.config.rollout;
        let chosen = is_chosen(&self.node_name, terms.canary);
        self.follow.set_terms(terms.enabled, terms.canary, chosen);
        // An offered bundle is outdated unless it is this one.
        self.exchange.withdraw_unless(Some(id).filter(|_| terms.enabled && chosen));
        if self.exchange.stands(id) {
            self.follow.say(Some(id), Outcome::Taken, "");
            return;
        }
        let prepared = self.prepare(&snapshot, chosen);
        // The compiled components are all that is needed from here on.
        self.components.forget_files();
        match prepared {
            Ok(set) => {
                let took_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
                tracing::info!(set = %id, took_ms, "new bundle ready; it runs from the next tick on");
                self.exchange.offer(set);
                // Stored before the first event of its probation is handled.
                self.write_down(&snapshot);
                self.follow.count_taken();
                if self.follow.say(Some(id), Outcome::Taken, "") {
                    let message = format!("bundle {id} passed all checks and runs from the next tick on");
                    self.tell(EventKind::Normal, "SetTaken", message);
                }
            }
            Err(no) => self.refuse(Some(id), no),
        }
    }

    /// Reads all files. Returns `None` if they changed meanwhile or the configuration is invalid.
    fn read_whole(&self, places: &mut Places) -> Option<Snapshot> {
        // A second time if the configuration names other components than the watched ones.
        for _ in 0..2 {
            let before = places.look();
            let snapshot = match self.read() {
                Ok(snapshot) => snapshot,
                Err(report) => {
                    self.refuse(None, No::Rejected(one_line(&report.to_string())));
                    return None;
                }
            };
            // The files may be half of one version and half of another; the change causes another scan.
            if places.look() != before {
                return None;
            }
            if !places.set_names(snapshot.files.keys()) {
                return Some(snapshot);
            }
        }
        None
    }

    fn read(&self) -> Result<Snapshot, Report> {
        let (text, mut config) = match &self.file {
            Some(file) => Config::read(file, &self.environment)?,
            None => (String::new(), Config::parse("", None, &self.environment)?),
        };
        (self.adjust)(&mut config);
        let keys = restart::keys(&self.started_with, &config);
        if self.follow.set_restart_keys(&keys) && !keys.is_empty() {
            let keys = keys.join(", ");
            tracing::warn!(keys, "changed configuration keys take effect after a restart");
        }
        // Only the sections that apply without a restart; the rest stays as at the start of the agent.
        let Config { pipelines, rollout, .. } = config;
        Ok(Snapshot::of(text, Config { pipelines, rollout, ..self.started_with.clone() }, None))
    }

    fn prepare(&mut self, snapshot: &Snapshot, chosen: bool) -> Result<Set, No> {
        let terms = &snapshot.config.rollout;
        if !terms.enabled {
            return Err(No::HeldBack("`rollout.enabled` is false".into()));
        }
        if !chosen {
            let share = terms.canary * 100.0;
            return Err(No::HeldBack(format!(
                "this node is not among the first {share}% (`rollout.canary`)"
            )));
        }
        if let Some((_, why)) = self.failed.iter().find(|(failed, _)| *failed == snapshot.id) {
            return Err(No::Failed(why.clone()));
        }
        let pipelines = self.assemble(snapshot)?;
        self.try_in_shadow(&pipelines, snapshot)?;
        let origin = if self.file.is_some() { SetOrigin::Files } else { SetOrigin::Defaults };
        let (id, trial_ticks) = (snapshot.id, terms.trial_ticks);
        Ok(Set { pipelines, id, origin, trial_ticks })
    }

    /// Builds the pipelines as at the start, but without fallbacks for components that cannot be used.
    fn assemble(&mut self, snapshot: &Snapshot) -> Result<Vec<Pipeline>, No> {
        assemble::renew(&mut self.components, snapshot)
            .map_err(|error| No::Rejected(one_line(&format!("{error:#}"))))?;
        let faults = assemble::faults(&snapshot.config, &mut self.components);
        if !faults.problems.is_empty() {
            let why = self.describe(faults.problems);
            return Err(if faults.is_awaited { No::Waiting(why) } else { No::Rejected(why) });
        }
        let sinks: Vec<String> = self.sinks.iter().map(|(name, _)| name.clone()).collect();
        assemble::pipelines(&snapshot.config, &mut self.components, &sinks)
            .map_err(|problems| No::Rejected(self.describe(problems)))
    }

    fn describe(&self, problems: Vec<Problem>) -> String {
        let file = self.file.as_ref().map(|file| file.display().to_string());
        one_line(&Report::new(file, problems).to_string())
    }

    fn try_in_shadow(&self, pipelines: &[Pipeline], snapshot: &Snapshot) -> Result<(), No> {
        let recent = self.exchange.recent();
        let recent = recent.map_err(|error| {
            No::Rejected(format!("cannot unpack the last batches for the shadow run: {error}"))
        })?;
        let chains = self.exchange.chains();
        // The batches without the parts that the running bundle has quarantined, which would prevent any comparison.
        let recent: Vec<(Scope, Cow<'_, Columns>)> = recent
            .iter()
            .map(|(scope, batch)| {
                let chains = chains.iter().filter(|chain| chain.scope == *scope);
                (*scope, without(batch, chains.flat_map(|chain| &chain.aside).map(String::as_str)))
            })
            .collect();
        let batches: Vec<(Scope, &Columns)> =
            recent.iter().map(|(scope, batch)| (*scope, &**batch)).collect();
        let limits = |sink: usize| self.sinks.get(sink).map(|(_, limits)| *limits).unwrap_or_default();
        let new: Vec<_> = pipelines.iter().map(|pipeline| pipeline.chain(&limits)).collect();
        let states = self.exchange.states();
        // A return to a good bundle is a reaction to the running one, so no bounds apply.
        let is_good = self.good.contains(&snapshot.id);
        let bounds = if is_good { Bounds::NONE } else { snapshot.config.rollout.bounds };
        let (new, running) = shadow::run_both(&new, &chains, &batches, &states, &bounds);
        new.check(&running, &bounds).map_err(|apart| No::Rejected(apart.to_string()))
    }

    fn refuse(&self, id: Option<SetId>, no: No) {
        let (outcome, why) = match no {
            No::HeldBack(why) => (Outcome::HeldBack, why),
            No::Waiting(why) => (Outcome::Waiting, why),
            No::Rejected(why) => (Outcome::Rejected, why),
            No::Failed(why) => {
                // The recorded state already has more details.
                let latest = self.follow.latest();
                if latest.is_some_and(|latest| latest.id == id && latest.outcome == Outcome::TakenBack) {
                    return;
                }
                let why = if why.is_empty() { why } else { format!(": {why}") };
                (Outcome::Rejected, format!("it failed on this node and was rolled back{why}"))
            }
        };
        if !self.follow.say(id, outcome, &why) {
            return;
        }
        let set = id.map(|id| id.to_string());
        if outcome == Outcome::Rejected {
            tracing::error!(set, why, "bundle rejected; the running bundle stays");
            let set = set.as_deref().unwrap_or("in the files");
            self.tell(EventKind::Warning, "SetRejected", format!("bundle {set}: {why}"));
        } else {
            if outcome == Outcome::Waiting {
                self.tell(EventKind::Warning, "SetWaiting", why.clone());
            }
            tracing::info!(
                set,
                why,
                outcome = outcome.as_str(),
                "bundle not installed; the running bundle stays"
            );
        }
    }

    fn tell(&self, kind: EventKind, reason: &str, message: String) {
        if let Some(recorder) = &self.recorder {
            recorder.publish(Event { kind, reason: reason.into(), message, about: About::Pod });
        }
    }
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}
