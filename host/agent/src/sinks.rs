//! Where events end up.
//!
//! A sink takes events during a tick and says what became of them: nothing is lost without being counted.
//! Delivery over the network stands behind a spool on disk: the sink fills it, a task of its own empties it.

mod cloudwatch;
mod detached;
mod file;
mod line;
mod pretty;
mod set;
mod stdout;

use std::path::PathBuf;

use insightd_aws::delivery::Outbox;
use insights_sdk::{Event, Limits};

pub use cloudwatch::CloudWatch;
pub use detached::Detached;
pub use file::File;
pub use set::{OpenError, SinkSet, SinkTotal};
pub use stdout::Stdout;

use crate::config::{self, CloudWatchSink, SinkKind};

/// A destination of events. Used by one thread.
pub trait Sink: Send {
    /// What it can take; told to formatters.
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// Takes events, several times a tick. What it buffers it delivers in [`Sink::end_tick`] at the latest.
    fn accept(&mut self, content_type: &str, events: &mut dyn Iterator<Item = Event<'_>>) -> Delivered;

    /// Called once at the end of every tick, also of one without events.
    fn end_tick(&mut self) -> Delivered;

    /// Called once, behind the last tick: what waits is delivered, or counted as lost.
    fn finish(&mut self) -> Delivered {
        self.end_tick()
    }

    /// Events that it took and that were lost later, of those that it told of as lost.
    fn lost_later(&self) -> u64 {
        0
    }
}

/// What became of events since the last time the sink was asked.
#[derive(Debug, Default)]
pub struct Delivered {
    /// Events that are written.
    pub events: u64,
    /// Their bytes, as written.
    pub bytes: u64,
    /// Events that are lost.
    pub lost: u64,
    /// Events that a spool did not take, which are among those that it tells of as lost later.
    pub untaken: u64,
    /// Why, or what else went wrong; the first of several.
    pub error: Option<SinkError>,
}

impl Delivered {
    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.events += other.events;
        self.bytes += other.bytes;
        self.lost += other.lost;
        self.untaken += other.untaken;
        self.error = self.error.take().or(other.error);
    }
}

/// Why a sink could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Whoever read standard output is gone, and will not come back.
    #[error("standard output was closed by its reader")]
    Closed,
    /// Writing failed; the next tick tries again.
    #[error("cannot write standard output: {0}")]
    Stdout(std::io::Error),
    /// A file operation failed; the next tick tries again.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The route does not say where to.
    #[error("an event's route has no `{0}`: set it in the formatter's configuration")]
    Route(&'static str),
    /// The system gives no thread for the sink, or its spool.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// It takes nothing for a while, and there is no room for more to wait.
    #[error("it takes no events; {waiting_bytes} bytes of them wait, and there is no room for more")]
    Stalled {
        /// Bytes that wait.
        waiting_bytes: usize,
    },
    /// The event is none that the service takes.
    #[error(transparent)]
    Unfit(#[from] insightd_aws::logs::Unfit),
    /// Neither disk nor memory has room for it.
    #[error(transparent)]
    Spool(#[from] insightd_spool::AppendError),
    /// Events that were taken before did not get there.
    #[error("{0} events were not delivered: see insightd_delivery_events_lost_total for the causes")]
    Undelivered(u64),
    /// The file is not one that events may be written to.
    #[error("{} {problem}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is the matter and what to do.
        problem: &'static str,
    },
}

/// What is left to a task that delivers.
#[derive(Debug)]
pub struct ToDeliver {
    /// Name of the sink.
    pub name: String,
    /// Where to.
    pub sink: CloudWatchSink,
    /// What there is to deliver.
    pub outbox: Outbox,
}

/// Behaviour while a sink that writes here, to a stream or a file, takes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnStall {
    /// The run waits: it has nothing else to do.
    Wait,
    /// Ticks go on; a bounded amount of events waits.
    GoOn,
}

/// Opens a sink; what it leaves to be delivered goes to `to_deliver`.
///
/// # Errors
/// It cannot be written to from the start.
pub fn open(
    sink: &config::Sink,
    on_stall: OnStall,
    to_deliver: &mut Vec<ToDeliver>,
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
            let outbox = cloudwatch::outbox(&sink.name, wanted).map_err(SinkError::Thread)?;
            let (name, sink) = (sink.name.clone(), (**wanted).clone());
            to_deliver.push(ToDeliver { name, sink, outbox: outbox.clone() });
            Box::new(CloudWatch::new(outbox))
        }
    })
}
