//! The task that empties an outbox.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use insightd_spool::{BlockId, Lease};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::{Courier, Ended, Outbox, Post, Rejected, Reply};

/// So often in a row something missing is created for one destination, before that counts as trouble.
const CREATED_IN_A_ROW: u32 = 3;

/// Sends what is in the outbox, `at_once` requests at a time at most, until `stop` says true and then until nothing more can
/// be sent at once: what waits for better times is left to the next process. Dropped, it leaves requests behind whose
/// blocks are sent again.
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
        passed_over: HashMap::new(),
        created_in_a_row: 0,
    };
    loop {
        runner.fill();
        let stopping = *stop.borrow();
        if stopping && runner.under_way.is_empty() {
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
                // A request that panicked is as one without an answer: its lease ends with the process.
                if let Ok(sent) = ended {
                    runner.ended(sent);
                }
            }
            () = runner.outbox.changed(), if !stopping => {}
            () = wait, if !stopping => {}
            // The sender gone is the end of the agent too.
            _ = stop.wait_for(|stop| *stop), if !stopping => {}
        }
    }
}

/// A request that was sent.
struct Sent {
    lease: Lease,
    key: Vec<u8>,
    events: u32,
    bytes: usize,
    reply: Reply,
}

struct Runner<P> {
    outbox: Outbox,
    post: Arc<P>,
    courier: Courier<Vec<u8>>,
    start: Instant,
    under_way: JoinSet<Sent>,
    /// Destinations of blocks that had to wait for theirs: they need not be read again to know.
    passed_over: HashMap<BlockId, Arc<[u8]>>,
    created_in_a_row: u32,
}

impl<P: Post> Runner<P> {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Sends as much as may be sent.
    fn fill(&mut self) {
        let now = self.now();
        while self.courier.may_send(now) {
            let (courier, passed_over) = (&self.courier, &self.passed_over);
            let must_wait = |id| passed_over.get(&id).is_some_and(|key| !courier.may_send_to(&**key, now));
            let Some((lease, block)) = self.outbox.take(must_wait) else { return };
            if !self.courier.may_send_to(&*block.key, now) {
                let known = self.passed_over.values().find(|key| ***key == *block.key).cloned();
                self.passed_over.insert(lease.id(), known.unwrap_or_else(|| block.key.into()));
                self.outbox.give_back(lease);
                continue;
            }
            self.passed_over.remove(&lease.id());
            self.courier.sent();
            self.outbox.status().requested();
            let post = Arc::clone(&self.post);
            self.under_way.spawn(async move {
                let bytes = block.body.len();
                let reply = post.send(&block.key, block.events, block.body).await;
                Sent { lease, key: block.key, events: block.events, bytes, reply }
            });
        }
    }

    fn ended(&mut self, sent: Sent) {
        let Sent { lease, key, events, bytes, reply } = sent;
        let now = self.now();
        let destination = || String::from_utf8_lossy(&key).replace('\0', " ");
        if reply != Reply::Created {
            self.created_in_a_row = 0;
        }
        let ended = match reply {
            Reply::Accepted(rejected) => {
                if rejected.total() > 0 {
                    let Rejected { too_old, too_new, expired } = rejected;
                    let destination = destination();
                    tracing::warn!(destination, too_old, too_new, expired, "the service threw events away");
                }
                self.outbox.accepted(lease, events, bytes, rejected);
                Ended::Settled
            }
            Reply::Created if self.created_in_a_row < CREATED_IN_A_ROW => {
                self.created_in_a_row += 1;
                self.outbox.give_back(lease);
                Ended::Settled
            }
            Reply::Created => {
                let error = format!("{} was created and is still missing", destination());
                self.outbox.failed(lease, error);
                Ended::Destination(super::Trouble::Unavailable)
            }
            Reply::Impossible(error) => {
                tracing::error!(events, error, "events lost: the service will never take them");
                self.outbox.impossible(lease, events);
                Ended::Settled
            }
            Reply::NotNow { trouble, only_destination, error } => {
                self.outbox.failed(lease, error);
                if only_destination { Ended::Destination(trouble) } else { Ended::Everything(trouble) }
            }
        };
        self.courier.ended(&key, ended, now);
        if self.outbox.is_empty() {
            self.courier.forget(|_| false);
            self.passed_over.clear();
        }
    }
}
