//! The task that drains a delivery queue.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use insightd_spool::{Block, KeyId, Lease};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::orders::NextBlock;
use super::scheduler::{Outcome, SendScheduler, SendTicket};
use crate::queue::DeliveryQueue;
use crate::transport::{RejectedEvents, Reply, Transport};

/// Consecutive creations of a missing resource for one destination before they count as a failure.
const MAX_CREATIONS: u32 = 3;

/// Upper bound on destinations with such a count; beyond it, counting restarts.
const MAX_COUNTED_DESTINATIONS: usize = 1024;

/// Sends the blocks of the delivery queue with at most `concurrency` requests in flight. Once `stop` is true, it returns as soon as
/// nothing more can be sent without waiting; blocks in backoff are left to the next process. If this future is dropped, the
/// blocks of requests in flight are sent again.
pub async fn run<P: Transport>(
    queue: DeliveryQueue,
    transport: Arc<P>,
    concurrency: usize,
    random: fastrand::Rng,
    mut stop: watch::Receiver<bool>,
) {
    let mut runner = Runner {
        queue,
        transport,
        scheduler: SendScheduler::new(concurrency, random),
        start: Instant::now(),
        in_flight: JoinSet::new(),
        requested: None,
        may_have_blocks: true,
        creations: HashMap::new(),
    };
    loop {
        runner.request_block();
        // A dropped sender also means the end of the agent.
        let stopping = *stop.borrow() || stop.has_changed().is_err();
        if stopping && runner.in_flight.is_empty() && runner.requested.is_none() {
            return;
        }
        let now = runner.now();
        let next_expiry = runner.scheduler.next_expiry(now);
        let wait = async {
            match next_expiry {
                Some(time) => sleep_until(runner.start + time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(joined) = runner.in_flight.join_next() => {
                runner.may_have_blocks = true;
                match joined {
                    Ok(sent) => runner.on_ended(sent),
                    // A request that panicked has no response: its lease ends with the process.
                    Err(_) => runner.scheduler.abandon(),
                }
            }
            Some(block) = next_response(&mut runner.requested) => {
                runner.requested = None;
                runner.on_block(block);
            }
            () = runner.queue.changed(), if !stopping => runner.may_have_blocks = true,
            () = wait, if !stopping => runner.may_have_blocks = true,
            _ = stop.wait_for(|stop| *stop), if !stopping => {}
        }
    }
}

/// Waits for the reply of the spool's thread; returns `None` at once if nothing was requested.
async fn next_response(requested: &mut Option<oneshot::Receiver<NextBlock>>) -> Option<Option<NextBlock>> {
    match requested {
        Some(requested) => Some(requested.await.ok()),
        None => None,
    }
}

/// A request that was sent, with its response.
struct Sent {
    lease: Lease,
    ticket: SendTicket,
    key: Vec<u8>,
    events: u32,
    bytes: usize,
    reply: Reply,
}

struct Runner<P> {
    queue: DeliveryQueue,
    transport: Arc<P>,
    scheduler: SendScheduler<KeyId>,
    start: Instant,
    in_flight: JoinSet<Sent>,
    /// Pending request for a block from the spool's thread.
    requested: Option<oneshot::Receiver<NextBlock>>,
    /// `true` if something has changed since no block could be sent.
    may_have_blocks: bool,
    creations: HashMap<KeyId, u32>,
}

impl<P: Transport> Runner<P> {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Requests a block from the spool's thread if one may be sent.
    fn request_block(&mut self) {
        let now = self.now();
        if self.requested.is_none() && self.may_have_blocks && self.scheduler.may_send(now) {
            let in_order = self.transport.in_order();
            self.requested = Some(self.queue.take(self.scheduler.in_backoff(now), in_order));
        }
    }

    /// Sends the block that was requested if it still may be sent; otherwise returns it to the spool.
    fn on_block(&mut self, next: Option<NextBlock>) {
        match next {
            Some(NextBlock { next: Some((lease, block)), .. }) => {
                let now = self.now();
                if self.scheduler.may_send(now) && self.scheduler.may_send_to(&lease.key(), now) {
                    self.send(lease, block);
                } else {
                    self.queue.give_back(lease);
                }
            }
            Some(NextBlock { next: None, is_empty }) => {
                self.may_have_blocks = false;
                if is_empty {
                    self.scheduler.clear_destinations();
                    self.creations.clear();
                }
            }
            // The thread has ended.
            None => self.may_have_blocks = false,
        }
    }

    fn send(&mut self, lease: Lease, block: Block) {
        let ticket = self.scheduler.begin();
        self.queue.status().requested();
        let transport = Arc::clone(&self.transport);
        self.in_flight.spawn(async move {
            let bytes = block.body.len();
            let reply = transport.send(&block.key, block.events, block.body).await;
            Sent { lease, ticket, key: block.key, events: block.events, bytes, reply }
        });
    }

    /// Counts a creation for this destination. Returns false if there were too many in a row.
    fn may_create_again(&mut self, destination: KeyId) -> bool {
        if self.creations.len() >= MAX_COUNTED_DESTINATIONS && !self.creations.contains_key(&destination) {
            self.creations.clear();
        }
        let count = self.creations.entry(destination).or_default();
        *count = count.saturating_add(1);
        *count <= MAX_CREATIONS
    }

    fn on_ended(&mut self, sent: Sent) {
        let Sent { lease, ticket, key, events, bytes, reply } = sent;
        let destination_id = lease.key();
        let now = self.now();
        let destination = || String::from_utf8_lossy(&key).replace('\0', " ");
        if reply != Reply::Created {
            self.creations.remove(&destination_id);
        }
        let outcome = match reply {
            Reply::Accepted(rejected) => {
                if rejected.total() > 0 {
                    let RejectedEvents { too_old, too_new, expired, .. } = rejected;
                    let destination = destination();
                    tracing::warn!(destination, too_old, too_new, expired, "service rejected events");
                }
                self.queue.accepted(lease, events, bytes, rejected);
                Outcome::Settled
            }
            Reply::Created if self.may_create_again(destination_id) => {
                self.queue.give_back(lease);
                Outcome::Settled
            }
            Reply::Created => {
                let error = format!("{} was created but is still missing", destination());
                self.queue.failed(lease, error);
                Outcome::Destination(crate::policy::RetryClass::Unavailable)
            }
            Reply::Undeliverable(error) => {
                tracing::error!(events, error, "events lost: the service rejected the request permanently");
                self.queue.undeliverable(lease, events);
                Outcome::Settled
            }
            Reply::Retry { retry_class, only_destination, error } => {
                self.queue.failed(lease, error);
                if only_destination {
                    Outcome::Destination(retry_class)
                } else {
                    Outcome::Service(retry_class)
                }
            }
        };
        self.scheduler.finish(&destination_id, ticket, outcome, now);
    }
}
