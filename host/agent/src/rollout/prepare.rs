//! From files to a set that may run: every check on the way.

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

/// Good sets that are remembered.
const MAX_GOOD: usize = 20;
/// Failed sets that are remembered.
const MAX_FAILED: usize = 40;

/// Changes a configuration as the command line does.
pub type Adjust = Box<dyn Fn(&mut Config) + Send>;

/// Prepares sets, on a thread of its own.
pub struct Preparer {
    /// The configuration's file.
    pub file: Option<PathBuf>,
    /// What stands in place of what a file does not say.
    pub environment: Environment,
    /// The command line.
    pub adjust: Adjust,
    /// The name of this node.
    pub node_name: String,
    /// What the agent was started with.
    pub started_with: Config,
    /// Components, those that run among them.
    pub components: Library,
    /// Limits of the open sinks by name, in their order.
    pub sinks: Vec<(String, insights_sdk::Limits)>,
    /// What the agent began with, until it is written down.
    pub first: Option<Snapshot>,
    /// The sets that were offered last and are written down; the latest last.
    pub taken: Vec<SetId>,
    /// Sets that were through their trial on this node: they may come back whatever the bounds say.
    pub good: Vec<SetId>,
    /// What outlives a restart.
    pub kept: Option<Kept>,
    /// Sets that were taken back, and why where it was since the start.
    pub failed: Vec<(SetId, String)>,
    /// To the worker.
    pub exchange: Arc<Exchange>,
    /// For whoever asks.
    pub follow: Arc<Follow>,
    /// For operators.
    pub recorder: Option<Recorder>,
}

impl std::fmt::Debug for Preparer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Preparer").field("file", &self.file).finish_non_exhaustive()
    }
}

/// Why a set is not taken.
enum No {
    HeldBack(String),
    Waiting(String),
    Rejected(String),
    /// It ran and was taken back.
    Failed(String),
}

impl Preparer {
    /// Acts on what the worker told.
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
                        format!("set {id} failed, {instead} runs again: {why}"),
                    );
                }
            }
        }
    }

    /// Neither this agent nor the next one tries it again.
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
            tracing::warn!(%error, "a restart would try the failed set again");
        }
    }

    /// Its trial is over.
    fn keep(&mut self, id: SetId) {
        let runs = self.exchange.running().is_none_or(|running| running.id == id);
        if runs {
            tracing::info!(set = %id, "the set is good: its trial is over");
        } else {
            tracing::info!(set = %id, "a set was good that runs no longer: its trial was over before the next one began");
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
            tracing::warn!(%error, "the last good set is not kept: a restart begins with what is in the files");
        }
    }

    /// Writes down what the agent began with.
    pub fn begin(&mut self) {
        if let Some(first) = self.first.take() {
            self.write_down(&first);
        }
        self.components.forget_files();
    }

    /// Its trial begins: what is good in the end is kept, and until then nothing of it stays in memory.
    fn write_down(&mut self, snapshot: &Snapshot) {
        let Some(kept) = &self.kept else { return };
        // Those of which one may run when this one's trial is over, or comes back when it fails.
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
                tracing::warn!(%error, set = %snapshot.id, "the set will not be kept: a restart begins with what is in the files");
            }
        }
    }

    /// Whether there is anything to try a set with.
    pub fn has_batch(&self) -> bool {
        self.exchange.running().is_some()
    }

    /// Whether the set in the files was refused for a reason that may pass.
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

    /// Looks at what is in the files now.
    pub fn consider(&mut self, places: &mut Places) {
        let start = Instant::now();
        let Some(snapshot) = self.read_whole(places) else { return };
        let id = snapshot.id;
        let terms = &snapshot.config.rollout;
        let chosen = is_chosen(&self.node_name, terms.canary);
        self.follow.set_terms(terms.enabled, terms.canary, chosen);
        // Nobody wants any more what may be left for the next tick, unless it is this.
        self.exchange.withdraw_unless(Some(id).filter(|_| terms.enabled && chosen));
        if self.exchange.stands(id) {
            self.follow.say(Some(id), Outcome::Taken, "");
            return;
        }
        let prepared = self.prepare(&snapshot, chosen);
        // What was made of them is all that is needed from here on.
        self.components.forget_files();
        match prepared {
            Ok(set) => {
                let took_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
                tracing::info!(set = %id, took_ms, "a new set is ready: it runs from the next tick on");
                self.exchange.offer(set);
                // Before anything is heard of its trial.
                self.write_down(&snapshot);
                self.follow.count_taken();
                if self.follow.say(Some(id), Outcome::Taken, "") {
                    let message = format!("set {id} passed all checks and runs from the next tick on");
                    self.tell(EventKind::Normal, "SetTaken", message);
                }
            }
            Err(no) => self.refuse(Some(id), no),
        }
    }

    /// Reads all files; nothing where they changed meanwhile, or are wrong.
    fn read_whole(&self, places: &mut Places) -> Option<Snapshot> {
        // Again where the configuration names other components than those that are watched.
        for _ in 0..2 {
            let before = places.look();
            let snapshot = match self.read() {
                Ok(snapshot) => snapshot,
                Err(report) => {
                    self.refuse(None, No::Rejected(one_line(&report.to_string())));
                    return None;
                }
            };
            // Half of one and half of another: there will be another look.
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
            tracing::warn!(
                keys,
                "the configuration was changed in sections that take effect when the agent starts again"
            );
        }
        // Only what is taken over while the agent runs; the rest stays as it was started.
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

    /// As at the start, but nothing takes the place of what cannot be used.
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
        let recent =
            recent.map_err(|error| No::Rejected(format!("the last batches cannot be read: {error}")))?;
        let chains = self.exchange.chains();
        // What the running set has set aside hides all that could be compared.
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
        // Who goes back to what was good does so because of what runs.
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
                // What is known of it already says more.
                let latest = self.follow.latest();
                if latest.is_some_and(|latest| latest.id == id && latest.outcome == Outcome::TakenBack) {
                    return;
                }
                let why = if why.is_empty() { why } else { format!(": {why}") };
                (Outcome::Rejected, format!("it ran on this node and was taken back{why}"))
            }
        };
        if !self.follow.say(id, outcome, &why) {
            return;
        }
        let set = id.map(|id| id.to_string());
        if outcome == Outcome::Rejected {
            tracing::error!(set, why, "the new set is rejected: what runs goes on");
            let set = set.as_deref().unwrap_or("in the files");
            self.tell(EventKind::Warning, "SetRejected", format!("set {set}: {why}"));
        } else {
            if outcome == Outcome::Waiting {
                self.tell(EventKind::Warning, "SetWaiting", why.clone());
            }
            tracing::info!(
                set,
                why,
                outcome = outcome.as_str(),
                "the new set is not taken yet: what runs goes on"
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
