//! The orders that wait for the spool's thread: within a bound of bytes, in the order in which they came.
//!
//! Nothing here waits for a disk, so that whoever takes the lock holds it for microseconds.

use std::collections::{HashSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use insightd_spool::{Amount, AppendError, Block, Cause, KeyId, Lease, Lost};
use tokio::sync::oneshot;

use super::Rejected;

/// So long nothing was finished: from then on the disk counts as stalled, and nobody waits for it.
pub(super) const STALLED: Duration = Duration::from_secs(2);

/// One order to the spool's thread.
#[derive(Debug)]
pub(super) enum Order {
    /// Keep a block.
    Append { block: Block, reply: mpsc::SyncSender<Result<(), AppendError>> },
    /// The tick is over at this time.
    EndTick { now_unix_ms: u64, reply: mpsc::SyncSender<()> },
    /// Lease the next block that goes to none of these destinations, and read it.
    Take { held: HashSet<KeyId>, reply: oneshot::Sender<Taken> },
    /// The service has the block.
    Accepted { lease: Lease, events: u32, bytes: usize, rejected: Rejected },
    /// The block waits again; `failed` if a request for it failed.
    Release { lease: Lease, failed: bool },
    /// The service will never take the block.
    Discard { lease: Lease, events: u32 },
    /// End: move to the disk what can be moved.
    Finish { reply: oneshot::Sender<Amount> },
}

/// Answer to [`Order::Take`].
#[derive(Debug)]
pub(super) struct Taken {
    /// The block, if one may go.
    pub(super) next: Option<(Lease, Block)>,
    /// Nothing waits at all.
    pub(super) is_empty: bool,
}

/// The queue between everybody and the spool's thread.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    max_bytes: u64,
}

#[derive(Debug, Default)]
struct State {
    orders: VecDeque<Order>,
    /// Blocks in the queue.
    waiting: Amount,
    /// The block that is being written.
    writing: Amount,
    /// Blocks that had to make room.
    lost: Lost,
    /// Since when the thread has been at one order.
    busy_since: Option<Instant>,
    is_closed: bool,
    has_ended: bool,
}

/// Blocks in front of the spool.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Waiting {
    /// Blocks that the spool does not have yet.
    pub(super) amount: Amount,
    /// Blocks that had to make room.
    pub(super) lost: Lost,
    /// For how long the disk has not answered, if it is stalled.
    pub(super) stalled_for: Option<Duration>,
}

impl Queue {
    /// Blocks of at most `max_bytes` wait in it, but one always may.
    pub(super) fn new(max_bytes: u64) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), max_bytes }
    }

    /// Adds an order. The oldest blocks make room for a new one, and are counted; so is one that comes after the end.
    pub(super) fn push(&self, order: Order) {
        let mut state = self.state();
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
            // One for all ticks that the disk did not answer to.
            Order::EndTick { .. } => state.orders.retain(|order| !matches!(order, Order::EndTick { .. })),
            Order::Finish { .. } => state.is_closed = true,
            _ => {}
        }
        state.orders.push_back(order);
        drop(state);
        self.changed.notify_all();
    }

    /// The next order, for the thread; none came within `wait`, or the queue was closed: `None`.
    pub(super) fn next(&self, wait: Option<Duration>) -> Option<Order> {
        let mut state = self.state();
        let deadline = wait.map(|wait| Instant::now() + wait);
        loop {
            if let Some(order) = state.orders.pop_front() {
                state.busy_since = Some(Instant::now());
                if let Order::Append { block, .. } = &order {
                    let amount = amount(block);
                    state.waiting -= amount;
                    state.writing = amount;
                }
                return Some(order);
            }
            if state.is_closed {
                return None;
            }
            state = match deadline {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return None;
                    }
                    self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// The thread is done with what [`next`](Self::next) gave it.
    pub(super) fn done(&self) {
        let mut state = self.state();
        state.busy_since = None;
        state.writing = Amount::default();
    }

    /// The thread ends: what is in the queue stays there.
    pub(super) fn ended(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.has_ended = true;
        drop(state);
        self.changed.notify_all();
    }

    /// Takes no more orders, and waits at most so long until the thread has done the others.
    pub(super) fn close(&self, wait: Duration) {
        let mut state = self.state();
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
        self.state().is_closed
    }

    /// Blocks in front of the spool.
    pub(super) fn waiting(&self) -> Waiting {
        let state = self.state();
        let mut amount = state.waiting;
        amount += state.writing;
        let busy_for = state.busy_since.map(|since| since.elapsed());
        Waiting { amount, lost: state.lost, stalled_for: busy_for.filter(|busy| *busy >= STALLED) }
    }

    /// Every change of the state is whole before anything can panic.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
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
