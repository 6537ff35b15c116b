//! The open sinks of an agent, with their counters and error logs.

use std::time::Instant;

use insights_sdk::{Event, Limits};

use super::{Delivered, OnStall, Sink, SinkError, ToDeliver};
use crate::complaint::Complaint;
use crate::config;
use crate::counters::{Counters, Flow};

/// All sinks, in the order of the configuration.
pub struct SinkSet {
    open: Vec<OpenSink>,
    to_deliver: Vec<ToDeliver>,
}

struct OpenSink {
    name: String,
    sink: Box<dyn Sink>,
    complaint: Complaint,
    closed: bool,
    flow: Flow,
    /// Events offered in this tick; `refused` is the number of those that it did not accept.
    given: u64,
    refused: u64,
    /// `true` if it accepted at least one event in the last finished tick, or none was offered.
    took: bool,
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
        let mut to_deliver = Vec::new();
        let mut open = |sink: &config::Sink| match super::open(sink, on_stall, &mut to_deliver) {
            Ok(open) => Ok((sink.name.clone(), open)),
            Err(error) => Err(OpenError { name: sink.name.clone(), error }),
        };
        let open = sinks.map(&mut open).collect::<Result<_, _>>()?;
        Ok(Self { to_deliver, ..Self::new(open) })
    }

    /// Creates a set of sinks that are already open.
    pub fn new(sinks: Vec<(String, Box<dyn Sink>)>) -> Self {
        let open = |(name, sink)| {
            let (complaint, flow) = (Complaint::default(), Flow::default());
            OpenSink { name, sink, complaint, closed: false, flow, given: 0, refused: 0, took: true }
        };
        Self { open: sinks.into_iter().map(open).collect(), to_deliver: Vec::new() }
    }

    /// Takes the delivery parts of the sinks; later calls return none.
    pub fn take_to_deliver(&mut self) -> Vec<ToDeliver> {
        std::mem::take(&mut self.to_deliver)
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

    /// Returns the name of the sink at an index, or an empty string.
    pub fn name(&self, index: usize) -> &str {
        self.open.get(index).map_or("", |sink| &sink.name)
    }

    /// Returns the index of a sink.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.open.iter().position(|sink| sink.name == name)
    }

    /// Returns the limits of the sink at an index.
    pub fn limits(&self, index: usize) -> Limits {
        self.open.get(index).map_or_else(Limits::default, |sink| sink.sink.limits())
    }

    /// Hands events to the sink at an index. Returns the number of events that it refuses at once.
    pub fn accept(
        &mut self,
        index: usize,
        content_type: &str,
        events: &mut dyn Iterator<Item = Event<'_>>,
        counters: &mut Counters,
    ) -> u64 {
        let Some(sink) = self.open.get_mut(index) else { return 0 };
        let mut given = 0;
        let delivered = sink.sink.accept(content_type, &mut events.inspect(|_| given += 1));
        sink.given += given;
        let refused = sink.note(delivered, counters);
        sink.refused += refused;
        refused
    }

    /// Ends the tick for all sinks. Returns true if at least one of them can still be written to.
    pub fn end_tick(&mut self, counters: &mut Counters) -> bool {
        self.end(counters, |sink| sink.end_tick())
    }

    /// Ends all sinks after the last tick.
    pub fn finish(&mut self, counters: &mut Counters) {
        self.end(counters, |sink| sink.finish());
    }

    fn end(&mut self, counters: &mut Counters, end: impl Fn(&mut dyn Sink) -> Delivered) -> bool {
        for sink in &mut self.open {
            let delivered = end(&mut *sink.sink);
            sink.refused += sink.note(delivered, counters);
            sink.took = sink.refused == 0 || sink.refused < sink.given;
            (sink.given, sink.refused) = (0, 0);
        }
        self.open.iter().any(|sink| !sink.closed)
    }

    /// Returns false if the sink at an index refused all events offered in the last finished tick. An event that was
    /// accepted and could not be delivered later counts as accepted.
    pub fn took(&self, index: usize) -> bool {
        self.open.get(index).is_none_or(|sink| sink.took)
    }
}

impl OpenSink {
    /// Updates the counters, and logs the error if there is one. Returns the number of refused events.
    fn note(&mut self, delivered: Delivered, counters: &mut Counters) -> u64 {
        counters.events += delivered.events;
        counters.bytes += delivered.bytes;
        counters.lost.sink += delivered.lost;
        self.flow.events += delivered.events;
        self.flow.bytes += delivered.bytes;
        self.flow.lost.sink += delivered.lost;
        let Some(error) = delivered.error else { return delivered.lost };
        // The spool counts the events that it rejected itself.
        let refused = match error {
            SinkError::Undelivered(_) | SinkError::Spool(_) => delivered.untaken,
            _ => delivered.lost,
        };
        self.flow.errors += 1;
        self.closed |= matches!(error, SinkError::Closed);
        if let Some(kept_back) = self.complaint.say(Instant::now()) {
            let lost = delivered.lost;
            tracing::error!(%error, sink = self.name, lost, kept_back, "sink failed");
        }
        refused
    }
}

impl std::fmt::Debug for SinkSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.open.iter().map(|sink| &sink.name)).finish()
    }
}
