//! Delivery queue: access to the spool for the thread that fills it at every tick and for the task that drains it. Both leave
//! disk access to the spool's own thread, and neither waits for it without a bound.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use insightd_spool::{AppendError, Block, Cause, KeyId, Lease, Spool, Stats, StorageMode};
use insightd_upstream::{UpstreamStatus, lock};
use tokio::sync::{Notify, oneshot};

use super::orders::{NextBlock, Order, OrderQueue, STALLED};
use super::spool_thread::{SpoolThread, stats_before_open};
use crate::transport::RejectedEvents;

/// Upper bound on the time that one tick waits for the disk, for all its blocks together.
pub(super) const TICK_WAIT: Duration = STALLED;

/// Upper bound on the wait of the last handle for the thread, so that the next spool does not find the directory locked.
const DROP_WAIT: Duration = Duration::from_secs(2);

/// Counters of delivered and rejected events since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// Requests that the service accepted.
    pub accepted_requests: u64,
    /// Events in accepted requests, without those that the service rejected.
    pub accepted_events: u64,
    /// Compressed bytes of the bodies of accepted requests.
    pub accepted_bytes: u64,
    /// Requests that failed and are retried.
    pub failed_requests: u64,
    /// Events that the service rejected as too old.
    pub too_old_events: u64,
    /// Events that the service rejected as too far ahead of its clock.
    pub too_new_events: u64,
    /// Events that the service rejected as older than the retention of their log group.
    pub expired_events: u64,
    /// Data points that the service rejected out of accepted events.
    pub rejected_points: u64,
    /// Events of requests that the service will never accept.
    pub undeliverable_events: u64,
}

impl DeliveryCounts {
    /// Returns the number of events that the service rejected out of accepted requests.
    fn rejected_events(&self) -> u64 {
        self.too_old_events + self.too_new_events + self.expired_events
    }
}

/// The delivery queue of one service. Clones share it; its thread ends with the last of them.
#[derive(Clone, Debug)]
pub struct DeliveryQueue(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    orders: Arc<OrderQueue>,
    published: Arc<Published>,
    tick: Mutex<TickBudget>,
    wake: Notify,
    status: Arc<UpstreamStatus>,
    /// Replaces the thread in tests with a paused clock: orders are executed synchronously.
    inline: Option<Mutex<SpoolThread>>,
}

/// Statistics as of the last order.
#[derive(Debug)]
pub(super) struct Published(Mutex<(Stats, DeliveryCounts)>);

impl Published {
    pub(super) fn set(&self, stats: Stats, counts: DeliveryCounts) {
        *lock(&self.0) = (stats, counts);
    }

    fn get(&self) -> (Stats, DeliveryCounts) {
        lock(&self.0).clone()
    }
}

/// Remaining time that this tick may wait for the disk.
#[derive(Debug)]
struct TickBudget {
    left: Duration,
    /// `true` if the disk did not respond in time and was reported as stalled.
    is_stalled: bool,
}

impl DeliveryQueue {
    /// Starts the thread of an open spool. The results of sending are recorded in `status`.
    ///
    /// # Errors
    /// The thread cannot be created.
    pub fn new(spool: Spool, status: Arc<UpstreamStatus>) -> io::Result<Self> {
        let memory_bytes = spool.memory_bytes();
        Self::open(move || spool, memory_bytes, status)
    }

    /// Starts the thread, which opens the spool. Until the spool is open, and while its disk does not respond, blocks wait in
    /// memory, up to `memory_bytes` of them.
    ///
    /// # Errors
    /// The thread cannot be created.
    pub fn open(
        open: impl FnOnce() -> Spool + Send + 'static,
        memory_bytes: u64,
        status: Arc<UpstreamStatus>,
    ) -> io::Result<Self> {
        let queue = Self::with(memory_bytes, status, None);
        let Handle { orders, published, status, .. } = &*queue.0;
        let (orders, published, status) = (Arc::clone(orders), Arc::clone(published), Arc::clone(status));
        std::thread::Builder::new().name("spool".into()).spawn(move || {
            // Runs its destructor even if the thread panics.
            let _ended = EndGuard(&orders);
            SpoolThread::new(open(), status).run(&orders, &published);
        })?;
        Ok(queue)
    }

    /// Creates a delivery queue without a thread.
    #[cfg(test)]
    pub(super) fn inline(spool: Spool, status: Arc<UpstreamStatus>) -> Self {
        let spool_thread = SpoolThread::new(spool, Arc::clone(&status));
        Self::with(0, status, Some(Mutex::new(spool_thread)))
    }

    fn with(memory_bytes: u64, status: Arc<UpstreamStatus>, inline: Option<Mutex<SpoolThread>>) -> Self {
        let (orders, published) = (
            OrderQueue::new(memory_bytes),
            Published(Mutex::new((stats_before_open(), DeliveryCounts::default()))),
        );
        let tick = TickBudget { left: TICK_WAIT, is_stalled: false };
        Self(Arc::new(Handle {
            orders: Arc::new(orders),
            published: Arc::new(published),
            tick: Mutex::new(tick),
            wake: Notify::new(),
            status,
            inline,
        }))
    }

    /// Stores a block until it is delivered. The block is on disk when this returns, unless the disk fails; if the disk does not
    /// respond within two seconds, the block waits in memory.
    ///
    /// # Errors
    /// The block is lost and counted.
    pub fn put(&self, block: Block) -> Result<(), AppendError> {
        let (reply, response) = mpsc::sync_channel(1);
        self.order(Order::Append { block, reply });
        self.0.wake.notify_one();
        // Without a reply, the block is queued, or was dropped to make room and is counted.
        self.wait_for(&response).unwrap_or(Ok(()))
    }

    /// Ends a tick: keeps the spool within its bounds and checks whether its directory is usable.
    pub fn end_tick(&self, now_unix_ms: u64) {
        let (reply, response) = mpsc::sync_channel(1);
        self.order(Order::EndTick { now_unix_ms, reply });
        self.wait_for(&response);
        lock(&self.0.tick).left = TICK_WAIT;
        self.0.wake.notify_one();
    }

    /// Waits for a reply of the thread, at most for the remaining time of this tick.
    fn wait_for<T>(&self, response: &mpsc::Receiver<T>) -> Option<T> {
        let (mut tick, start) = (lock(&self.0.tick), Instant::now());
        // After one timeout, do not wait again until the disk responds.
        let is_stalled = tick.is_stalled && self.0.orders.waiting().stalled_for.is_some();
        let wait = if is_stalled { Duration::ZERO } else { tick.left };
        let response = response.recv_timeout(wait).ok();
        tick.left = tick.left.saturating_sub(start.elapsed());
        if response.is_some() {
            if std::mem::take(&mut tick.is_stalled) {
                tracing::info!(sink = self.0.status.source(), "spool: the disk responds again");
            }
        } else {
            tick.is_stalled = true;
            self.0.status.failed(format!("{STALLED_DISK} in time; new requests wait in memory"));
        }
        response
    }

    /// Returns the number of events lost since the start, dropped here or rejected by the service.
    pub fn lost_events(&self) -> u64 {
        self.stats().lost.total().events + self.counts().rejected_events()
    }

    /// Counters of delivered and rejected events.
    pub fn counts(&self) -> DeliveryCounts {
        self.0.published.get().1
    }

    /// Returns pending and lost blocks as last reported by the spool's thread; never waits for the disk.
    pub fn stats(&self) -> Stats {
        let mut stats = self.0.published.get().0;
        let waiting = self.0.orders.waiting();
        stats.pending += waiting.amount;
        stats.in_memory += waiting.amount;
        for cause in Cause::ALL {
            stats.lost.add(cause, waiting.lost.by(cause));
        }
        if let Some(time) = waiting.stalled_for {
            stats.mode = StorageMode::Memory { reason: format!("{STALLED_DISK} for {} s", time.as_secs()) };
        }
        stats
    }

    /// Status of sending.
    pub fn status(&self) -> &Arc<UpstreamStatus> {
        &self.0.status
    }

    /// Ends the thread, which moves blocks in memory to the disk, and waits for it at most `wait`. Returns the number of events
    /// that are not on disk and are lost when the process ends.
    pub async fn close(&self, wait: Duration) -> u64 {
        let (reply, left) = oneshot::channel();
        self.order(Order::Finish { reply });
        match tokio::time::timeout(wait, left).await {
            Ok(Ok(left)) => left.events,
            _ => {
                let events = self.stats().in_memory.events;
                if events > 0 {
                    let sink = self.0.status.source();
                    tracing::error!(
                        sink,
                        events,
                        "events lost: the spool's disk did not respond before shutdown"
                    );
                }
                events
            }
        }
    }

    pub(super) async fn changed(&self) {
        self.0.wake.notified().await;
    }

    /// Requests the next block whose destination is not in `in_backoff`: the newest of this tick, otherwise the oldest.
    pub(super) fn take(&self, in_backoff: HashSet<KeyId>, in_order: bool) -> oneshot::Receiver<NextBlock> {
        let (reply, taken) = oneshot::channel();
        self.order(Order::Take { in_backoff, in_order, reply });
        taken
    }

    /// Returns a block to the spool, to be sent later.
    pub(super) fn give_back(&self, lease: Lease) {
        self.order(Order::Release { lease, failed: false });
    }

    pub(super) fn accepted(&self, lease: Lease, events: u32, bytes: usize, rejected: RejectedEvents) {
        self.order(Order::Accepted { lease, events, bytes, rejected });
        self.0.status.succeeded();
    }

    pub(super) fn undeliverable(&self, lease: Lease, events: u32) {
        self.order(Order::Discard { lease, events });
    }

    pub(super) fn failed(&self, lease: Lease, error: String) {
        self.order(Order::Release { lease, failed: true });
        self.0.status.failed(error);
    }

    fn order(&self, order: Order) {
        if let Some(inline) = &self.0.inline {
            let mut spool_thread = lock(inline);
            spool_thread.execute(order, &self.0.orders, &self.0.published);
            spool_thread.publish(&self.0.published);
            return;
        }
        self.0.orders.push(order);
    }
}

/// Error text for a stalled disk in statistics and status.
const STALLED_DISK: &str = "the spool's disk has not responded";

impl Drop for Handle {
    fn drop(&mut self) {
        if self.inline.is_none() && !self.orders.is_closed() {
            self.orders.close(DROP_WAIT);
        }
    }
}

/// Guard that reports the end of the thread, including a panic.
struct EndGuard<'a>(&'a OrderQueue);

impl Drop for EndGuard<'_> {
    fn drop(&mut self) {
        self.0.ended();
    }
}
