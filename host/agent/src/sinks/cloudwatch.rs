//! The tick's side of CloudWatch Logs: writes events as request bodies to the spool. A task delivers them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use insightd_aws::delivery::DeliveryQueue;
use insightd_aws::logs::names::{sanitize_group, sanitize_stream};
use insightd_aws::logs::{self, BodyBuilder, Destination};
use insightd_spool::{Block, Settings, Spool, Sync};
use insightd_upstream::UpstreamStatus;
use insights_batch::Event;

use super::{Delivered, Sink, SinkError};
use crate::config::CloudWatchSink;
use crate::wall_clock::now_unix_ms;

/// Maximum number of bodies filled at a time: each has a compressor of some hundred kilobytes.
const OPEN_BODIES: usize = 4;

/// Maximum number of replaced names that are logged; each is logged once.
const MAX_LOGGED_NAMES: usize = 32;

/// A sink that fills the delivery queue of CloudWatch Logs.
#[derive(Debug)]
pub struct CloudWatch {
    queue: DeliveryQueue,
    /// The bodies being filled, oldest first.
    open: Vec<(Destination, BodyBuilder)>,
    /// Names that replaced others that the service would reject.
    replaced: BTreeSet<String>,
    /// Total of the queue's lost events that the sink has reported so far.
    reported_lost: u64,
}

/// Opens the spool of a sink of this name.
pub(super) fn open_queue(name: &str, sink: &CloudWatchSink) -> io::Result<DeliveryQueue> {
    let wanted = &sink.spool;
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

impl CloudWatch {
    /// Creates a sink that fills `queue`.
    pub fn new(queue: DeliveryQueue) -> Self {
        Self { queue, open: Vec::new(), replaced: BTreeSet::new(), reported_lost: 0 }
    }

    fn add(&mut self, event: &Event<'_>, delivered: &mut Delivered) -> Result<(), SinkError> {
        let destination = Destination {
            group: self.accepted(value(event.route, "log_group")?, sanitize_group),
            stream: self.accepted(value(event.route, "log_stream")?, sanitize_stream),
        };
        let message = logs::validate_message(event.bytes).map_err(SinkError::Unfit)?;
        let place = self.open.iter().position(|(open, _)| *open == destination);
        if let Some(place) = place {
            if self.open[place].1.push(event.time_unix_ms, message) {
                return Ok(());
            }
            let (destination, full) = self.open.remove(place);
            delivered.add(self.put(&destination, full));
        }
        if self.open.len() == OPEN_BODIES {
            let (destination, oldest) = self.open.remove(0);
            delivered.add(self.put(&destination, oldest));
        }
        let open = BodyBuilder::new(&destination, event.time_unix_ms, message);
        self.open.push((destination, open));
        Ok(())
    }

    /// Returns the name, or the nearest one that the service accepts: it permanently rejects requests with an invalid name.
    fn accepted(&mut self, name: &str, sanitize: fn(&str) -> Cow<'_, str>) -> String {
        let accepted = sanitize(name);
        if let Cow::Owned(accepted) = &accepted
            && self.replaced.len() < MAX_LOGGED_NAMES
            && self.replaced.insert(accepted.clone())
        {
            let (sink, name) = (self.queue.status().source(), insightd_aws::error_text::shortened(name));
            tracing::warn!(
                sink,
                name = name.escape_debug().to_string(),
                accepted,
                "invalid log group or stream name replaced; set `log_group` and `log_stream` of the formatter"
            );
        }
        accepted.into_owned()
    }

    fn put(&self, destination: &Destination, open: BodyBuilder) -> Delivered {
        let body = open.finish();
        let (events, bytes) = (u64::from(body.events), body.counted_bytes as u64);
        let block = Block {
            events: body.events,
            time_unix_ms: body.first_ms,
            key: destination.key(),
            body: body.gzip,
        };
        match self.queue.put(block) {
            Ok(()) => Delivered { events, bytes, ..Delivered::default() },
            // The spool counts these events as lost; the end of the tick reports them.
            Err(error) => {
                Delivered { untaken: events, error: Some(SinkError::Spool(error)), ..Delivered::default() }
            }
        }
    }
}

impl Sink for CloudWatch {
    fn accept(&mut self, _content_type: &str, events: &mut dyn Iterator<Item = Event<'_>>) -> Delivered {
        let mut delivered = Delivered::default();
        for event in events {
            if let Err(error) = self.add(&event, &mut delivered) {
                delivered.lost += 1;
                delivered.error.get_or_insert(error);
            }
        }
        delivered
    }

    fn end_tick(&mut self) -> Delivered {
        let mut delivered = Delivered::default();
        for (destination, open) in std::mem::take(&mut self.open) {
            delivered.add(self.put(&destination, open));
        }
        self.queue.end_tick(now_unix_ms());
        let lost = self.queue.lost_events();
        let since = lost - std::mem::replace(&mut self.reported_lost, lost);
        if since > 0 {
            delivered.lost_later += since;
            delivered.error.get_or_insert(SinkError::Undelivered(since));
        }
        delivered
    }

    fn lost_later(&self) -> u64 {
        self.reported_lost
    }
}

/// Returns the value of one of the two route keys.
fn value<'r>(route: &'r [(String, String)], key: &'static str) -> Result<&'r str, SinkError> {
    let found = route.iter().find(|(found, value)| found == key && !value.is_empty());
    found.map(|(_, value)| value.as_str()).ok_or(SinkError::Route(key))
}

#[cfg(test)]
mod tests;
