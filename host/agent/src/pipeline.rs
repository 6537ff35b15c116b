//! A chain of components over one scope, and its outputs.

use std::time::Instant;

use insightd_sandbox::{Processed, Slot};
use insights_sdk::Columns;

use crate::complaint::Complaint;
use crate::counters::Counters;
use crate::gate::{self, Quota};
use crate::routes::Grants;
use crate::sinks::SinkSet;

/// A pipeline that is ready to run.
#[derive(Debug)]
pub struct Pipeline {
    /// Name for logs.
    pub name: String,
    /// Run one after the other.
    pub stages: Vec<Slot>,
    /// Each gets the result of the chain.
    pub outputs: Vec<Output>,
}

/// An output that is ready to run.
#[derive(Debug)]
pub struct Output {
    formatter: Slot,
    sink: usize,
    grants: Grants,
    quota: Quota,
    complaint: Complaint,
}

impl Output {
    /// Formats with `formatter` for the sink at place `sink`.
    pub fn new(formatter: Slot, sink: usize, grants: Grants, quota: Quota) -> Self {
        Self { formatter, sink, grants, quota, complaint: Complaint::default() }
    }

    fn deliver(&mut self, pipeline: &str, batch: &Columns, sinks: &mut SinkSet, counters: &mut Counters) {
        let Some(payloads) = self.formatter.format(batch, &sinks.limits(self.sink)) else {
            counters.batches_unformatted += 1;
            return;
        };
        let (events, kept_back) = gate::admit(&payloads, &self.grants, self.quota);
        sinks.accept(self.sink, &payloads.content_type, &mut events.into_iter(), counters);
        if !kept_back.any() {
            return;
        }
        counters.lost.add(kept_back.lost);
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
                "events kept back: `routes`, `max_routes_per_tick` and `max_bytes_per_tick` of the output say what may go out"
            );
        }
    }
}

impl Pipeline {
    /// Runs a batch through the chain and hands the result to the outputs.
    pub fn run(&mut self, mut batch: Columns, sinks: &mut SinkSet, counters: &mut Counters) {
        for stage in &mut self.stages {
            batch = match stage.process(batch) {
                Processed::Done(batch) | Processed::Skipped(batch) => batch,
                Processed::Dropped => {
                    counters.batches_dropped += 1;
                    return;
                }
            };
        }
        for output in &mut self.outputs {
            output.deliver(&self.name, &batch, sinks, counters);
        }
    }

    /// Failed calls of its components since the start.
    pub fn failures(&self) -> u64 {
        let slots = self.stages.iter().chain(self.outputs.iter().map(|output| &output.formatter));
        slots.flat_map(|slot| slot.stats().failures).sum()
    }
}
