//! Runs a sink on its own thread, because the consumer of the events may stall: a container runtime that restarts, a
//! stopped terminal, a volume that does not respond.
//!
//! The tick waits only briefly for the sink, and not at all while earlier events are queued. So a sink that keeps up
//! reports its outcome in the same tick, as without a thread, and a slow sink does not delay ticks. The queue is
//! bounded; events beyond it are lost and counted.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use insightd_upstream::lock;
use insights_batch::{Event, Limits, Payloads};

use super::{Delivered, Sink, SinkError};

/// Maximum size of the queue, bytes.
const ROOM_BYTES: usize = 8 << 20;

/// Size at which gathered events are handed to the thread, bytes.
const BLOCK_BYTES: usize = 64 << 10;

/// Total time per tick that the tick waits for a sink that has kept up so far.
const PATIENCE: Duration = Duration::from_millis(250);

/// Time that the end of a run waits.
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// The tick's handle to the sink thread.
#[derive(Debug)]
pub struct Detached {
    limits: Limits,
    shared: Arc<Shared>,
    block: Payloads,
    /// Remaining wait time of this tick.
    patience: Duration,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Notified when work is added and when work is done.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<WorkItem>,
    waiting_bytes: usize,
    /// `true` while the thread processes a work item.
    is_busy: bool,
    /// Events that the thread took and the sink has not reported yet: they are being processed, or buffered in the sink.
    unreported: u64,
    /// `true` once `finish` has counted the unreported events as lost: later reports of the sink do not count.
    is_given_up: bool,
    delivered: Delivered,
    /// `true` if no more work will be added.
    is_over: bool,
}

#[derive(Debug)]
enum WorkItem {
    Events(Payloads),
    EndTick,
}

impl Detached {
    /// Moves a sink to a thread of this name.
    ///
    /// # Errors
    /// The operating system cannot create the thread.
    pub fn new(name: &str, sink: impl Sink + 'static) -> io::Result<Self> {
        let (limits, shared) = (sink.limits(), Arc::new(Shared::default()));
        let (theirs, mut sink) = (Arc::clone(&shared), sink);
        let run = move || while theirs.work(&mut sink) {};
        std::thread::Builder::new().name(format!("sink {name}")).stack_size(256 << 10).spawn(run)?;
        Ok(Self { limits, shared, block: Payloads::default(), patience: PATIENCE })
    }

    /// Hands the gathered events to the thread. Reports them as lost if the queue is full.
    fn hand_over(&mut self) -> Delivered {
        if self.block.is_empty() {
            return Delivered::default();
        }
        let next = Payloads::new(&self.block.content_type);
        let block = std::mem::replace(&mut self.block, next);
        let mut state = self.shared.lock();
        if state.waiting_bytes + block.body.len() > ROOM_BYTES {
            let (lost, waiting_bytes) = (block.len() as u64, state.waiting_bytes);
            return Delivered {
                lost,
                error: Some(SinkError::Stalled { waiting_bytes }),
                ..Delivered::default()
            };
        }
        state.waiting_bytes += block.body.len();
        self.shared.put(state, WorkItem::Events(block), &mut self.patience);
        Delivered::default()
    }
}

impl Sink for Detached {
    fn limits(&self) -> Limits {
        self.limits
    }

    fn accept(&mut self, content_type: &str, events: &mut dyn Iterator<Item = Event<'_>>) -> Delivered {
        let mut delivered = Delivered::default();
        if self.block.content_type != content_type {
            delivered.add(self.hand_over());
            self.block = Payloads::new(content_type);
        }
        for event in events {
            let route: Vec<(&str, &str)> =
                event.route.iter().map(|(key, value)| (&**key, &**value)).collect();
            self.block.push(&route, event.time_unix_ms, event.bytes);
            if self.block.body.len() >= BLOCK_BYTES {
                delivered.add(self.hand_over());
            }
        }
        delivered.add(self.shared.take_delivered());
        delivered
    }

    fn end_tick(&mut self) -> Delivered {
        let mut delivered = self.hand_over();
        self.shared.put(self.shared.lock(), WorkItem::EndTick, &mut self.patience);
        self.patience = PATIENCE;
        delivered.add(self.shared.take_delivered());
        delivered
    }

    fn finish(&mut self) -> Delivered {
        let mut delivered = self.end_tick();
        let mut state = self.shared.wait(self.shared.lock(), LAST_PATIENCE);
        let mut lost = std::mem::take(&mut state.unreported);
        state.is_given_up = true;
        lost += state.waiting.drain(..).map(|work| work.events()).sum::<u64>();
        if lost > 0 {
            let error = Some(SinkError::Stalled { waiting_bytes: state.waiting_bytes });
            state.delivered.add(Delivered { lost, error, ..Delivered::default() });
        }
        drop(state);
        delivered.add(self.shared.take_delivered());
        delivered
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_all();
    }
}

impl WorkItem {
    fn events(&self) -> u64 {
        match self {
            Self::Events(events) => events.len() as u64,
            Self::EndTick => 0,
        }
    }
}

impl State {
    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && !self.is_busy
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Adds work, and waits up to `patience` for it if the thread was idle.
    fn put(&self, mut state: MutexGuard<'_, State>, work: WorkItem, patience: &mut Duration) {
        let keeps_up = state.is_idle();
        // A sink that stalls for hours must process one end of a tick afterwards, not thousands.
        if !(matches!(work, WorkItem::EndTick) && matches!(state.waiting.back(), Some(WorkItem::EndTick))) {
            state.waiting.push_back(work);
        }
        self.changed.notify_all();
        if keeps_up {
            let start = Instant::now();
            drop(self.wait(state, *patience));
            *patience = patience.saturating_sub(start.elapsed());
        }
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, patience: Duration) -> MutexGuard<'a, State> {
        let waited = self.changed.wait_timeout_while(state, patience, |state| !state.is_idle());
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn take_delivered(&self) -> Delivered {
        std::mem::take(&mut self.lock().delivered)
    }

    /// Processes the next work item. Returns false if the handle was dropped and the queue is empty.
    fn work(&self, sink: &mut impl Sink) -> bool {
        let waits = |state: &mut State| state.waiting.is_empty() && !state.is_over;
        let come = self.changed.wait_while(self.lock(), waits);
        let mut state = come.unwrap_or_else(PoisonError::into_inner);
        let Some(work) = state.waiting.pop_front() else { return false };
        let bytes = if let WorkItem::Events(events) = &work { events.body.len() } else { 0 };
        state.is_busy = true;
        state.unreported += work.events();
        drop(state);
        let delivered = match &work {
            WorkItem::Events(events) => sink.accept(&events.content_type, &mut events.events()),
            WorkItem::EndTick => sink.end_tick(),
        };
        let mut state = self.lock();
        state.waiting_bytes -= bytes;
        state.is_busy = false;
        if !state.is_given_up {
            state.unreported = state.unreported.saturating_sub(delivered.events + delivered.lost);
            state.delivered.add(delivered);
        }
        drop(state);
        self.changed.notify_all();
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Processes a work item only on request.
    struct Held {
        go: Receiver<()>,
        taken: Arc<Mutex<Vec<String>>>,
        unwritten: u64,
    }

    impl Sink for Held {
        fn accept(&mut self, _: &str, events: &mut dyn Iterator<Item = Event<'_>>) -> Delivered {
            let _ = self.go.recv();
            for event in events {
                self.taken.lock().unwrap().push(String::from_utf8(event.bytes.to_vec()).unwrap());
                self.unwritten += 1;
            }
            Delivered::default()
        }

        fn end_tick(&mut self) -> Delivered {
            Delivered { events: std::mem::take(&mut self.unwritten), ..Delivered::default() }
        }
    }

    fn held() -> (Detached, Sender<()>, Arc<Mutex<Vec<String>>>) {
        let ((go, wait), taken) = (channel(), Arc::default());
        let sink = Held { go: wait, taken: Arc::clone(&taken), unwritten: 0 };
        (Detached::new("test", sink).unwrap(), go, taken)
    }

    fn give(sink: &mut Detached, body: &str) -> Delivered {
        let mut payloads = Payloads::new("application/json");
        payloads.push(&[("log_group", "g")], 1, body.as_bytes());
        sink.accept("application/json", &mut payloads.events())
    }

    #[test]
    fn a_sink_that_keeps_up_reports_in_the_same_tick() {
        let (mut sink, go, taken) = held();
        for body in ["one", "two"] {
            go.send(()).unwrap();
            assert_eq!(give(&mut sink, body).events, 0);
            let ended = sink.end_tick();
            assert_eq!((ended.events, ended.lost), (1, 0));
        }
        assert_eq!(*taken.lock().unwrap(), ["one", "two"]);
        assert_eq!(sink.finish().events, 0);
    }

    #[test]
    fn what_waits_is_bounded_and_arrives_in_order_when_the_reader_is_back() {
        let (mut sink, go, taken) = held();
        // The first event is being processed; the queue then has room for 8 MiB.
        let large = "x".repeat(1 << 20);
        let (mut lost, mut stalled) = (0, 0);
        for number in 0..10 {
            let mut delivered = give(&mut sink, &format!("{number}{large}"));
            delivered.add(sink.end_tick());
            lost += delivered.lost;
            stalled += u64::from(matches!(delivered.error, Some(SinkError::Stalled { .. })));
            assert_eq!(delivered.events, 0);
        }
        assert_eq!((lost, stalled), (3, 3), "each has a byte more than 1 MiB");
        for _ in 0..10 {
            go.send(()).unwrap();
        }
        let mut rest = give(&mut sink, "last");
        rest.add(sink.finish());
        assert_eq!((rest.events, rest.lost), (8, 0));
        let first: String = taken.lock().unwrap().iter().map(|text| &text[..1]).collect();
        assert_eq!(first, "0123456l");
    }

    #[test]
    fn what_nobody_takes_until_the_end_is_lost_and_counted() {
        let (mut sink, go, _) = held();
        give(&mut sink, "one");
        sink.end_tick();
        give(&mut sink, "two");
        let ended = sink.finish();
        assert_eq!((ended.events, ended.lost), (0, 2));
        assert!(matches!(ended.error, Some(SinkError::Stalled { .. })));
        drop(go);
    }

    /// Buffers events, and flushes at the end of a tick only on request.
    struct StalledFlush(Receiver<()>);

    impl Sink for StalledFlush {
        fn accept(&mut self, _: &str, _: &mut dyn Iterator<Item = Event<'_>>) -> Delivered {
            Delivered::default()
        }

        fn end_tick(&mut self) -> Delivered {
            let _ = self.0.recv();
            Delivered { events: 1, ..Delivered::default() }
        }
    }

    #[test]
    fn events_buffered_in_a_sink_that_stalls_at_the_end_of_a_tick_are_lost_and_counted() {
        let (go, wait) = channel();
        let mut sink = Detached::new("test", StalledFlush(wait)).unwrap();
        go.send(()).unwrap();
        give(&mut sink, "one");
        assert_eq!(sink.end_tick().events, 1);
        give(&mut sink, "two");
        let ended = sink.finish();
        assert_eq!((ended.events, ended.lost), (0, 1));
        drop(go);
    }
}
