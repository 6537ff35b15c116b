//! The task that drains a delivery queue.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use insightd_spool::{Block, KeyId, Lease};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::courier::Began;
use super::queue::Taken;
use super::{Courier, Ended, Outbox, Post, Rejected, Reply};

/// Consecutive creations of a missing resource for one destination before they count as a failure.
const CREATED_IN_A_ROW: u32 = 3;

/// Upper bound on destinations with such a count; beyond it, counting restarts.
const MAX_COUNTED: usize = 1024;

/// Sends the blocks of the delivery queue with at most `at_once` requests in flight. Once `stop` is true, it returns as soon as
/// nothing more can be sent without waiting; blocks in backoff are left to the next process. If this future is dropped, the
/// blocks of requests in flight are sent again.
pub async fn run<P: Post>(
    outbox: Outbox,
    post: Arc<P>,
    at_once: usize,
    random: fastrand::Rng,
    mut stop: watch::Receiver<bool>,
) {
    let mut runner = Runner {
        outbox,
        post,
        courier: Courier::new(at_once, random),
        start: Instant::now(),
        under_way: JoinSet::new(),
        asked: None,
        may_have_more: true,
        created_in_a_row: HashMap::new(),
    };
    loop {
        runner.ask();
        let stopping = *stop.borrow();
        if stopping && runner.under_way.is_empty() && runner.asked.is_none() {
            return;
        }
        let now = runner.now();
        let next_look = runner.courier.next_look(now);
        let wait = async {
            match next_look {
                Some(time) => sleep_until(runner.start + time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(ended) = runner.under_way.join_next() => {
                runner.may_have_more = true;
                match ended {
                    Ok(sent) => runner.ended(sent),
                    // A request that panicked has no response: its lease ends with the process.
                    Err(_) => runner.courier.vanished(),
                }
            }
            Some(taken) = answer(&mut runner.asked) => {
                runner.asked = None;
                runner.taken(taken);
            }
            () = runner.outbox.changed(), if !stopping => runner.may_have_more = true,
            () = wait, if !stopping => runner.may_have_more = true,
            // A dropped sender also means the end of the agent.
            _ = stop.wait_for(|stop| *stop), if !stopping => {}
        }
    }
}

/// Waits for the reply of the spool's thread; returns `None` at once if nothing was requested.
async fn answer(asked: &mut Option<oneshot::Receiver<Taken>>) -> Option<Option<Taken>> {
    match asked {
        Some(asked) => Some(asked.await.ok()),
        None => None,
    }
}

/// A request that was sent, with its response.
struct Sent {
    lease: Lease,
    began: Began,
    key: Vec<u8>,
    events: u32,
    bytes: usize,
    reply: Reply,
}

struct Runner<P> {
    outbox: Outbox,
    post: Arc<P>,
    courier: Courier<KeyId>,
    start: Instant,
    under_way: JoinSet<Sent>,
    /// Pending request for a block from the spool's thread.
    asked: Option<oneshot::Receiver<Taken>>,
    /// `true` if something has changed since no block could be sent.
    may_have_more: bool,
    created_in_a_row: HashMap<KeyId, u32>,
}

impl<P: Post> Runner<P> {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Requests a block from the spool's thread if one may be sent.
    fn ask(&mut self) {
        let now = self.now();
        if self.asked.is_none() && self.may_have_more && self.courier.may_send(now) {
            self.asked = Some(self.outbox.take(self.courier.held(now)));
        }
    }

    /// Sends the block that was requested if it still may be sent; otherwise returns it to the spool.
    fn taken(&mut self, taken: Option<Taken>) {
        match taken {
            Some(Taken { next: Some((lease, block)), .. }) => {
                let now = self.now();
                if self.courier.may_send(now) && self.courier.may_send_to(&lease.key(), now) {
                    self.send(lease, block);
                } else {
                    self.outbox.give_back(lease);
                }
            }
            Some(Taken { next: None, is_empty }) => {
                self.may_have_more = false;
                if is_empty {
                    self.courier.forget(|_| false);
                    self.created_in_a_row.clear();
                }
            }
            // The thread has ended.
            None => self.may_have_more = false,
        }
    }

    fn send(&mut self, lease: Lease, block: Block) {
        let began = self.courier.sent();
        self.outbox.status().requested();
        let post = Arc::clone(&self.post);
        self.under_way.spawn(async move {
            let bytes = block.body.len();
            let reply = post.send(&block.key, block.events, block.body).await;
            Sent { lease, began, key: block.key, events: block.events, bytes, reply }
        });
    }

    /// Counts a creation for this destination. Returns false if there were too many in a row.
    fn may_create_again(&mut self, destination: KeyId) -> bool {
        if self.created_in_a_row.len() >= MAX_COUNTED && !self.created_in_a_row.contains_key(&destination) {
            self.created_in_a_row.clear();
        }
        let count = self.created_in_a_row.entry(destination).or_default();
        *count = count.saturating_add(1);
        *count <= CREATED_IN_A_ROW
    }

    fn ended(&mut self, sent: Sent) {
        let Sent { lease, began, key, events, bytes, reply } = sent;
        let there = lease.key();
        let now = self.now();
        let destination = || String::from_utf8_lossy(&key).replace('\0', " ");
        if reply != Reply::Created {
            self.created_in_a_row.remove(&there);
        }
        let ended = match reply {
            Reply::Accepted(rejected) => {
                if rejected.total() > 0 {
                    let Rejected { too_old, too_new, expired } = rejected;
                    let destination = destination();
                    tracing::warn!(destination, too_old, too_new, expired, "service rejected events");
                }
                self.outbox.accepted(lease, events, bytes, rejected);
                Ended::Settled
            }
            Reply::Created if self.may_create_again(there) => {
                self.outbox.give_back(lease);
                Ended::Settled
            }
            Reply::Created => {
                let error = format!("{} was created but is still missing", destination());
                self.outbox.failed(lease, error);
                Ended::Destination(super::Trouble::Unavailable)
            }
            Reply::Impossible(error) => {
                tracing::error!(events, error, "events lost: the service rejected the request permanently");
                self.outbox.impossible(lease, events);
                Ended::Settled
            }
            Reply::NotNow { trouble, only_destination, error } => {
                self.outbox.failed(lease, error);
                if only_destination { Ended::Destination(trouble) } else { Ended::Everything(trouble) }
            }
        };
        self.courier.ended(&there, began, ended, now);
    }
}
