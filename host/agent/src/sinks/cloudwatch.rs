//! CloudWatch Logs, from the side of a tick: events become request bodies in the spool. A task delivers them.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use insightd_aws::delivery::Outbox;
use insightd_aws::logs::{self, Destination, Open};
use insightd_peer::Status;
use insightd_spool::{NewBlock, Settings, Spool, Sync};
use insights_sdk::Event;

use super::{Delivered, Sink, SinkError};
use crate::config::CloudWatchSink;

/// Bodies that are filled at a time: each has a compressor of some hundred kilobytes.
const OPEN_BODIES: usize = 4;

/// The sink.
#[derive(Debug)]
pub struct CloudWatch {
    outbox: Outbox,
    open: Vec<(Destination, Open)>,
    /// Of the events that the outbox lost, those that were told of.
    told_lost: u64,
}

/// Opens the spool of a sink of this name.
pub(super) fn outbox(name: &str, sink: &CloudWatchSink) -> Outbox {
    let wanted = &sink.spool;
    // Without a folder nothing is opened, and the spool says that it holds blocks in memory.
    let folder = wanted.dir.as_deref().unwrap_or(Path::new("")).join(name);
    let settings = Settings {
        max_bytes: wanted.max_bytes,
        max_age_ms: u64::try_from(wanted.max_age.as_millis()).unwrap_or(u64::MAX),
        memory_bytes: wanted.memory_max_bytes,
        sync: if wanted.sync { Sync::Always } else { Sync::Never },
        ..Settings::in_folder(folder)
    };
    let now_ms = now_unix_ms();
    let spool = match wanted.dir {
        Some(_) => Spool::open(settings, now_ms),
        None => Spool::in_memory(settings, now_ms),
    };
    Outbox::new(spool, Arc::new(Status::new(name.to_owned())))
}

impl CloudWatch {
    /// Fills `outbox`.
    pub fn new(outbox: Outbox) -> Self {
        Self { outbox, open: Vec::new(), told_lost: 0 }
    }

    fn add(&mut self, event: &Event<'_>, delivered: &mut Delivered) -> Result<(), SinkError> {
        let destination = destination(event.route)?;
        let message = logs::message(event.bytes).map_err(SinkError::Unfit)?;
        let place = self.open.iter().position(|(open, _)| *open == destination);
        if let Some(place) = place {
            if self.open[place].1.push(event.time_unix_ms, message) {
                return Ok(());
            }
            let (destination, full) = self.open.swap_remove(place);
            delivered.add(self.put(&destination, full));
        }
        if self.open.len() == OPEN_BODIES {
            let (destination, oldest) = self.open.remove(0);
            delivered.add(self.put(&destination, oldest));
        }
        let open = Open::new(&destination, event.time_unix_ms, message);
        self.open.push((destination, open));
        Ok(())
    }

    fn put(&self, destination: &Destination, open: Open) -> Delivered {
        let body = open.finish();
        let key = destination.key();
        let block =
            NewBlock { key: &key, events: body.events, time_unix_ms: body.first_ms, body: &body.gzip };
        let events = u64::from(body.events);
        match self.outbox.put(&block) {
            Ok(()) => Delivered { events, bytes: body.counted_bytes as u64, ..Delivered::default() },
            // Counted by the spool, and told at the end of the tick.
            Err(error) => Delivered { error: Some(SinkError::Spool(error)), ..Delivered::default() },
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
        self.outbox.end_tick(now_unix_ms());
        let lost = self.outbox.lost_events();
        let since = lost - std::mem::replace(&mut self.told_lost, lost);
        if since > 0 {
            delivered.lost += since;
            delivered.error.get_or_insert(SinkError::Undelivered(since));
        }
        delivered
    }
}

/// The route's two keys.
fn destination(route: &[(String, String)]) -> Result<Destination, SinkError> {
    let value = |key: &'static str| {
        let found = route.iter().find(|(found, value)| found == key && !value.is_empty());
        found.map(|(_, value)| value.clone()).ok_or(SinkError::Route(key))
    };
    Ok(Destination { group: value("log_group")?, stream: value("log_stream")? })
}

fn now_unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
