//! Queue of orders for the spool's thread: bounded in bytes, first in, first out.
//!
//! Nothing here waits for a disk, so the lock is only held for microseconds.

use std::collections::{HashSet, VecDeque};
use std::sync::{Condvar, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use insightd_spool::{Amount, AppendError, Block, Cause, KeyId, Lease, Lost};
use insightd_upstream::lock;
use tokio::sync::oneshot;

use crate::transport::RejectedEvents;

/// Duration of a single order after which the disk counts as stalled and callers stop waiting for it.
pub(super) const STALLED: Duration = Duration::from_secs(2);

/// An order for the spool's thread.
#[derive(Debug)]
pub(super) enum Order {
    /// Store a block.
    Append { block: Block, reply: mpsc::SyncSender<Result<(), AppendError>> },
    /// End the tick at this time.
    EndTick { now_unix_ms: u64, reply: mpsc::SyncSender<()> },
    /// Lease and read the next block whose destination is not in `in_backoff`; the oldest one if `in_order`.
    Take { in_backoff: HashSet<KeyId>, in_order: bool, reply: oneshot::Sender<NextBlock> },
    /// Remove a block that the service has accepted.
    Accepted { lease: Lease, events: u32, bytes: usize, rejected: RejectedEvents },
    /// Return a block to the spool; `failed` if a request for it failed.
    Release { lease: Lease, failed: bool },
    /// Drop a block that the service will never accept.
    Discard { lease: Lease, events: u32 },
    /// Move blocks in memory to the disk and end the thread.
    Finish { reply: oneshot::Sender<Amount> },
}

/// Reply to [`Order::Take`].
#[derive(Debug)]
pub(super) struct NextBlock {
    /// The leased block, if one may be sent.
    pub(super) next: Option<(Lease, Block)>,
    /// `true` if no blocks are pending at all.
    pub(super) is_empty: bool,
}

/// The queue of orders to the spool's thread.
#[derive(Debug)]
pub(super) struct OrderQueue {
    state: Mutex<QueueState>,
    changed: Condvar,
    max_bytes: u64,
}

#[derive(Debug, Default)]
struct QueueState {
    orders: VecDeque<Order>,
    /// Blocks in the queue.
    waiting: Amount,
    /// Block that is being written.
    writing: Amount,
    /// Blocks that were dropped to make room.
    lost: Lost,
    /// Start of the order that the thread is executing.
    busy_since: Option<Instant>,
    is_closed: bool,
    has_ended: bool,
}

/// Result of waiting for an order.
#[derive(Debug)]
pub(super) enum NextOrder {
    /// The next order.
    Order(Order),
    /// No order arrived in time. The queue may have been closed since, with further orders in it.
    TimedOut,
    /// The queue is closed and empty.
    Closed,
}

/// Blocks that have not reached the spool.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WaitingBlocks {
    /// Blocks that the spool does not have yet.
    pub(super) amount: Amount,
    /// Blocks that were dropped to make room.
    pub(super) lost: Lost,
    /// Duration of the current order, if the disk is stalled.
    pub(super) stalled_for: Option<Duration>,
}

impl OrderQueue {
    /// Creates a queue for at most `max_bytes` of blocks; a single larger block is accepted, too.
    pub(super) fn new(max_bytes: u64) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), max_bytes }
    }

    /// Adds an order. The oldest blocks are dropped and counted to make room for a new one; so is a block after the end.
    pub(super) fn push(&self, order: Order) {
        let mut state = lock(&self.state);
        if state.is_closed {
            if let Order::Append { block, .. } = order {
                state.lost.add(Cause::MemoryFull, amount(&block));
            }
            return;
        }
        match &order {
            Order::Append { block, .. } => {
                let amount = amount(block);
                while state.waiting.blocks > 0 && state.waiting.bytes + amount.bytes > self.max_bytes {
                    state.drop_oldest();
                }
                state.waiting += amount;
            }
            // One order stands for all ticks to which the disk did not respond.
            Order::EndTick { .. } => state.orders.retain(|order| !matches!(order, Order::EndTick { .. })),
            Order::Finish { .. } => state.is_closed = true,
            _ => {}
        }
        state.orders.push_back(order);
        drop(state);
        self.changed.notify_all();
    }

    /// Waits at most `wait` for the next order for the thread. A closed queue still returns its remaining orders.
    pub(super) fn next(&self, wait: Option<Duration>) -> NextOrder {
        let mut state = lock(&self.state);
        let deadline = wait.map(|wait| Instant::now() + wait);
        loop {
            if let Some(order) = state.orders.pop_front() {
                state.busy_since = Some(Instant::now());
                if let Order::Append { block, .. } = &order {
                    let amount = amount(block);
                    state.waiting -= amount;
                    state.writing = amount;
                }
                return NextOrder::Order(order);
            }
            if state.is_closed {
                return NextOrder::Closed;
            }
            state = match deadline {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return NextOrder::TimedOut;
                    }
                    self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Marks the order from [`next`](Self::next) as finished.
    pub(super) fn done(&self) {
        let mut state = lock(&self.state);
        state.busy_since = None;
        state.writing = Amount::default();
    }

    /// Marks the thread as ended. Remaining orders are dropped, and their blocks are counted as lost.
    pub(super) fn ended(&self) {
        let mut state = lock(&self.state);
        state.is_closed = true;
        state.has_ended = true;
        while state.waiting.blocks > 0 {
            state.drop_oldest();
        }
        state.orders.clear();
        drop(state);
        self.changed.notify_all();
    }

    /// Accepts no more orders and waits at most `wait` for the thread to finish the others.
    pub(super) fn close(&self, wait: Duration) {
        let mut state = lock(&self.state);
        state.is_closed = true;
        self.changed.notify_all();
        let deadline = Instant::now() + wait;
        while !state.has_ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        lock(&self.state).is_closed
    }

    /// Returns the blocks that have not reached the spool.
    pub(super) fn waiting(&self) -> WaitingBlocks {
        let state = lock(&self.state);
        let mut amount = state.waiting;
        amount += state.writing;
        let busy_for = state.busy_since.map(|since| since.elapsed());
        WaitingBlocks { amount, lost: state.lost, stalled_for: busy_for.filter(|busy| *busy >= STALLED) }
    }
}

impl QueueState {
    fn drop_oldest(&mut self) {
        let oldest = self.orders.iter().position(|order| matches!(order, Order::Append { .. }));
        match oldest.and_then(|at| self.orders.remove(at)) {
            Some(Order::Append { block, .. }) => {
                let amount = amount(&block);
                self.waiting -= amount;
                self.lost.add(Cause::MemoryFull, amount);
            }
            _ => self.waiting = Amount::default(),
        }
    }
}

fn amount(block: &Block) -> Amount {
    Amount::block(block.events, block.key.len() + block.body.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(events: u32) -> (Order, mpsc::Receiver<Result<(), AppendError>>) {
        let (reply, response) = mpsc::sync_channel(1);
        let block = Block { events, time_unix_ms: 1, key: b"k".to_vec(), body: b"x".to_vec() };
        (Order::Append { block, reply }, response)
    }

    #[test]
    fn a_queue_closed_after_a_timeout_returns_its_orders_first() {
        let queue = OrderQueue::new(1 << 20);
        assert!(matches!(queue.next(Some(Duration::ZERO)), NextOrder::TimedOut));
        queue.push(append(3).0);
        queue.push(Order::Finish { reply: oneshot::channel().0 });
        assert!(matches!(queue.next(None), NextOrder::Order(Order::Append { .. })));
        assert!(matches!(queue.next(None), NextOrder::Order(Order::Finish { .. })));
        assert!(matches!(queue.next(None), NextOrder::Closed));
    }

    #[test]
    fn blocks_left_by_a_thread_that_ended_are_counted_as_lost() {
        let queue = OrderQueue::new(1 << 20);
        let (order, response) = append(3);
        queue.push(order);
        queue.ended();
        assert_eq!((queue.waiting().amount.events, queue.waiting().lost.total().events), (0, 3));
        assert!(response.recv().is_err(), "nobody waits for a reply");
    }
}
