//! Delivery to misbehaving services, on a paused clock.

mod courier;
mod fleet;
mod outage;
mod policy;
mod stalled;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use insightd_peer::Status;
use insightd_spool::{NewBlock, Settings, Spool};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{Outbox, Post, Rejected, Reply, Trouble};

const START_MS: u64 = 1_790_000_000_000;

/// A service that follows a script and records requests with their time.
#[derive(Clone, Default)]
struct Service(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    /// Replies in order; afterwards every block is accepted.
    replies: VecDeque<Reply>,
    /// End of an outage, during which every request fails.
    away_until: Option<Instant>,
    /// Permanent replies per destination.
    refuses: BTreeMap<Vec<u8>, Reply>,
    /// Requests, each with time, key and body.
    requests: Vec<(Instant, Vec<u8>, Vec<u8>)>,
    /// Accepted bodies, with the number of times that each was accepted.
    taken: BTreeMap<Vec<u8>, u32>,
    under_way: usize,
    most_under_way: usize,
}

impl Post for Service {
    async fn send(&self, key: &[u8], _events: u32, body: Vec<u8>) -> Reply {
        {
            let mut script = self.0.lock().unwrap();
            script.requests.push((Instant::now(), key.to_vec(), body.clone()));
            script.under_way += 1;
            script.most_under_way = script.most_under_way.max(script.under_way);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        let reply = self.reply(key, body);
        if matches!(reply, Reply::Accepted(_)) {
            // Of several requests that end together, failures are seen first.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        reply
    }
}

impl Service {
    fn reply(&self, key: &[u8], body: Vec<u8>) -> Reply {
        let mut script = self.0.lock().unwrap();
        script.under_way -= 1;
        if script.away_until.is_some_and(|until| Instant::now() < until) {
            return away();
        }
        if let Some(reply) = script.refuses.get(key) {
            return reply.clone();
        }
        let reply = script.replies.pop_front().unwrap_or(Reply::Accepted(Rejected::default()));
        if matches!(reply, Reply::Accepted(_)) {
            *script.taken.entry(body).or_default() += 1;
        }
        reply
    }
}

fn away() -> Reply {
    let error = "connection refused".to_owned();
    Reply::NotNow { trouble: Trouble::Unavailable, only_destination: false, error }
}

/// An agent: a delivery queue in a directory and the task that drains it.
struct Agent {
    outbox: Outbox,
    service: Service,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Agent {
    fn start(at_once: usize, seed: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::open(Settings::in_folder(directory.path().join("spool")), START_MS);
        let outbox = Outbox::inline(spool, Arc::new(Status::new("logs")));
        let (stop, stopped) = watch::channel(false);
        let service = Service::default();
        let random = fastrand::Rng::with_seed(seed);
        let run = super::run(outbox.clone(), Arc::new(service.clone()), at_once, random, stopped);
        Self { outbox, service, stop, task: tokio::spawn(run), _folder: directory }
    }

    fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.service.0.lock().unwrap()
    }

    fn put(&self, key: &[u8], body: &str) {
        let block = NewBlock { key, events: 1, time_unix_ms: START_MS, body: body.as_bytes() };
        self.outbox.put(&block).unwrap();
    }

    fn end_tick(&self) {
        self.outbox.end_tick(START_MS);
    }

    async fn wait_until_empty(&self, most: Duration) -> Duration {
        let start = Instant::now();
        while !self.outbox.is_empty() {
            assert!(
                start.elapsed() < most,
                "after {most:?} there still is {:?}",
                self.outbox.stats().pending
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        start.elapsed()
    }

    async fn end(self) -> Outbox {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
        self.outbox
    }
}
