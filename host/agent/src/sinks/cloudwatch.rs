//! The tick's side of CloudWatch Logs: writes events as request bodies to the spool. A task delivers them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use insightd_aws::logs::names::{sanitize_group, sanitize_stream};
use insightd_aws::logs::{self, BodyBuilder, Destination};
use insightd_delivery::DeliveryQueue;
use insightd_spool::Block;
use insights_batch::Event;

use super::queued::Queued;
use super::{Delivered, Sink, SinkError};

/// Maximum number of bodies filled at a time: each has a compressor of some hundred kilobytes.
const OPEN_BODIES: usize = 4;

/// Maximum number of replaced names that are logged; each is logged once.
const MAX_LOGGED_NAMES: usize = 32;

/// A sink that fills the delivery queue of CloudWatch Logs.
#[derive(Debug)]
pub struct CloudWatch {
    queued: Queued,
    /// The bodies being filled, oldest first.
    open: Vec<(Destination, BodyBuilder)>,
    /// Names that replaced others that the service would reject.
    replaced: BTreeSet<String>,
}

impl CloudWatch {
    /// Creates a sink that fills `queue`.
    pub fn new(queue: DeliveryQueue) -> Self {
        Self { queued: Queued::new(queue), open: Vec::new(), replaced: BTreeSet::new() }
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
            let (sink, name) = (self.queued.name(), insightd_upstream::error_text::shortened(name));
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
        let block = Block {
            events: body.events,
            time_unix_ms: body.first_ms,
            key: destination.key(),
            body: body.gzip,
        };
        self.queued.put(block, body.counted_bytes as u64)
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
        delivered.add(self.queued.end_tick());
        delivered
    }

    fn lost_later(&self) -> u64 {
        self.queued.reported_lost()
    }
}

/// Returns the value of one of the two route keys.
fn value<'r>(route: &'r [(String, String)], key: &'static str) -> Result<&'r str, SinkError> {
    let found = route.iter().find(|(found, value)| found == key && !value.is_empty());
    found.map(|(_, value)| value.as_str()).ok_or(SinkError::Route(key))
}

#[cfg(test)]
mod tests;
