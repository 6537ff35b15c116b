//! One listener: a queue that the worker fills, and a thread that turns what is in it into lines.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use insightd_pipeline::Location;
use insights_batch::Columns;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::query::Query;
use super::render::Renderer;

/// Most items that wait in a queue; their bytes are bounded as well.
const QUEUE_ITEMS: usize = 64;
/// Most chunks of lines that wait for the reader, and their bytes. A line may have megabytes: as it is passed on in copies of its parts,
/// no more than one of them is in memory, and its item counts as queued until then.
const CHUNKS: usize = 4;
const CHUNK_BYTES: usize = 64 << 10;
/// Time after which a reader that does not read is given up.
const STALL: Duration = Duration::from_secs(30);
/// The bytes that a listener may get at once, in seconds of its rate.
const BURST_SECONDS: u64 = 4;
const STACK_BYTES: usize = 256 << 10;

/// A copy of what passed a location.
pub(super) enum Item {
    Batch { location: OwnedLocation, batch: Arc<Columns> },
    Events { location: OwnedLocation, content_type: String, events: Vec<(u64, Box<[u8]>)> },
    Tick { time_unix_ms: u64 },
}

/// A location that outlives the tick.
#[derive(Clone, Debug)]
pub(super) struct OwnedLocation {
    pub(super) pipeline: String,
    pub(super) slot: String,
    pub(super) component: String,
    pub(super) is_after: bool,
    pub(super) sink: Option<String>,
}

impl OwnedLocation {
    pub(super) fn new(location: &Location<'_>, sink: Option<&str>) -> Self {
        Self {
            pipeline: location.pipeline.to_owned(),
            slot: location.to_string(),
            component: location.component.to_owned(),
            is_after: location.is_after,
            sink: sink.map(str::to_owned),
        }
    }
}

/// An item in a queue. Its bytes count as queued until it is dropped, also with the queue.
struct Queued {
    item: Item,
    bytes: usize,
    all_bytes: Arc<AtomicUsize>,
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.all_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Counts of what a listener did not get.
#[derive(Debug, Default)]
pub(super) struct Skipped {
    pub(super) batches: AtomicU64,
    pub(super) events: AtomicU64,
    pub(super) bytes: AtomicU64,
}

/// The part of a listener that the worker sees.
pub(super) struct Listener {
    query: Query,
    queue: SyncSender<Queued>,
    queued_bytes: Arc<AtomicUsize>,
    skipped: Arc<Skipped>,
}

impl Listener {
    /// Starts the thread of a listener, which calls `end` when it ends. `queued_bytes` are the bytes in the queues of all listeners.
    pub(super) fn start(
        query: Query,
        queued_bytes: Arc<AtomicUsize>,
        end: impl FnOnce(&Arc<Self>) + Send + 'static,
    ) -> io::Result<(Arc<Self>, mpsc::Receiver<Bytes>)> {
        let (queue, items) = sync_channel(QUEUE_ITEMS);
        let (to_reader, lines) = mpsc::channel(CHUNKS);
        let skipped = Arc::new(Skipped::default());
        let listener = Arc::new(Self { query, queue, queued_bytes, skipped });
        let writer = Writer {
            lines: to_reader,
            runtime: Handle::current(),
            bucket: Bucket::new(listener.query.rate_bytes, Instant::now()),
            skipped: Arc::clone(&listener.skipped),
        };
        let this = Arc::clone(&listener);
        thread::Builder::new().name("tap".into()).stack_size(STACK_BYTES).spawn(move || {
            this.run(&items, writer);
            end(&this);
        })?;
        Ok((listener, lines))
    }

    pub(super) fn query(&self) -> &Query {
        &self.query
    }

    /// Returns true if an item of these bytes fits, while the queues of all listeners may have `max` bytes.
    pub(super) fn has_room(&self, bytes: usize, max: usize) -> bool {
        self.queued_bytes.load(Ordering::Relaxed).saturating_add(bytes) <= max
    }

    /// Puts an item into the queue, or counts it as skipped.
    pub(super) fn push(&self, item: Item, bytes: usize, max: usize) {
        if !self.has_room(bytes, max) {
            return self.skip(&item, bytes);
        }
        self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        let queued = Queued { item, bytes, all_bytes: Arc::clone(&self.queued_bytes) };
        if let Err(TrySendError::Full(queued) | TrySendError::Disconnected(queued)) =
            self.queue.try_send(queued)
        {
            self.skip(&queued.item, bytes);
        }
    }

    pub(super) fn skip_batch(&self, bytes: usize) {
        self.skipped.batches.fetch_add(1, Ordering::Relaxed);
        self.skipped.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn skip_events(&self, count: usize, bytes: usize) {
        self.skipped.events.fetch_add(count as u64, Ordering::Relaxed);
        self.skipped.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn skip(&self, item: &Item, bytes: usize) {
        match item {
            Item::Batch { .. } => self.skip_batch(bytes),
            Item::Events { events, .. } => self.skip_events(events.len(), bytes),
            Item::Tick { .. } => {}
        }
    }

    /// Turns items into lines until the reader is gone or has enough.
    fn run(&self, items: &Receiver<Queued>, mut writer: Writer) {
        let mut renderer = Renderer::new(&self.query);
        // An item a tick, so that a reader that is gone is noticed although nothing is sent.
        while let Ok(queued) = items.recv() {
            let is_wanted = renderer.render(&queued.item, &mut |line, kind| writer.write(line, kind));
            if !is_wanted || writer.lines.is_closed() {
                return;
            }
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("query", &self.query).finish_non_exhaustive()
    }
}

/// Kind of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Batch,
    Event,
    Tick,
}

/// Writes lines to the reader, within its rate.
struct Writer {
    lines: mpsc::Sender<Bytes>,
    runtime: Handle,
    bucket: Bucket,
    skipped: Arc<Skipped>,
}

impl Writer {
    /// Writes a line, or counts it as skipped. Returns false if the reader is gone, or does not read.
    fn write(&mut self, line: String, kind: Line) -> bool {
        if kind == Line::Tick {
            return self.report_skipped() && self.send(line);
        }
        if self.bucket.take(line.len() as u64 + 1, Instant::now()) {
            return self.send(line);
        }
        let count = if kind == Line::Batch { &self.skipped.batches } else { &self.skipped.events };
        count.fetch_add(1, Ordering::Relaxed);
        self.skipped.bytes.fetch_add(line.len() as u64, Ordering::Relaxed);
        true
    }

    fn report_skipped(&mut self) -> bool {
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        let Skipped { batches, events, bytes } = &*self.skipped;
        let (batches, events, bytes) = (take(batches), take(events), take(bytes));
        if batches + events == 0 {
            return true;
        }
        self.send(format!(r#"{{"tap":"skipped","batches":{batches},"events":{events},"bytes":{bytes}}}"#))
    }

    fn send(&self, mut line: String) -> bool {
        line.push('\n');
        line.as_bytes().chunks(CHUNK_BYTES).all(|chunk| {
            let chunk = Bytes::copy_from_slice(chunk);
            let sent = async { timeout(STALL, self.lines.send(chunk)).await };
            matches!(self.runtime.block_on(sent), Ok(Ok(())))
        })
    }
}

/// A token bucket of bytes.
#[derive(Debug)]
struct Bucket {
    rate_bytes: u64,
    tokens: u64,
    filled: Instant,
}

impl Bucket {
    fn new(rate_bytes: u64, now: Instant) -> Self {
        Self { rate_bytes, tokens: rate_bytes.saturating_mul(BURST_SECONDS), filled: now }
    }

    /// Takes bytes if there are enough.
    fn take(&mut self, bytes: u64, now: Instant) -> bool {
        let micros = now.saturating_duration_since(self.filled).as_micros();
        let more = micros.saturating_mul(u128::from(self.rate_bytes)) / 1_000_000;
        if more > 0 {
            let full = self.rate_bytes.saturating_mul(BURST_SECONDS);
            self.tokens = full.min(self.tokens.saturating_add(u64::try_from(more).unwrap_or(u64::MAX)));
            self.filled = now;
        }
        let is_enough = bytes <= self.tokens;
        if is_enough {
            self.tokens -= bytes;
        }
        is_enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_refills_at_its_rate() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut bucket = Bucket::new(1000, start);
        assert!(!bucket.take(4001, at(0)));
        assert!(bucket.take(4000, at(0)), "the burst of four seconds");
        assert!(!bucket.take(1, at(0)));
        assert!(!bucket.take(501, at(500)) && bucket.take(500, at(500)));
        assert!(!bucket.take(4001, at(100_000)) && bucket.take(4000, at(100_000)), "never more than full");
    }
}
