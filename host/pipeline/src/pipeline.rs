//! A pipeline: a chain of transforms over the batches of one scope, and its outputs.

use std::time::Instant;

use insightd_sandbox::{Budget, Processed, Slot, Stop};
use insights_sdk::Columns;

use crate::complaint::Complaint;
use crate::config::Scope;
use crate::counters::{Counters, Flow, Lost};
use crate::gate::{self, Quota};
use crate::rollout::shadow::{self, Chain};
use crate::routes::Grants;
use crate::sinks::SinkSet;
use crate::states::{Grant, States};

/// Returns true while events may be delivered; called before each delivery, because leadership may be lost during a tick.
pub type Permit<'a> = &'a dyn Fn() -> bool;

/// A pipeline that is ready to run.
#[derive(Debug)]
pub struct Pipeline {
    /// Name in logs and metrics.
    pub name: String,
    /// Scope of its batches.
    pub scope: Scope,
    /// Transforms, in the order in which they run.
    pub stages: Vec<Stage>,
    /// Outputs; each gets the result of the last stage.
    pub outputs: Vec<Output>,
}

/// A transform stage that is ready to run.
#[derive(Debug)]
pub struct Stage {
    slot: Slot,
    grant: Option<Grant>,
    complaint: Complaint,
}

/// An output that is ready to run: a formatter, its sink, and the limits of what it may deliver.
#[derive(Debug)]
pub struct Output {
    formatter: Slot,
    grant: Option<Grant>,
    sink: usize,
    grants: Grants,
    quota: Quota,
    complaint: Complaint,
    unformatted: Complaint,
    flow: Flow,
}

/// The sinks, counters and state store that pipelines write to during a tick.
#[derive(Debug)]
pub struct Delivery<'a> {
    /// Sinks that take the events.
    pub sinks: &'a mut SinkSet,
    /// Counters over all pipelines.
    pub counters: &'a mut Counters,
    /// State of transforms and formatters.
    pub states: &'a mut States,
    /// Ends calls early when the agent shuts down.
    pub stop: &'a Stop,
}

/// A slot of a pipeline, with its number among the stages or the outputs.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// A stage and its number, from 1.
    Stage(usize, &'a Stage),
    /// An output and its number, from 1.
    Output(usize, &'a Output),
}

impl<'a> Place<'a> {
    /// Returns the slot of the stage or of the output's formatter.
    pub fn slot(&self) -> &'a Slot {
        match self {
            Self::Stage(_, stage) => &stage.slot,
            Self::Output(_, output) => &output.formatter,
        }
    }
}

impl Stage {
    /// Creates a stage that runs the component in `slot`; `grant` allows it to keep state.
    pub fn new(slot: Slot, grant: Option<Grant>) -> Self {
        Self { slot, grant, complaint: Complaint::default() }
    }

    /// Returns the batch for the next stage, or `None` if the batch ends here. Repeats the last error of the slot at the rate of the log
    /// throttle: a component that is given up is called again only after a backoff, and the slot itself logs nothing meanwhile.
    fn run(
        &mut self,
        pipeline: &str,
        batch: Columns,
        states: &mut States,
        budget: &Budget,
    ) -> Option<Columns> {
        let state = self.grant.as_ref().map(|grant| states.of(grant, &batch));
        let scope = self.grant.as_ref().map(|_| (batch.scope.clone(), batch.scope_id.clone()));
        let (processed, changes) = self.slot.process_within(batch, state.as_ref(), budget);
        if let (Some(grant), Some((kind, id))) = (&self.grant, &scope) {
            states.changed(grant, (kind, id), changes);
        }
        let (batch, outcome) = match processed {
            Processed::Done(batch) => return Some(batch),
            Processed::Skipped(batch) => (Some(batch), "skipped"),
            Processed::Dropped => (None, "batch dropped"),
        };
        if let Some(kept_back) = self.complaint.say(Instant::now()) {
            let stage = self.slot.name();
            let last_error = self.slot.stats().last_error.as_deref();
            tracing::error!(
                pipeline,
                stage,
                outcome,
                last_error,
                kept_back,
                "no version of this stage works"
            );
        }
        batch
    }
}

impl Output {
    /// Creates an output that formats with `formatter` for the sink with index `sink`; `grant` allows the formatter to keep state.
    pub fn new(formatter: Slot, grant: Option<Grant>, sink: usize, grants: Grants, quota: Quota) -> Self {
        let complaint = Complaint::default();
        let (unformatted, flow) = (Complaint::default(), Flow::default());
        Self { formatter, grant, sink, grants, quota, complaint, unformatted, flow }
    }

    /// Returns the index of its sink.
    pub fn sink(&self) -> usize {
        self.sink
    }

    /// Returns the counts of events handed to the sink, events lost before it, and formatting errors.
    pub fn flow(&self) -> Flow {
        self.flow
    }

    fn deliver(
        &mut self,
        pipeline: &str,
        batch: &Columns,
        permit: Permit<'_>,
        to: &mut Delivery<'_>,
        budget: &Budget,
    ) {
        let Delivery { sinks, counters, states, .. } = to;
        let state = self.grant.as_ref().map(|grant| states.of(grant, batch));
        let formatted = self.formatter.format_within(batch, &sinks.limits(self.sink), state.as_ref(), budget);
        let Some((payloads, changes)) = formatted else {
            counters.batches_unformatted += 1;
            self.flow.errors += 1;
            if let Some(kept_back) = self.unformatted.say(Instant::now()) {
                let formatter = self.formatter.name();
                let last_error = self.formatter.stats().last_error.as_deref();
                tracing::error!(
                    pipeline,
                    formatter,
                    last_error,
                    kept_back,
                    "nothing delivered: no version of this formatter works"
                );
            }
            return;
        };
        let (events, kept_back) = gate::admit(&payloads, &self.grants, self.quota);
        if !permit() {
            let lost = Lost { lead_lost: events.len() as u64, ..Lost::default() };
            counters.lost.add(lost);
            self.flow.lost.add(lost);
            tracing::warn!(pipeline, events = lost.lead_lost, "leadership lost: events not delivered");
            return;
        }
        self.flow.events += events.len() as u64;
        self.flow.bytes += events.iter().map(|event| event.bytes.len() as u64).sum::<u64>();
        let given = events.len() as u64;
        let refused = sinks.accept(self.sink, &payloads.content_type, &mut events.into_iter(), counters);
        if refused == 0 || refused < given {
            let scope = (&*batch.scope, &*batch.scope_id);
            states.delivered(self.sink, self.grant.as_ref(), scope, changes);
        }
        if !kept_back.any() {
            return;
        }
        counters.lost.add(kept_back.lost);
        self.flow.lost.add(kept_back.lost);
        if let Some(times_kept_back) = self.complaint.say(Instant::now()) {
            let lost = kept_back.lost;
            tracing::warn!(
                pipeline,
                formatter = self.formatter.name(),
                refused = kept_back.refusal.map(|refusal| refusal.to_string()),
                route_refused = lost.route_refused,
                too_many_routes = lost.too_many_routes,
                too_many_bytes = lost.too_many_bytes,
                kept_back = times_kept_back,
                "events dropped by the output filter"
            );
        }
    }
}

/// Runs the pipelines of one scope over a batch, see [`Pipeline::run`]. The last of them takes the batch without a copy.
pub fn run_scope(
    pipelines: &mut [Pipeline],
    scope: Scope,
    batch: Columns,
    permit: Permit<'_>,
    to: &mut Delivery<'_>,
) {
    let mut batch = Some(batch);
    let mut left = pipelines.iter().filter(|pipeline| pipeline.scope == scope).count();
    for pipeline in pipelines.iter_mut().filter(|pipeline| pipeline.scope == scope) {
        left -= 1;
        let Some(batch) = (if left == 0 { batch.take() } else { batch.clone() }) else { return };
        pipeline.run(batch, permit, to);
    }
}

impl Pipeline {
    /// Marks every stage and output as running since this tick unless already set.
    pub fn begin(&mut self, time_unix_ms: u64) {
        let slots = self.stages.iter_mut().map(|stage| &mut stage.slot);
        let slots = slots.chain(self.outputs.iter_mut().map(|output| &mut output.formatter));
        slots.filter(|slot| slot.since_unix_ms() == 0).for_each(|slot| slot.set_since(time_unix_ms));
    }

    /// Replaces the pipeline of the same name in `before`: in each slot, the version that worked there becomes the fallback if the new
    /// version fails, and counters go on.
    pub fn succeed(&mut self, before: &[Self]) {
        self.each_with(before, Slot::succeed);
    }

    /// Restores this pipeline after a rollback, keeping the counters of its replacement in `others`.
    pub fn come_back(&mut self, others: &[Self]) {
        self.each_with(others, Slot::go_on_counting);
    }

    /// Calls `act` for each slot and the slot of the same component in the pipeline of the same name. Outputs must have the same sink too.
    fn each_with(&mut self, others: &[Self], act: impl Fn(&mut Slot, &Slot)) {
        let Some(other) = others.iter().find(|other| other.name == self.name) else { return };
        let mut left: Vec<&Slot> = other.stages.iter().map(|stage| &stage.slot).collect();
        for stage in &mut self.stages {
            if let Some(place) = left.iter().position(|slot| is_same_place(slot, &stage.slot)) {
                act(&mut stage.slot, left.remove(place));
            }
        }
        let mut left: Vec<&Output> = other.outputs.iter().collect();
        for output in &mut self.outputs {
            let is_same = |other: &&Output| {
                other.sink == output.sink && is_same_place(&other.formatter, &output.formatter)
            };
            if let Some(place) = left.iter().position(is_same) {
                let other = left.remove(place);
                act(&mut output.formatter, &other.formatter);
                output.flow = other.flow;
            }
        }
    }

    /// Returns the components that are in effect now, for a shadow run.
    pub fn chain(&self, limits: &dyn Fn(usize) -> insights_sdk::Limits) -> Chain {
        let component =
            |slot: &Slot| slot.effective().map(|(component, config)| (component.clone(), config.to_owned()));
        let stage = |stage: &Stage| shadow::Stage {
            place: stage.slot.name().to_owned(),
            component: component(&stage.slot),
            grant: stage.grant.clone(),
            on_failure: stage.slot.config().on_failure,
        };
        let output = |output: &Output| shadow::Output {
            place: output.formatter.name().to_owned(),
            component: component(&output.formatter),
            grant: output.grant.clone(),
            limits: limits(output.sink),
            grants: output.grants.clone(),
            quota: output.quota,
        };
        Chain {
            name: self.name.clone(),
            scope: self.scope,
            stages: self.stages.iter().map(stage).collect(),
            outputs: self.outputs.iter().map(output).collect(),
            aside: self.places().flat_map(|place| place.slot().aside()).map(str::to_owned).collect(),
        }
    }

    /// Returns the first slot whose current version is given up.
    pub fn failed_place(&self) -> Option<&Slot> {
        self.places().map(|place| place.slot()).find(|slot| slot.has_failed())
    }

    /// Runs a batch through the stages and hands the result to the outputs. `permit` is called directly before each delivery; if it
    /// returns false, the events of that output are counted as lost.
    pub fn run(&mut self, mut batch: Columns, permit: Permit<'_>, to: &mut Delivery<'_>) {
        to.states.begin(&self.name);
        // One time budget for all slots: the output of a stage determines how long the later ones take.
        let Some(budget) = self.places().next().map(|place| place.slot().budget(to.stop)) else { return };
        for stage in &mut self.stages {
            let Some(next) = stage.run(&self.name, batch, to.states, &budget) else {
                to.counters.batches_dropped += 1;
                return;
            };
            batch = next;
        }
        for output in &mut self.outputs {
            output.deliver(&self.name, &batch, permit, to, &budget);
        }
    }

    /// Returns its slots in the order in which they run: stages, then outputs.
    pub fn places(&self) -> impl Iterator<Item = Place<'_>> {
        let stages = (1..).zip(&self.stages).map(|(number, stage)| Place::Stage(number, stage));
        stages.chain((1..).zip(&self.outputs).map(|(number, output)| Place::Output(number, output)))
    }

    /// Returns the number of failed component calls since the start.
    pub fn failures(&self) -> u64 {
        self.places().flat_map(|place| place.slot().stats().failures).sum()
    }
}

/// Returns true if both slots have the same component, of any origin. Slots are named `PIPELINE/ORIGIN:COMPONENT`.
fn is_same_place(a: &Slot, b: &Slot) -> bool {
    let name = |slot: &Slot| slot.name().rsplit(':').next().unwrap_or_default().to_owned();
    name(a) == name(b)
}
