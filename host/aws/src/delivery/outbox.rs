//! The spool as two share it: the thread that fills it at every tick, and the task that empties it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use insightd_peer::Status;
use insightd_spool::{AppendError, Block, BlockId, Cause, Lease, NewBlock, Order, ReadError, Spool, Stats};
use tokio::sync::Notify;

use super::Rejected;

/// What was delivered, and what was not, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that the service took.
    pub accepted_requests: u64,
    /// Events in them, without those that it threw away.
    pub accepted_events: u64,
    /// Bytes of these requests' bodies, compressed.
    pub accepted_bytes: u64,
    /// Requests that failed and are sent again.
    pub failed_requests: u64,
    /// Events that the service threw away: too old.
    pub too_old_events: u64,
    /// Too far ahead of its clock.
    pub too_new_events: u64,
    /// Older than their group keeps events.
    pub expired_events: u64,
    /// Events of requests that it will never take.
    pub impossible_events: u64,
}

/// One service's blocks. Clones share them.
#[derive(Clone, Debug)]
pub struct Outbox(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    wake: Notify,
    status: Arc<Status>,
}

#[derive(Debug)]
struct State {
    spool: Spool,
    counts: Counts,
    /// The first block of this tick: it and what follows go before all others.
    fresh: Option<BlockId>,
    is_tick_over: bool,
}

impl Outbox {
    /// Over an open spool. How sending goes is noted in `status`.
    pub fn new(spool: Spool, status: Arc<Status>) -> Self {
        let state = State { spool, counts: Counts::default(), fresh: None, is_tick_over: true };
        Self(Arc::new(Shared { state: Mutex::new(state), wake: Notify::new(), status }))
    }

    /// Keeps a block until it is delivered.
    ///
    /// # Errors
    /// It is lost, and counted by the spool.
    pub fn put(&self, block: &NewBlock<'_>) -> Result<(), AppendError> {
        let mut state = self.state();
        let id = state.spool.append(block)?;
        if std::mem::take(&mut state.is_tick_over) {
            state.fresh = Some(id);
        }
        drop(state);
        self.0.wake.notify_one();
        Ok(())
    }

    /// Once a tick: keeps the spool within its bounds, and looks whether its folder can be used.
    pub fn end_tick(&self, now_unix_ms: u64) {
        let mut state = self.state();
        state.spool.maintain(now_unix_ms);
        state.is_tick_over = true;
        drop(state);
        self.0.wake.notify_one();
    }

    /// Events that were given up here or thrown away there, since the start.
    pub fn lost_events(&self) -> u64 {
        let state = self.state();
        let Counts { too_old_events, too_new_events, expired_events, .. } = state.counts;
        state.spool.stats().lost.total().events + too_old_events + too_new_events + expired_events
    }

    /// What was delivered.
    pub fn counts(&self) -> Counts {
        self.state().counts
    }

    /// What waits, and what was lost on the way.
    pub fn stats(&self) -> Stats {
        self.state().spool.stats()
    }

    /// How sending goes.
    pub fn status(&self) -> &Arc<Status> {
        &self.0.status
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.stats().pending.blocks == 0
    }

    pub(super) async fn changed(&self) {
        self.0.wake.notified().await;
    }

    /// The next block that is not `passed_over`: one of this tick, else the oldest.
    pub(super) fn take(&self, passed_over: impl Fn(BlockId) -> bool) -> Option<(Lease, Block)> {
        let mut state = self.state();
        loop {
            let fresh = state.fresh;
            let lease = fresh
                .and_then(|fresh| state.spool.lease(Order::Newest, |id| id < fresh || passed_over(id)))
                .or_else(|| state.spool.lease(Order::Oldest, &passed_over))?;
            match state.spool.read(&lease) {
                Ok(block) => return Some((lease, block)),
                Err(ReadError::Gone) => state.spool.release(lease),
                Err(error @ ReadError::Damaged { .. }) => tracing::error!(%error, "events lost"),
                Err(error @ ReadError::Unavailable(_)) => {
                    // It stays, and so do all others behind it: the disk is in trouble.
                    state.spool.release(lease);
                    self.0.status.failed(error.to_string());
                    return None;
                }
            }
        }
    }

    /// Sends it another time.
    pub(super) fn give_back(&self, lease: Lease) {
        self.state().spool.release(lease);
    }

    pub(super) fn accepted(&self, lease: Lease, events: u32, bytes: usize, rejected: Rejected) {
        let mut state = self.state();
        state.spool.done(lease);
        let counts = &mut state.counts;
        counts.accepted_requests += 1;
        counts.accepted_events += u64::from(events.saturating_sub(rejected.total()));
        counts.accepted_bytes += bytes as u64;
        counts.too_old_events += u64::from(rejected.too_old);
        counts.too_new_events += u64::from(rejected.too_new);
        counts.expired_events += u64::from(rejected.expired);
        drop(state);
        self.0.status.succeeded();
    }

    pub(super) fn impossible(&self, lease: Lease, events: u32) {
        let mut state = self.state();
        state.spool.discard(lease, Cause::Rejected);
        state.counts.impossible_events += u64::from(events);
    }

    pub(super) fn failed(&self, lease: Lease, error: String) {
        let mut state = self.state();
        state.spool.release(lease);
        state.counts.failed_requests += 1;
        drop(state);
        self.0.status.failed(error);
    }

    /// Whole blocks and counters are behind it, whatever panicked elsewhere.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
