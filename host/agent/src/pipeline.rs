//! A chain of components over one scope, and its outputs.

use std::time::Instant;

use insightd_sandbox::{Processed, Slot};
use insights_sdk::Columns;

use crate::complaint::Complaint;
use crate::config::Scope;
use crate::counters::{Counters, Flow, Lost};
use crate::gate::{self, Quota};
use crate::routes::Grants;
use crate::sinks::SinkSet;

/// Whether events may still go out.
pub type Permit<'a> = &'a dyn Fn() -> bool;

/// A pipeline that is ready to run.
#[derive(Debug)]
pub struct Pipeline {
    /// Name for logs.
    pub name: String,
    /// What its batches are about.
    pub scope: Scope,
    /// Run one after the other.
    pub stages: Vec<Stage>,
    /// Each gets the result of the chain.
    pub outputs: Vec<Output>,
}

/// A stage that is ready to run.
#[derive(Debug)]
pub struct Stage {
    slot: Slot,
    complaint: Complaint,
}

/// An output that is ready to run.
#[derive(Debug)]
pub struct Output {
    formatter: Slot,
    sink: usize,
    grants: Grants,
    quota: Quota,
    complaint: Complaint,
    unformatted: Complaint,
    flow: Flow,
}

/// A place in a pipeline.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// That of a stage, counted from 1.
    Stage(usize, &'a Stage),
    /// That of an output, counted from 1.
    Output(usize, &'a Output),
}

impl<'a> Place<'a> {
    /// What runs there.
    pub fn slot(&self) -> &'a Slot {
        match self {
            Self::Stage(_, stage) => &stage.slot,
            Self::Output(_, output) => &output.formatter,
        }
    }
}

impl Stage {
    /// Runs what is in the slot.
    pub fn new(slot: Slot) -> Self {
        Self { slot, complaint: Complaint::default() }
    }

    /// The batch for the next stage; `None` when it ends here. The slot says why a component failed, this
    /// says that it goes on: a component that counts as bad is not tried again, and would be silent for ever.
    fn run(&mut self, pipeline: &str, batch: Columns) -> Option<Columns> {
        let (batch, outcome) = match self.slot.process(batch) {
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
    /// Formats with `formatter` for the sink at place `sink`.
    pub fn new(formatter: Slot, sink: usize, grants: Grants, quota: Quota) -> Self {
        let complaint = Complaint::default();
        let (unformatted, flow) = (Complaint::default(), Flow::default());
        Self { formatter, sink, grants, quota, complaint, unformatted, flow }
    }

    /// The place of its sink.
    pub fn sink(&self) -> usize {
        self.sink
    }

    /// What was handed to the sink, and what was kept back.
    pub fn flow(&self) -> Flow {
        self.flow
    }

    fn deliver(
        &mut self,
        pipeline: &str,
        batch: &Columns,
        permit: Permit<'_>,
        sinks: &mut SinkSet,
        counters: &mut Counters,
    ) {
        let Some(payloads) = self.formatter.format(batch, &sinks.limits(self.sink)) else {
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
            tracing::warn!(
                pipeline,
                events = lost.lead_lost,
                "events kept back: another agent may lead by now"
            );
            return;
        }
        self.flow.events += events.len() as u64;
        self.flow.bytes += events.iter().map(|event| event.bytes.len() as u64).sum::<u64>();
        sinks.accept(self.sink, &payloads.content_type, &mut events.into_iter(), counters);
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
                "events kept back: the output's routes and bounds say what may go out"
            );
        }
    }
}

/// Runs the pipelines of one scope, as [`Pipeline::run`] does; the last of them gets the batch itself.
pub fn run_scope(
    pipelines: &mut [Pipeline],
    scope: Scope,
    batch: Columns,
    permit: Permit<'_>,
    sinks: &mut SinkSet,
    counters: &mut Counters,
) {
    let mut batch = Some(batch);
    let mut left = pipelines.iter().filter(|pipeline| pipeline.scope == scope).count();
    for pipeline in pipelines.iter_mut().filter(|pipeline| pipeline.scope == scope) {
        left -= 1;
        let Some(batch) = (if left == 0 { batch.take() } else { batch.clone() }) else { return };
        pipeline.run(batch, permit, sinks, counters);
    }
}

impl Pipeline {
    /// Runs a batch through the chain and hands the result to the outputs, unless `permit`, which is asked
    /// directly before each, says no.
    pub fn run(
        &mut self,
        mut batch: Columns,
        permit: Permit<'_>,
        sinks: &mut SinkSet,
        counters: &mut Counters,
    ) {
        for stage in &mut self.stages {
            let Some(next) = stage.run(&self.name, batch) else {
                counters.batches_dropped += 1;
                return;
            };
            batch = next;
        }
        for output in &mut self.outputs {
            output.deliver(&self.name, &batch, permit, sinks, counters);
        }
    }

    /// Its places, in the order in which they run.
    pub fn places(&self) -> impl Iterator<Item = Place<'_>> {
        let stages = (1..).zip(&self.stages).map(|(number, stage)| Place::Stage(number, stage));
        stages.chain((1..).zip(&self.outputs).map(|(number, output)| Place::Output(number, output)))
    }

    /// Failed calls of its components since the start.
    pub fn failures(&self) -> u64 {
        self.places().flat_map(|place| place.slot().stats().failures).sum()
    }
}
