//! Delivery to misbehaving services, on a paused clock.

mod fleet;
mod outage;
mod policy;
mod scheduler;
mod stalled;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use insightd_spool::{Block, Settings, Spool};
use insightd_upstream::UpstreamStatus;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::{DeliveryQueue, RejectedEvents, Reply, RetryClass, Transport};

const START_MS: u64 = 1_790_000_000_000;

/// A service that follows a script and records requests with their time.
#[derive(Clone, Default)]
struct Service(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    /// Replies in order; afterwards every block is accepted.
    replies: VecDeque<Reply>,
    /// End of an outage, during which every request fails.
    outage_until: Option<Instant>,
    /// Permanent replies per destination.
    permanent_replies: BTreeMap<Vec<u8>, Reply>,
    /// Requests, each with time, key and body.
    requests: Vec<(Instant, Vec<u8>, Vec<u8>)>,
    /// Accepted bodies, with the number of times that each was accepted.
    accepted: BTreeMap<Vec<u8>, u32>,
    in_flight: usize,
    max_in_flight: usize,
}

impl Transport for Service {
    async fn send(&self, key: &[u8], _events: u32, body: Vec<u8>) -> Reply {
        {
            let mut script = self.0.lock().unwrap();
            script.requests.push((Instant::now(), key.to_vec(), body.clone()));
            script.in_flight += 1;
            script.max_in_flight = script.max_in_flight.max(script.in_flight);
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
        script.in_flight -= 1;
        if script.outage_until.is_some_and(|until| Instant::now() < until) {
            return unavailable();
        }
        if let Some(reply) = script.permanent_replies.get(key) {
            return reply.clone();
        }
        let reply = script.replies.pop_front().unwrap_or(Reply::Accepted(RejectedEvents::default()));
        if matches!(reply, Reply::Accepted(_)) {
            *script.accepted.entry(body).or_default() += 1;
        }
        reply
    }
}

fn unavailable() -> Reply {
    let error = "connection refused".to_owned();
    Reply::Retry { retry_class: RetryClass::Unavailable, only_destination: false, error }
}

/// An agent: a delivery queue in a directory and the task that drains it.
struct Agent {
    queue: DeliveryQueue,
    service: Service,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    _directory: tempfile::TempDir,
}

impl Agent {
    fn start(concurrency: usize, seed: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::open(Settings::new(directory.path().join("spool")), START_MS);
        let queue = DeliveryQueue::inline(spool, Arc::new(UpstreamStatus::new("logs")));
        let (stop, stopped) = watch::channel(false);
        let service = Service::default();
        let random = fastrand::Rng::with_seed(seed);
        let run = super::run(queue.clone(), Arc::new(service.clone()), concurrency, random, stopped);
        Self { queue, service, stop, task: tokio::spawn(run), _directory: directory }
    }

    fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.service.0.lock().unwrap()
    }

    fn put(&self, key: &[u8], body: &str) {
        let (key, body) = (key.to_vec(), body.as_bytes().to_vec());
        self.queue.put(Block { events: 1, time_unix_ms: START_MS, key, body }).unwrap();
    }

    fn end_tick(&self) {
        self.queue.end_tick(START_MS);
    }

    async fn wait_until_empty(&self, max: Duration) -> Duration {
        let start = Instant::now();
        while self.queue.stats().pending.blocks > 0 {
            assert!(start.elapsed() < max, "after {max:?} there still is {:?}", self.queue.stats().pending);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        start.elapsed()
    }

    async fn end(self) -> DeliveryQueue {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
        self.queue
    }
}
