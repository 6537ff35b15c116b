//! The thread that owns the spool; it is the only one that waits for the spool's disk.

use std::sync::Arc;
use std::time::Duration;

use insightd_spool::{
    Amount, Block, BlockId, Candidate, Cause, KeyId, Lease, NewBlock, Order as LeaseOrder, ReadError, Spool,
    Stats,
};
use insightd_upstream::UpstreamStatus;

use super::orders::{NextBlock, NextOrder, Order, OrderQueue};
use super::queue::{DeliveryCounts, Published};

/// Minimum interval between statistics after single orders, because computing them visits all pending blocks.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(50);

/// The spool with the state of its thread.
#[derive(Debug)]
pub(super) struct SpoolThread {
    spool: Spool,
    counts: DeliveryCounts,
    /// First block of this tick. It and later ones are sent before all others.
    first_of_tick: Option<BlockId>,
    is_tick_over: bool,
    status: Arc<UpstreamStatus>,
}

impl SpoolThread {
    pub(super) fn new(spool: Spool, status: Arc<UpstreamStatus>) -> Self {
        Self { spool, counts: DeliveryCounts::default(), first_of_tick: None, is_tick_over: true, status }
    }

    /// Executes orders until the queue is closed.
    pub(super) fn run(mut self, queue: &OrderQueue, published: &Published) {
        self.publish(published);
        let mut is_stale = false;
        loop {
            let order = match queue.next(is_stale.then_some(PUBLISH_INTERVAL)) {
                NextOrder::Order(order) => order,
                NextOrder::TimedOut => {
                    self.publish(published);
                    is_stale = false;
                    continue;
                }
                NextOrder::Closed => {
                    self.publish(published);
                    break;
                }
            };
            match order {
                Order::Finish { reply } => {
                    self.publish(published);
                    let left = self.spool.close();
                    queue.done();
                    // The receiver is gone if its wait has timed out.
                    let _ = reply.send(left);
                    return;
                }
                order => is_stale = !self.execute(order, queue, published),
            }
            queue.done();
        }
    }

    /// Executes one order. Returns true if it published statistics.
    pub(super) fn execute(&mut self, order: Order, queue: &OrderQueue, published: &Published) -> bool {
        match order {
            Order::Append { block, reply } => {
                let result = self.append(&block);
                self.publish(published);
                // Before the reply, so that its receiver finds the block counted only in the spool.
                queue.done();
                // A receiver that timed out has moved on: the block is stored, or counted as lost.
                let _ = reply.send(result);
                return true;
            }
            Order::EndTick { now_unix_ms, reply } => {
                self.spool.maintain(now_unix_ms);
                self.is_tick_over = true;
                self.publish(published);
                let _ = reply.send(());
                return true;
            }
            Order::Take { in_backoff, in_order, reply } => {
                let next = self.take(in_order, &|key| in_backoff.contains(&key));
                let is_empty = next.is_none() && self.spool.stats().pending.blocks == 0;
                if let Err(NextBlock { next: Some((lease, _)), .. }) =
                    reply.send(NextBlock { next, is_empty })
                {
                    self.spool.release(lease);
                }
            }
            Order::Accepted { lease, events, bytes, rejected } => {
                self.spool.done(lease);
                let counts = &mut self.counts;
                counts.accepted_requests += 1;
                counts.accepted_events += u64::from(events.saturating_sub(rejected.total()));
                counts.accepted_bytes += bytes as u64;
                counts.too_old_events += u64::from(rejected.too_old);
                counts.too_new_events += u64::from(rejected.too_new);
                counts.expired_events += u64::from(rejected.expired);
                counts.rejected_points += rejected.points;
            }
            Order::Release { lease, failed } => {
                self.spool.release(lease);
                self.counts.failed_requests += u64::from(failed);
            }
            Order::Discard { lease, events } => {
                self.spool.discard(lease, Cause::Rejected);
                self.counts.undeliverable_events += u64::from(events);
            }
            Order::Finish { reply } => {
                let _ = reply.send(Amount::default());
            }
        }
        false
    }

    pub(super) fn publish(&self, published: &Published) {
        published.set(self.spool.stats(), self.counts);
    }

    fn append(&mut self, block: &Block) -> Result<(), insightd_spool::AppendError> {
        let Block { events, time_unix_ms, key, body } = block;
        let id = self.spool.append(&NewBlock { key, events: *events, time_unix_ms: *time_unix_ms, body })?;
        if std::mem::take(&mut self.is_tick_over) {
            self.first_of_tick = Some(id);
        }
        Ok(())
    }

    /// Leases and reads the next block that may be sent: the newest of this tick unless `in_order`, otherwise the oldest.
    fn take(&mut self, in_order: bool, is_in_backoff: &dyn Fn(KeyId) -> bool) -> Option<(Lease, Block)> {
        loop {
            let first_of_tick = self.first_of_tick.filter(|_| !in_order);
            let skip = |block: &Candidate| is_in_backoff(block.key);
            let lease = first_of_tick
                .and_then(|first_of_tick| {
                    self.spool.lease(LeaseOrder::Newest, |block| block.id < first_of_tick || skip(block))
                })
                .or_else(|| self.spool.lease(LeaseOrder::Oldest, skip))?;
            match self.spool.read(&lease) {
                Ok(block) => return Some((lease, block)),
                Err(ReadError::Gone) => self.spool.release(lease),
                Err(error @ ReadError::Damaged { .. }) => tracing::error!(%error, "events lost"),
                Err(error @ ReadError::Unavailable(_)) => {
                    // Keep this block and all others: the disk is failing.
                    self.spool.release(lease);
                    self.status.failed(error.to_string());
                    return None;
                }
            }
        }
    }
}

/// Statistics of a spool that is not open yet.
pub(super) fn stats_before_open() -> Stats {
    Stats {
        pending: Amount::default(),
        in_memory: Amount::default(),
        oldest_time_unix_ms: None,
        disk_bytes: 0,
        lost: insightd_spool::Lost::default(),
        damage: insightd_spool::Damage::default(),
        mode: insightd_spool::StorageMode::Memory { reason: "directory not open yet".to_owned() },
    }
}
