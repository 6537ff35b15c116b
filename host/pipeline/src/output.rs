//! An output of a pipeline: a formatter, the output filter and a sink.

use std::time::Instant;

use insightd_sandbox::{Budget, Slot, Stop};
use insights_batch::{Columns, Event, Limits};

use crate::counters::{Counters, Flow, Lost};
use crate::estimate::{Estimate, Meter};
use crate::filter::{Quota, Rejected, filter};
use crate::log_throttle::LogThrottle;
use crate::observe::{Location, Observer, Position};
use crate::route::Grants;
use crate::states::{Grant, States};

/// Returns true while events may be delivered; called before each delivery, because leadership may be lost during a tick.
pub type Permit<'a> = &'a dyn Fn() -> bool;

/// An output that is ready to run: a formatter, its sink, and the limits of what it may deliver.
#[derive(Debug)]
pub struct Output {
    pub(crate) formatter: Slot,
    pub(crate) grant: Option<Grant>,
    pub(crate) sink: usize,
    pub(crate) grants: Grants,
    pub(crate) quota: Quota,
    rejected: LogThrottle,
    unformatted: LogThrottle,
    pub(crate) flow: Flow,
    pub(crate) meter: Meter,
}

/// The sinks that outputs deliver to, by index.
pub trait Sinks: std::fmt::Debug {
    /// Returns the limits of a sink.
    fn limits(&self, sink: usize) -> Limits;

    /// Hands events to a sink. Returns the number of events that it refuses at once.
    fn accept(&mut self, sink: usize, content_type: &str, events: &mut dyn Iterator<Item = Event<'_>>)
    -> u64;
}

/// The sinks, counters and state store that pipelines write to during a tick.
#[derive(Debug)]
pub struct Delivery<'a> {
    /// Sinks that take the events.
    pub sinks: &'a mut dyn Sinks,
    /// Counters over all pipelines.
    pub counters: &'a mut Counters,
    /// State of transforms and formatters.
    pub states: &'a mut States,
    /// Ends calls early when the agent shuts down.
    pub stop: &'a Stop,
    /// Sees what passes through the pipelines.
    pub observer: Option<&'a dyn Observer>,
}

impl Output {
    /// Creates an output that formats with `formatter` for the sink with index `sink`; `grant` allows the formatter to keep state.
    pub(crate) fn new(
        formatter: Slot,
        grant: Option<Grant>,
        sink: usize,
        grants: Grants,
        quota: Quota,
    ) -> Self {
        let (rejected, unformatted) = (LogThrottle::default(), LogThrottle::default());
        let (flow, meter) = (Flow::default(), Meter::default());
        Self { formatter, grant, sink, grants, quota, rejected, unformatted, flow, meter }
    }

    /// Returns the index of its sink.
    pub fn sink(&self) -> usize {
        self.sink
    }

    /// Returns the counts of events handed to the sink, events lost before it, and formatting errors.
    pub fn flow(&self) -> Flow {
        self.flow
    }

    /// Returns the estimate of what it sends a day, with ticks at this interval; `None` before its first tick has ended.
    pub fn estimate(&self, interval_ms: u64) -> Option<Estimate> {
        self.meter.estimate(interval_ms)
    }

    pub(crate) fn deliver(
        &mut self,
        position: Position<'_>,
        batch: &Columns,
        permit: Permit<'_>,
        to: &mut Delivery<'_>,
        budget: &Budget,
    ) {
        let Delivery { sinks, counters, states, observer, .. } = to;
        let pipeline = position.pipeline;
        if let Some(observer) = observer {
            observer.batch(&Location::before(position, &self.formatter, true), batch);
        }
        let state = self.grant.as_ref().map(|grant| states.get(grant, batch));
        let formatted = self.formatter.format_within(batch, &sinks.limits(self.sink), state.as_ref(), budget);
        let Some((payloads, changes)) = formatted else {
            counters.batches_unformatted += 1;
            self.flow.errors += 1;
            if let Some(suppressed) = self.unformatted.record(Instant::now()) {
                let formatter = self.formatter.name();
                let last_error = self.formatter.stats().last_error.as_deref();
                tracing::error!(
                    pipeline,
                    formatter,
                    last_error,
                    suppressed,
                    "nothing delivered: no version of this formatter works"
                );
            }
            return;
        };
        let (events, rejected) = filter(&payloads, &self.grants, self.quota);
        if rejected.any() {
            self.count_rejected(pipeline, &rejected, counters);
        }
        if !permit() {
            let lost = Lost { lead_lost: events.len() as u64, ..Lost::default() };
            counters.lost.add(lost);
            self.flow.lost.add(lost);
            tracing::warn!(pipeline, events = lost.lead_lost, "leadership lost: events not delivered");
            return;
        }
        if let Some(observer) = observer {
            let location = Location::before(position, &self.formatter, true).after();
            observer.events(&location, self.sink, &payloads.content_type, &events);
        }
        self.flow.events += events.len() as u64;
        self.flow.bytes += events.iter().map(|event| event.bytes.len() as u64).sum::<u64>();
        self.meter.record(&payloads.content_type, &events);
        let given = events.len() as u64;
        let refused = sinks.accept(self.sink, &payloads.content_type, &mut events.into_iter());
        if refused == 0 || refused < given {
            let scope = (&*batch.scope, &*batch.scope_id);
            states.delivered(self.sink, self.grant.as_ref(), scope, changes);
        }
    }

    /// Counts the events dropped by the output filter, and logs them.
    fn count_rejected(&mut self, pipeline: &str, rejected: &Rejected, counters: &mut Counters) {
        let lost = rejected.lost;
        counters.lost.add(lost);
        self.flow.lost.add(lost);
        if let Some(suppressed) = self.rejected.record(Instant::now()) {
            tracing::warn!(
                pipeline,
                formatter = self.formatter.name(),
                refused = rejected.refusal.as_ref().map(ToString::to_string),
                route_refused = lost.route_refused,
                too_many_routes = lost.too_many_routes,
                too_many_bytes = lost.too_many_bytes,
                suppressed,
                "events dropped by the output filter"
            );
        }
    }
}
