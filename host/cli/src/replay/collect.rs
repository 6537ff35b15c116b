//! A sink that collects events for inspection.

use std::sync::{Arc, Mutex, PoisonError};

use insights_batch::Event;

use super::event::Parsed;
use insightd::sinks::{Delivered, Sink};

/// Events since the last call of `take`. Clones share one list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Collect(Arc<Mutex<Vec<Parsed>>>);

impl Collect {
    /// Removes and returns the collected events.
    pub(super) fn take(&self) -> Vec<Parsed> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Drops the collected events.
    pub(crate) fn clear(&self) {
        self.take();
    }
}

impl Sink for Collect {
    fn accept(&mut self, _content_type: &str, events: &mut dyn Iterator<Item = Event<'_>>) -> Delivered {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut delivered = Delivered::default();
        for event in events {
            delivered.events += 1;
            delivered.bytes += event.bytes.len() as u64;
            kept.push(Parsed::of(&event));
        }
        delivered
    }

    fn end_tick(&mut self) -> Delivered {
        Delivered::default()
    }
}
