//! The tap: shows programs on this machine what passes through the pipelines.
//!
//! ```text
//! worker (tick) --copies--> bounded queue --> one thread for each listener: filter, JSON --> bounded channel --> response
//! ```
//!
//! Nothing is copied while nobody listens. The worker only copies and never waits: what does not fit into the queue, or exceeds the
//! listener's bytes a second, is left out and counted in a line of its own.

mod listener;
mod query;
mod render;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::body::Bytes;
use insightd_pipeline::{Location, Observer};
use insightd_upstream::lock;
use insights_batch::{Columns, Event};
use tokio::sync::mpsc;

use listener::{Item, Listener, OwnedLocation};
pub(crate) use query::Query;

/// Most listeners at a time.
const MAX_LISTENERS: usize = 4;
/// Most bytes of copies that wait for all listeners together.
const QUEUE_BYTES: usize = 8 << 20;

/// The tap of an agent.
#[derive(Debug, Default)]
pub struct Tap {
    listeners: Mutex<Vec<Arc<Listener>>>,
    /// Number of listeners, to be read without the lock.
    active: AtomicUsize,
    /// Bytes of copies in the queues of all listeners.
    queued_bytes: Arc<AtomicUsize>,
    /// Names of the sinks, by index.
    sinks: Vec<String>,
}

/// The reason why nobody can listen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TapError {
    /// There are enough listeners.
    #[error("{MAX_LISTENERS} programs listen already; end one of them")]
    TooMany,
    /// No thread can be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

impl Tap {
    /// Creates a tap of an agent with these sinks.
    pub fn new(sinks: Vec<String>) -> Self {
        Self { sinks, ..Self::default() }
    }

    /// Starts a listener. Returns the JSON lines that it gets; dropping them ends it.
    ///
    /// # Errors
    /// See [`TapError`].
    pub(crate) fn listen(self: &Arc<Self>, query: Query) -> Result<mpsc::Receiver<Bytes>, TapError> {
        let mut listeners = lock(&self.listeners);
        if listeners.len() >= MAX_LISTENERS {
            return Err(TapError::TooMany);
        }
        let tap = Arc::clone(self);
        let (listener, lines) =
            Listener::start(query, Arc::clone(&self.queued_bytes), move |ended| tap.remove(ended))
                .map_err(TapError::Thread)?;
        listeners.push(listener);
        self.active.store(listeners.len(), Ordering::Relaxed);
        Ok(lines)
    }

    /// Returns itself as an observer while somebody listens.
    pub(crate) fn observer(&self) -> Option<&dyn Observer> {
        (self.active.load(Ordering::Relaxed) > 0).then_some(self)
    }

    /// Tells every listener that a tick has ended.
    pub(crate) fn end_tick(&self, time_unix_ms: u64) {
        if self.observer().is_some() {
            lock(&self.listeners)
                .iter()
                .for_each(|listener| listener.push(Item::Tick { time_unix_ms }, 0, QUEUE_BYTES));
        }
    }

    fn remove(&self, ended: &Arc<Listener>) {
        let mut listeners = lock(&self.listeners);
        listeners.retain(|listener| !Arc::ptr_eq(listener, ended));
        self.active.store(listeners.len(), Ordering::Relaxed);
    }

    fn wanting(&self, is_wanted: impl Fn(&Query) -> bool) -> Vec<Arc<Listener>> {
        lock(&self.listeners).iter().filter(|listener| is_wanted(listener.query())).cloned().collect()
    }
}

impl Observer for Tap {
    fn batch(&self, location: &Location<'_>, batch: &Columns) {
        let wanting = self.wanting(|query| query.wants_batch(location));
        if wanting.is_empty() {
            return;
        }
        let bytes = size(batch);
        // One copy for all of them, unless it would exceed the queue.
        let copy = (bytes <= QUEUE_BYTES).then(|| Arc::new(batch.clone()));
        for listener in wanting {
            match &copy {
                Some(batch) => {
                    let (location, batch) = (OwnedLocation::new(location, None), Arc::clone(batch));
                    listener.push(Item::Batch { location, batch }, bytes, QUEUE_BYTES);
                }
                None => listener.skip_batch(bytes),
            }
        }
    }

    fn events(&self, location: &Location<'_>, sink: usize, content_type: &str, events: &[Event<'_>]) {
        for listener in self.wanting(|query| query.wants_events(location)) {
            let bytes = events.iter().map(|event| event.bytes.len()).sum();
            if listener.has_room(bytes, QUEUE_BYTES) {
                let events = events.iter().map(|event| (event.time_unix_ms, event.bytes.into())).collect();
                let (content_type, sink) =
                    (content_type.to_owned(), self.sinks.get(sink).map(String::as_str));
                let location = OwnedLocation::new(location, sink);
                listener.push(Item::Events { location, content_type, events }, bytes, QUEUE_BYTES);
            } else {
                listener.skip_events(events.len(), bytes);
            }
        }
    }
}

/// Returns the memory that the rows of a batch take.
fn size(batch: &Columns) -> usize {
    const ENTITY: usize = 3 * size_of::<u32>();
    const ATTRIBUTE: usize = 3 * size_of::<u32>();
    const GAUGE: usize = 2 * size_of::<u32>() + size_of::<f64>();
    const COUNTER: usize = 2 * size_of::<u32>() + 4 * size_of::<u64>();
    let strings = batch.text.len() + size_of::<u32>() * batch.string_ends.len();
    let entities = ENTITY * batch.entity_count() + ATTRIBUTE * batch.attributes.key.len();
    strings + entities + GAUGE * batch.gauges.name.len() + COUNTER * batch.counters.name.len()
}

#[cfg(test)]
mod tests;
