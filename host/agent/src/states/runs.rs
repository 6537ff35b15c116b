//! Changes of state by pipelines during a tick, and whether they count.
//!
//! The state of a stage must fit what was published: it counts where an output of its pipeline was taken. Another pipeline
//! has no part in it: one that is broken would freeze what all others remember, and with it their figures.

use insightd_state::SpaceId;
use insights_sdk::state::Changes;

/// A space, and what a call changed in it.
pub(super) type Change = (SpaceId, Changes);

/// One batch in one pipeline.
#[derive(Debug)]
struct Run {
    pipeline: String,
    stages: Vec<Change>,
    /// Outputs whose events were handed over: the place of the sink, and what the formatter changed.
    outputs: Vec<(usize, Option<Change>)>,
}

/// The runs of a tick.
#[derive(Debug, Default)]
pub(super) struct Runs(Vec<Run>);

/// The changes of a tick that count.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// By pipeline.
    pub(super) counts: Vec<(String, Vec<Change>)>,
    /// Pipelines of which no output was taken, where something is dropped for it.
    pub(super) dropped: Vec<String>,
}

impl Runs {
    pub(super) fn begin(&mut self, pipeline: &str) {
        self.0.push(Run { pipeline: pipeline.to_owned(), stages: Vec::new(), outputs: Vec::new() });
    }

    /// Notes what a stage of the pipeline that began last changed.
    pub(super) fn changed(&mut self, change: Change) {
        if let Some(run) = self.0.last_mut() {
            run.stages.push(change);
        }
    }

    /// Notes that an output of the pipeline that began last handed its events to the sink at this place.
    pub(super) fn delivered(&mut self, sink: usize, change: Option<Change>) {
        if let Some(run) = self.0.last_mut() {
            run.outputs.push((sink, change));
        }
    }

    /// Returns all changes of a space so far.
    pub(super) fn of<'a>(&'a self, id: &'a SpaceId) -> impl Iterator<Item = &'a Changes> {
        let of_run =
            |run: &'a Run| run.stages.iter().chain(run.outputs.iter().filter_map(|(_, c)| c.as_ref()));
        self.0.iter().flat_map(of_run).filter(move |(other, _)| other == id).map(|(_, changes)| changes)
    }

    /// Ends the tick. `took` says whether the sink at a place took what it was given.
    pub(super) fn end(&mut self, took: impl Fn(usize) -> bool) -> Outcome {
        let mut outcome = Outcome::default();
        for run in std::mem::take(&mut self.0) {
            let changed = !run.stages.is_empty() || run.outputs.iter().any(|(_, change)| change.is_some());
            if !changed {
                continue;
            }
            let mut changes = run.stages;
            let mut taken = run.outputs.into_iter().filter(|(sink, _)| took(*sink)).peekable();
            if taken.peek().is_none() {
                outcome.dropped.push(run.pipeline);
                continue;
            }
            changes.extend(taken.filter_map(|(_, change)| change));
            outcome.counts.push((run.pipeline, changes));
        }
        outcome
    }
}
