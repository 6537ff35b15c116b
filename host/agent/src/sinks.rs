//! Destinations of events.
//!
//! A sink accepts events during a tick and reports the outcome: no event is lost without being counted. For delivery
//! over the network, the sink fills a spool on disk and a separate task empties it.

mod cloudwatch;
mod delivery;
mod detached;
mod file;
mod line;
mod pretty;
mod prometheus;
mod queued;
mod requests;
mod set;
mod stdout;

use std::path::PathBuf;

use insightd_delivery::DeliveryQueue;
use insights_batch::{Event, Limits};

pub use cloudwatch::CloudWatch;
pub use delivery::{Delivery, Ended};
pub use detached::Detached;
pub use file::File;
pub use prometheus::{InvalidFamily, InvalidReason, Prometheus, ServedPage, ToServe};
pub use requests::Requests;
pub use set::{OpenError, SinkSet, SinkTotal};
pub use stdout::Stdout;

pub(crate) use prometheus::serve;

use crate::config::{self, CloudWatchSink, PushSink, SinkKind};

/// A destination of events. Used by one thread.
pub trait Sink: Send {
    /// Returns the limits of the sink, which formatters receive.
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// Accepts events; called several times per tick. Buffered events are delivered in [`Sink::end_tick`] at the latest.
    fn accept(&mut self, content_type: &str, events: &mut dyn Iterator<Item = Event<'_>>) -> Delivered;

    /// Called once at the end of every tick, also if there were no events.
    fn end_tick(&mut self) -> Delivered;

    /// Called once, after the last tick: pending events are delivered, or counted as lost.
    fn finish(&mut self) -> Delivered {
        self.end_tick()
    }

    /// Returns the total number of events lost in the sink's delivery queue that the sink has reported as lost so far.
    fn lost_later(&self) -> u64 {
        0
    }
}

/// The outcome for events since the previous report of the sink.
#[derive(Debug, Default)]
pub struct Delivered {
    /// Number of events written.
    pub events: u64,
    /// Bytes of these events, as written.
    pub bytes: u64,
    /// Number of events that the sink did not accept or could not write.
    pub lost: u64,
    /// Number of events that the spool rejected. The spool also counts them among `lost_later`.
    pub untaken: u64,
    /// Number of events lost in the sink's delivery queue. All but those in `untaken` had been accepted, in this tick or before.
    pub lost_later: u64,
    /// The first error since the previous report, such as the reason for lost events.
    pub error: Option<SinkError>,
}

impl Delivered {
    /// Adds the numbers of `other`, and keeps the first error.
    pub fn add(&mut self, other: Self) {
        self.events += other.events;
        self.bytes += other.bytes;
        self.lost += other.lost;
        self.untaken += other.untaken;
        self.lost_later += other.lost_later;
        self.error = self.error.take().or(other.error);
    }
}

/// Errors of a sink.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The reader of standard output has closed it; permanent.
    #[error("standard output was closed by its reader")]
    Closed,
    /// Writing failed; the next tick retries.
    #[error("cannot write to standard output: {0}")]
    Stdout(std::io::Error),
    /// A file operation failed; the next tick retries.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// The operation that failed.
        action: &'static str,
        /// Path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The route of an event lacks a required key.
    #[error("an event's route has no `{0}`: set it in the formatter's configuration")]
    Route(&'static str),
    /// The sink does not take events of this content type.
    #[error(
        "an event has the content type `{found}`, but the sink takes {expected}: set another `formatter`"
    )]
    ContentType {
        /// Content type of the event.
        found: String,
        /// Description of the events that the sink takes.
        expected: &'static str,
    },
    /// The event is longer than the sink takes.
    #[error("an event has {bytes} bytes; the sink takes at most {max_bytes}")]
    TooLong {
        /// Length of the event, bytes.
        bytes: usize,
        /// Limit of the sink, bytes.
        max_bytes: u32,
    },
    /// The operating system cannot create the thread of the sink or of its spool.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// The sink accepts nothing at the moment, and the queue is full.
    #[error("sink stalled: the queue is full with {waiting_bytes} bytes")]
    Stalled {
        /// Bytes in the queue.
        waiting_bytes: usize,
    },
    /// The service would reject the event.
    #[error(transparent)]
    Unfit(#[from] insightd_aws::logs::InvalidEvent),
    /// Neither disk nor memory has room for the block.
    #[error(transparent)]
    Spool(#[from] insightd_spool::AppendError),
    /// Events that had been accepted were not delivered.
    #[error("{0} events were not delivered: see insightd_delivery_events_lost_total for the causes")]
    Undelivered(u64),
    /// Events must not be written to this file.
    #[error("{} {problem}", path.display())]
    Unusable {
        /// Path of the file.
        path: PathBuf,
        /// Error text: the problem and the remedy.
        problem: &'static str,
    },
    /// An event would make a page for Prometheus invalid.
    #[error(transparent)]
    Exposition(InvalidFamily),
    /// The page for Prometheus has no room for the event.
    #[error(
        "the page would exceed {max_bytes} bytes: raise `max_bytes` of the sink, or deliver fewer metrics to it"
    )]
    PageFull {
        /// Maximum size of the page.
        max_bytes: u64,
    },
    /// The page for Prometheus has too many families.
    #[error("the page has {max} families of metrics already: a formatter must not make names from data")]
    TooManyFamilies {
        /// Maximum number of families.
        max: usize,
    },
    /// Two events of a tick disagree on the type of a family.
    #[error("the family `{family}` is a {known} in an earlier event of the tick: the formatters must agree")]
    OtherKind {
        /// Name of the family.
        family: String,
        /// Its type in the earlier event.
        known: &'static str,
    },
}

/// The delivery part of a sink, for a task on the runtime.
#[derive(Debug)]
pub struct ToDeliver {
    /// Name of the sink.
    pub name: String,
    /// The destination.
    pub destination: Destination,
    /// The queue to deliver.
    pub queue: DeliveryQueue,
}

/// The destination of a sink that delivers over the network.
#[derive(Clone, Debug)]
pub enum Destination {
    /// CloudWatch Logs.
    CloudWatch(Box<CloudWatchSink>),
    /// A receiver of OTLP or of remote write.
    Push(Box<PushSink>),
}

/// Behaviour while a local sink, a stream or a file, is stalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnStall {
    /// The run waits, because it has nothing else to do.
    Wait,
    /// Ticks continue, and a bounded amount of events is queued.
    GoOn,
}

/// Opens a sink; a network sink adds its delivery part to `to_deliver`, one that others read from its server part to `to_serve`.
///
/// # Errors
/// The stream or file cannot be opened, or a thread cannot be created.
pub fn open(
    sink: &config::Sink,
    on_stall: OnStall,
    to_deliver: &mut Vec<ToDeliver>,
    to_serve: &mut Vec<ToServe>,
) -> Result<Box<dyn Sink>, SinkError> {
    fn local(name: &str, sink: impl Sink + 'static, on_stall: OnStall) -> Result<Box<dyn Sink>, SinkError> {
        Ok(match on_stall {
            OnStall::Wait => Box::new(sink),
            OnStall::GoOn => Box::new(Detached::new(name, sink).map_err(SinkError::Thread)?),
        })
    }
    Ok(match &sink.kind {
        SinkKind::Stdout { pretty } => local(&sink.name, Stdout::of_process(*pretty)?, on_stall)?,
        SinkKind::File(file) => local(&sink.name, File::open(file)?, on_stall)?,
        SinkKind::CloudWatch(wanted) => {
            let queue = queued::open(&sink.name, &wanted.spool).map_err(SinkError::Thread)?;
            let (name, destination) = (sink.name.clone(), Destination::CloudWatch(wanted.clone()));
            to_deliver.push(ToDeliver { name, destination, queue: queue.clone() });
            Box::new(CloudWatch::new(queue))
        }
        SinkKind::Push(wanted) => {
            let queue = queued::open(&sink.name, &wanted.spool).map_err(SinkError::Thread)?;
            let (name, destination) = (sink.name.clone(), Destination::Push(wanted.clone()));
            to_deliver.push(ToDeliver { name, destination, queue: queue.clone() });
            Box::new(Requests::new(queue, wanted.protocol))
        }
        SinkKind::Prometheus(settings) => {
            let (filled, page) = Prometheus::new(settings);
            to_serve.push(ToServe { name: sink.name.clone(), settings: settings.clone(), page });
            Box::new(filled)
        }
    })
}
