//! Records the state changes of pipelines during a tick, and decides which are committed.
//!
//! The state of a stage must match the published events, so it is committed if an output of its pipeline was accepted.
//! Other pipelines do not matter: otherwise one broken pipeline would freeze the state of all others, and with it their metrics.

use insightd_state::SpaceId;
use insights_batch::state::Changes;

/// A space, and the changes that a call made to it.
pub(super) type Change = (SpaceId, Changes);

/// The run of one pipeline on one batch.
#[derive(Debug)]
struct Run {
    pipeline: String,
    stages: Vec<Change>,
    /// Outputs whose events were handed over: the index of the sink, and the change by the formatter.
    outputs: Vec<(usize, Option<Change>)>,
}

/// The runs of a tick.
#[derive(Debug, Default)]
pub(super) struct Runs(Vec<Run>);

/// The outcome of a tick.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Changes to commit, with the name of their pipeline.
    pub(super) to_commit: Vec<(String, Vec<Change>)>,
    /// Pipelines without an accepted output whose changes are dropped.
    pub(super) dropped: Vec<String>,
}

impl Runs {
    pub(super) fn begin(&mut self, pipeline: &str) {
        self.0.push(Run { pipeline: pipeline.to_owned(), stages: Vec::new(), outputs: Vec::new() });
    }

    /// Records a change by a stage of the current run.
    pub(super) fn changed(&mut self, change: Change) {
        if let Some(run) = self.0.last_mut() {
            run.stages.push(change);
        }
    }

    /// Records that an output of the current run handed its events to the sink at this index.
    pub(super) fn delivered(&mut self, sink: usize, change: Option<Change>) {
        if let Some(run) = self.0.last_mut() {
            run.outputs.push((sink, change));
        }
    }

    /// Returns all changes of a space so far.
    pub(super) fn changes<'a>(&'a self, id: &'a SpaceId) -> impl Iterator<Item = &'a Changes> {
        let of_run =
            |run: &'a Run| run.stages.iter().chain(run.outputs.iter().filter_map(|(_, c)| c.as_ref()));
        self.0.iter().flat_map(of_run).filter(move |(other, _)| other == id).map(|(_, changes)| changes)
    }

    /// Ends the tick. `accepted` returns true if the sink at an index accepted its events.
    pub(super) fn end(&mut self, accepted: impl Fn(usize) -> bool) -> Outcome {
        let mut outcome = Outcome::default();
        for run in std::mem::take(&mut self.0) {
            let changed = !run.stages.is_empty() || run.outputs.iter().any(|(_, change)| change.is_some());
            if !changed {
                continue;
            }
            let mut changes = run.stages;
            let mut taken = run.outputs.into_iter().filter(|(sink, _)| accepted(*sink)).peekable();
            if taken.peek().is_none() {
                outcome.dropped.push(run.pipeline);
                continue;
            }
            changes.extend(taken.filter_map(|(_, change)| change));
            outcome.to_commit.push((run.pipeline, changes));
        }
        outcome
    }
}
