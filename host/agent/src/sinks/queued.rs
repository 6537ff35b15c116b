//! The part that all sinks with a delivery queue share: the spool of the sink, and the events lost in it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use insightd_delivery::DeliveryQueue;
use insightd_spool::{Block, Settings, Spool, Sync};
use insightd_upstream::UpstreamStatus;

use super::{Delivered, SinkError};
use crate::config;
use crate::wall_clock::now_unix_ms;

/// Opens the delivery queue of a sink of this name.
pub(super) fn open(name: &str, wanted: &config::Spool) -> io::Result<DeliveryQueue> {
    // Without a directory nothing is opened, and the spool reports that it holds blocks in memory.
    let directory = wanted.dir.as_deref().unwrap_or(Path::new("")).join(name);
    let settings = Settings {
        max_bytes: wanted.max_bytes,
        max_age_ms: u64::try_from(wanted.max_age.as_millis()).unwrap_or(u64::MAX),
        memory_bytes: wanted.memory_max_bytes,
        sync: if wanted.sync { Sync::Always } else { Sync::Never },
        ..Settings::new(directory)
    };
    let (has_directory, memory_bytes) = (wanted.dir.is_some(), settings.memory_bytes);
    // Runs on the spool's own thread, because the disk may not respond even now.
    let open = move || match has_directory {
        true => Spool::open(settings, now_unix_ms()),
        false => Spool::in_memory(settings, now_unix_ms()),
    };
    DeliveryQueue::open(open, memory_bytes, Arc::new(UpstreamStatus::new(name.to_owned())))
}

/// The delivery queue of a sink.
#[derive(Debug)]
pub(super) struct Queued {
    queue: DeliveryQueue,
    /// Total of the queue's lost events that the sink has reported so far.
    reported_lost: u64,
}

impl Queued {
    pub(super) fn new(queue: DeliveryQueue) -> Self {
        Self { queue, reported_lost: 0 }
    }

    /// Returns the name of the sink.
    pub(super) fn name(&self) -> &str {
        self.queue.status().source()
    }

    /// Stores a block. `bytes` is the size of its events, for the report.
    pub(super) fn put(&self, block: Block, bytes: u64) -> Delivered {
        let events = u64::from(block.events);
        match self.queue.put(block) {
            Ok(()) => Delivered { events, bytes, ..Delivered::default() },
            // The spool counts these events as lost; the end of the tick reports them.
            Err(error) => {
                Delivered { untaken: events, error: Some(SinkError::Spool(error)), ..Delivered::default() }
            }
        }
    }

    /// Ends the tick. Returns the events lost in the queue since the last one.
    pub(super) fn end_tick(&mut self) -> Delivered {
        self.queue.end_tick(now_unix_ms());
        let lost = self.queue.lost_events();
        let since = lost - std::mem::replace(&mut self.reported_lost, lost);
        let error = (since > 0).then_some(SinkError::Undelivered(since));
        Delivered { lost_later: since, error, ..Delivered::default() }
    }

    /// Returns the total of lost events that was reported.
    pub(super) fn reported_lost(&self) -> u64 {
        self.reported_lost
    }
}
