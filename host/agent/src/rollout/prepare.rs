//! From files to a set that may run: every check on the way.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use insightd_kubernetes::events::{About, Event, EventKind, Recorder};
use insights_sdk::Columns;

use super::canary::is_chosen;
use super::exchange::{Exchange, News};
use super::follow::{Follow, Outcome};
use super::kept::Kept;
use super::set::{Set, SetId, SetOrigin, Snapshot};
use super::shadow;
use crate::assemble;
use crate::config::{Config, Environment, Problem, Report, Scope};
use crate::library::Library;
use crate::pipeline::Pipeline;

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
    pub library: Library,
    /// Limits of the open sinks by name, in their order.
    pub sinks: Vec<(String, insights_sdk::Limits)>,
    /// The set that was offered last, as it was read.
    pub taken: Snapshot,
    /// What outlives a restart.
    pub kept: Option<Kept>,
    /// Sets that were taken back since the start.
    pub failed: Vec<SetId>,
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
}

impl Preparer {
    /// Acts on what the worker told.
    pub fn hear(&mut self) {
        for news in self.exchange.news() {
            match news {
                News::Proven(id) => self.keep(id),
                News::TakenBack { id, instead, why } => {
                    self.failed.push(id);
                    if let Some(kept) = &self.kept
                        && let Err(error) = kept.remember_failed(id)
                    {
                        tracing::warn!(%error, "a restart would try the failed set again");
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

    /// Its trial is over.
    fn keep(&mut self, id: SetId) {
        tracing::info!(set = %id, "the set is good: its trial is over");
        if self.taken.id != id {
            return;
        }
        if let Some(kept) = &self.kept
            && let Err(error) = kept.write(&self.taken)
        {
            tracing::warn!(%error, "the last good set is not kept: a restart begins with what is in the files");
        }
        // From here on nobody asks for its bytes.
        self.taken.files.clear();
        self.library.forget_files();
    }

    /// Looks at what is in the files now.
    pub fn consider(&mut self) {
        let start = Instant::now();
        let snapshot = match self.read() {
            Ok(snapshot) => snapshot,
            Err(report) => return self.refuse(None, No::Rejected(one_line(&report.to_string()))),
        };
        let id = snapshot.id;
        let terms = &snapshot.config.rollout;
        let chosen = is_chosen(&self.node_name, terms.canary);
        self.follow.set_terms(terms.enabled, terms.canary, chosen);
        if self.exchange.running().is_some_and(|running| running.id == id) {
            // Nobody wants any more what may be left for the next tick.
            self.exchange.take();
            self.taken = snapshot;
            self.follow.say(Some(id), Outcome::Taken, "");
            return;
        }
        if self.taken.id == id && !self.failed.contains(&id) {
            return;
        }
        match self.prepare(&snapshot, chosen) {
            Ok(set) => {
                let took_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
                tracing::info!(set = %id, took_ms, "a new set is ready: it runs from the next tick on");
                self.exchange.offer(set);
                self.taken = snapshot;
                if self.follow.say(Some(id), Outcome::Taken, "") {
                    let message = format!("set {id} passed all checks and runs from the next tick on");
                    self.tell(EventKind::Normal, "SetTaken", message);
                }
            }
            Err(no) => self.refuse(Some(id), no),
        }
    }

    fn read(&self) -> Result<Snapshot, Report> {
        let (text, mut config) = match &self.file {
            Some(file) => Config::read(file, &self.environment)?,
            None => (String::new(), Config::parse("", None, &self.environment)?),
        };
        (self.adjust)(&mut config);
        let needs_restart = needs_restart(&self.started_with, &config);
        if !self.follow.set_needs_restart(needs_restart) && needs_restart {
            tracing::warn!(
                "the configuration was changed in sections that take effect when the agent starts again"
            );
        }
        Ok(Snapshot::of(text, config, None))
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
        let failed_before = self.kept.as_ref().is_some_and(|kept| kept.has_failed(snapshot.id));
        if failed_before || self.failed.contains(&snapshot.id) {
            return Err(No::Rejected("it ran on this node and was taken back".into()));
        }
        let pipelines = self.assemble(snapshot)?;
        self.try_in_shadow(&pipelines, snapshot)?;
        let (id, origin, trial_ticks) = (snapshot.id, SetOrigin::Files, terms.trial_ticks);
        Ok(Set { pipelines, id, origin, trial_ticks })
    }

    /// As at the start, but nothing takes the place of what cannot be used.
    fn assemble(&mut self, snapshot: &Snapshot) -> Result<Vec<Pipeline>, No> {
        assemble::renew(&mut self.library, snapshot)
            .map_err(|error| No::Rejected(one_line(&format!("{error:#}"))))?;
        let problems = assemble::problems(&snapshot.config, &mut self.library);
        if !problems.is_empty() {
            let why = self.describe(problems.clone());
            return Err(if problems.iter().all(is_awaited) { No::Waiting(why) } else { No::Rejected(why) });
        }
        let sinks: Vec<String> = self.sinks.iter().map(|(name, _)| name.clone()).collect();
        assemble::pipelines(&snapshot.config, &mut self.library, &sinks)
            .map_err(|problems| No::Rejected(self.describe(problems)))
    }

    fn describe(&self, problems: Vec<Problem>) -> String {
        let file = self.file.as_ref().map(|file| file.display().to_string());
        one_line(&Report::new(file, problems).to_string())
    }

    fn try_in_shadow(&self, pipelines: &[Pipeline], snapshot: &Snapshot) -> Result<(), No> {
        let recent = self.exchange.recent();
        let batches: Vec<(Scope, &Columns)> =
            recent.iter().map(|(scope, batch)| (*scope, &**batch)).collect();
        let limits = |sink: usize| self.sinks.get(sink).map(|(_, limits)| *limits).unwrap_or_default();
        let new: Vec<_> = pipelines.iter().map(|pipeline| pipeline.chain(&limits)).collect();
        let states = self.exchange.states();
        let new = shadow::run(&new, &batches, &states);
        let running = shadow::run(&self.exchange.chains(), &batches, &states);
        new.check(&running, &snapshot.config.rollout.bounds).map_err(|apart| No::Rejected(apart.to_string()))
    }

    fn refuse(&self, id: Option<SetId>, no: No) {
        let (outcome, why) = match no {
            No::HeldBack(why) => (Outcome::HeldBack, why),
            No::Waiting(why) => (Outcome::Waiting, why),
            No::Rejected(why) => (Outcome::Rejected, why),
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

/// A file that is missing, or is not the one that is pinned, may be on its way: a configuration and a folder of components
/// are two mounts.
fn is_awaited(problem: &Problem) -> bool {
    problem.path.ends_with(".sha256") || problem.message.contains("No such file")
}

/// Whether anything differs that is not taken over while the agent runs.
fn needs_restart(started_with: &Config, now: &Config) -> bool {
    let mut now = now.clone();
    now.pipelines.clone_from(&started_with.pipelines);
    now.rollout.clone_from(&started_with.rollout);
    now != *started_with
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}
