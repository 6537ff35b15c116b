//! The open sinks of an agent, with their counters and error logs.

use std::time::Instant;

use insightd_pipeline::{Flow, LogThrottle, Sinks};
use insights_batch::{Event, Limits};

use super::{Delivered, OnStall, Sink, SinkError, ToDeliver, ToServe};
use crate::config;
use crate::counters::SinkCounters;

/// All sinks, in the order of the configuration.
pub struct SinkSet {
    open: Vec<OpenSink>,
    counters: SinkCounters,
    to_deliver: Vec<ToDeliver>,
    to_serve: Vec<ToServe>,
}

struct OpenSink {
    name: String,
    sink: Box<dyn Sink>,
    throttle: LogThrottle,
    closed: bool,
    flow: Flow,
    /// Events offered in this tick; `refused` is the number of those that it did not accept.
    given: u64,
    refused: u64,
    /// `true` if it accepted at least one event in the last finished tick, or none was offered.
    accepted: bool,
}

/// Totals of a sink over a whole run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkTotal {
    /// Name of the sink.
    pub name: String,
    /// Events and bytes that the sink accepted, with its lost events.
    pub flow: Flow,
    /// Of the lost events in `flow`, those that were lost in the sink's delivery queue.
    pub lost_later: u64,
}

/// A sink that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("sink `{name}`: {error}")]
pub struct OpenError {
    /// Name of the sink.
    pub name: String,
    /// The reason.
    pub error: SinkError,
}

impl SinkSet {
    /// Opens the sinks that are used.
    ///
    /// # Errors
    /// The first sink that cannot be opened.
    pub fn open<'a>(
        sinks: impl Iterator<Item = &'a config::Sink>,
        on_stall: OnStall,
    ) -> Result<Self, OpenError> {
        let (mut to_deliver, mut to_serve) = (Vec::new(), Vec::new());
        let mut open = |sink: &config::Sink| match super::open(sink, on_stall, &mut to_deliver, &mut to_serve)
        {
            Ok(open) => Ok((sink.name.clone(), open)),
            Err(error) => Err(OpenError { name: sink.name.clone(), error }),
        };
        let open = sinks.map(&mut open).collect::<Result<_, _>>()?;
        Ok(Self { to_deliver, to_serve, ..Self::new(open) })
    }

    /// Creates a set of sinks that are already open.
    pub fn new(sinks: Vec<(String, Box<dyn Sink>)>) -> Self {
        let open = |(name, sink)| {
            let (throttle, flow) = (LogThrottle::default(), Flow::default());
            OpenSink { name, sink, throttle, closed: false, flow, given: 0, refused: 0, accepted: true }
        };
        Self {
            open: sinks.into_iter().map(open).collect(),
            counters: SinkCounters::default(),
            to_deliver: Vec::new(),
            to_serve: Vec::new(),
        }
    }

    /// Takes the delivery parts of the sinks; later calls return none.
    pub fn take_to_deliver(&mut self) -> Vec<ToDeliver> {
        std::mem::take(&mut self.to_deliver)
    }

    /// Takes the server parts of the sinks; later calls return none.
    pub fn take_to_serve(&mut self) -> Vec<ToServe> {
        std::mem::take(&mut self.to_serve)
    }

    /// Returns the totals of each sink at the end of a run, before delivery ends.
    pub fn totals(&self) -> Vec<SinkTotal> {
        let total = |sink: &OpenSink| SinkTotal {
            name: sink.name.clone(),
            flow: sink.flow,
            lost_later: sink.sink.lost_later(),
        };
        self.open.iter().map(total).collect()
    }

    /// Returns the name and the flow of each sink.
    pub fn flows(&self) -> impl Iterator<Item = (&str, Flow)> {
        self.open.iter().map(|sink| (&*sink.name, sink.flow))
    }

    /// Returns the name and the limits of each sink, in order.
    pub fn limits_by_name(&self) -> Vec<(String, Limits)> {
        self.open.iter().map(|sink| (sink.name.clone(), sink.sink.limits())).collect()
    }

    /// Returns the names of the sinks, in order.
    pub fn names(&self) -> Vec<String> {
        self.open.iter().map(|sink| sink.name.clone()).collect()
    }

    /// Returns the name of the sink at an index, or an empty string.
    pub fn name(&self, index: usize) -> &str {
        self.open.get(index).map_or("", |sink| &sink.name)
    }

    /// Returns the counters of all sinks together.
    pub fn counters(&self) -> SinkCounters {
        self.counters
    }

    /// Ends the tick for all sinks. Returns true if at least one of them can still be written to.
    pub fn end_tick(&mut self) -> bool {
        self.end(|sink| sink.end_tick())
    }

    /// Ends all sinks after the last tick.
    pub fn finish(&mut self) {
        self.end(|sink| sink.finish());
    }

    fn end(&mut self, end: impl Fn(&mut dyn Sink) -> Delivered) -> bool {
        for sink in &mut self.open {
            let delivered = end(&mut *sink.sink);
            sink.refused += sink.record(delivered, &mut self.counters);
            sink.accepted = sink.refused == 0 || sink.refused < sink.given;
            (sink.given, sink.refused) = (0, 0);
        }
        self.open.iter().any(|sink| !sink.closed)
    }

    /// Returns false if the sink at an index refused all events offered in the last finished tick. An event that was
    /// accepted and could not be delivered later counts as accepted.
    pub fn accepted(&self, index: usize) -> bool {
        self.open.get(index).is_none_or(|sink| sink.accepted)
    }
}

impl Sinks for SinkSet {
    fn limits(&self, sink: usize) -> Limits {
        self.open.get(sink).map_or_else(Limits::default, |sink| sink.sink.limits())
    }

    fn accept(
        &mut self,
        sink: usize,
        content_type: &str,
        events: &mut dyn Iterator<Item = Event<'_>>,
    ) -> u64 {
        let Some(sink) = self.open.get_mut(sink) else { return 0 };
        let mut given = 0;
        let delivered = sink.sink.accept(content_type, &mut events.inspect(|_| given += 1));
        sink.given += given;
        let refused = sink.record(delivered, &mut self.counters);
        sink.refused += refused;
        refused
    }
}

impl OpenSink {
    /// Updates the counters, and logs the error if there is one. Returns the number of refused events.
    fn record(&mut self, delivered: Delivered, counters: &mut SinkCounters) -> u64 {
        counters.events += delivered.events;
        counters.bytes += delivered.bytes;
        let lost = delivered.lost + delivered.lost_later;
        counters.lost += lost;
        self.flow.events += delivered.events;
        self.flow.bytes += delivered.bytes;
        self.flow.lost.sink += lost;
        // Events that were accepted and lost later are not refused.
        let refused = delivered.lost + delivered.untaken;
        let Some(error) = delivered.error else { return refused };
        self.flow.errors += 1;
        self.closed |= matches!(error, SinkError::Closed);
        if let Some(suppressed) = self.throttle.record(Instant::now()) {
            tracing::error!(%error, sink = self.name, lost, suppressed, "sink failed");
        }
        refused
    }
}

impl std::fmt::Debug for SinkSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.open.iter().map(|sink| &sink.name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use insights_batch::Payloads;

    use super::*;

    /// Reports the same outcome at the end of every tick, and nothing before.
    struct Reports(fn() -> Delivered);

    impl Sink for Reports {
        fn accept(&mut self, _: &str, events: &mut dyn Iterator<Item = Event<'_>>) -> Delivered {
            events.for_each(drop);
            Delivered::default()
        }

        fn end_tick(&mut self) -> Delivered {
            (self.0)()
        }
    }

    /// Offers two events to a sink that reports this outcome. Returns whether it accepted any, and its lost events.
    fn tick(report: fn() -> Delivered) -> (bool, u64) {
        let mut sinks = SinkSet::new(vec![("s".into(), Box::new(Reports(report)))]);
        let mut payloads = Payloads::new("application/json");
        payloads.push(&[], 1, b"{}");
        payloads.push(&[], 1, b"{}");
        sinks.accept(0, "application/json", &mut payloads.events());
        sinks.end_tick();
        (sinks.accepted(0), sinks.counters().lost)
    }

    #[test]
    fn refused_events_do_not_depend_on_which_error_came_first() {
        let lost = || Delivered { lost: 2, ..Delivered::default() };
        let rejected = || Delivered { untaken: 2, lost_later: 2, ..Delivered::default() };
        let of_before = || Delivered { events: 2, lost_later: 5, ..Delivered::default() };
        assert_eq!((tick(lost), tick(rejected), tick(of_before)), ((false, 2), (false, 2), (true, 5)));
        let lost = || Delivered { lost: 2, error: Some(SinkError::Undelivered(5)), ..Delivered::default() };
        let rejected = || Delivered {
            untaken: 2,
            lost_later: 2,
            error: Some(SinkError::Route("log_group")),
            ..Delivered::default()
        };
        let of_before = || Delivered {
            events: 1,
            lost: 1,
            lost_later: 5,
            error: Some(SinkError::Route("log_group")),
            ..Delivered::default()
        };
        assert_eq!((tick(lost), tick(rejected), tick(of_before)), ((false, 2), (false, 2), (true, 6)));
    }
}
