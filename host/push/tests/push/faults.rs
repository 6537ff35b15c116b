//! Delivery through the spool to a real server that fails in every way that OTLP knows: nothing is lost silently, and nothing that was
//! accepted is sent again.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use insightd_delivery::{DeliveryCounts, DeliveryQueue, run};
use insightd_push::{BodyKind, Encoding, Protocol, Push, PushSettings, TlsSettings};
use insightd_spool::{Block, Settings, Spool};
use insightd_upstream::UpstreamStatus;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::server::{Script, Server};

pub(crate) const TIME_MS: u64 = 1_790_000_000_000;

/// The delivery part of an agent whose spool is in a directory.
pub(crate) struct Agent {
    pub(crate) queue: DeliveryQueue,
    task: JoinHandle<()>,
    _stop: watch::Sender<bool>,
}

impl Agent {
    fn start(directory: &Path, server: &Server) -> Self {
        Self::start_with(directory, server, Protocol::Otlp)
    }

    pub(crate) fn start_with(directory: &Path, server: &Server, protocol: Protocol) -> Self {
        Self::start_at(&server.url, protocol, queue(directory))
    }

    pub(crate) fn start_at(url: &str, protocol: Protocol, queue: DeliveryQueue) -> Self {
        let settings = PushSettings {
            endpoint: format!("{url}/v1/metrics").parse().unwrap(),
            headers: Vec::new(),
            tls: TlsSettings::default(),
            // The paused clock of some tests runs on while a request is on its way.
            timeout: Duration::from_secs(86_400),
        };
        let push = Arc::new(Push::new(settings, protocol, None));
        let (stop, stopped) = watch::channel(false);
        let random = fastrand::Rng::with_seed(7);
        Self { queue: queue.clone(), task: tokio::spawn(run(queue, push, 1, random, stopped)), _stop: stop }
    }

    /// Waits until the spool is empty. There is no time limit here: a test that waits forever is ended by its runner.
    pub(crate) async fn counts(self) -> (DeliveryCounts, u64) {
        while self.queue.stats().pending.blocks > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let counts = (self.queue.counts(), self.queue.lost_events());
        self.task.abort();
        counts
    }
}

pub(crate) fn queue(directory: &Path) -> DeliveryQueue {
    let spool = Spool::open(Settings::new(directory.join("otlp")), TIME_MS);
    DeliveryQueue::new(spool, Arc::new(UpstreamStatus::new("otlp"))).unwrap()
}

fn put(queue: &DeliveryQueue, bodies: &[&str]) {
    let kind = BodyKind { content_type: "application/x-protobuf".into(), encoding: Encoding::Identity };
    for body in bodies {
        let body = body.as_bytes().to_vec();
        queue.put(Block { events: 1, time_unix_ms: TIME_MS, key: kind.key(), body }).unwrap();
    }
    queue.end_tick(TIME_MS);
}

/// Returns the bodies that arrived, in order.
fn bodies(server: &Server) -> Vec<String> {
    server.requests().into_iter().map(|request| String::from_utf8(request.body).unwrap()).collect()
}

async fn deliver(script: Script, wanted: &[&str]) -> (Vec<String>, DeliveryCounts, u64) {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(script).await;
    let agent = Agent::start(directory.path(), &server);
    put(&agent.queue, wanted);
    let (counts, lost) = agent.counts().await;
    (bodies(&server), counts, lost)
}

#[tokio::test]
async fn failures_that_pass_lose_nothing() {
    for (statuses, header) in
        [([503].as_slice(), "x-a: b"), (&[502, 504], "x-a: b"), (&[429], "retry-after: 1")]
    {
        let (arrived, counts, lost) = deliver(Script::Sequence(statuses, header), &["a", "b", "c"]).await;
        assert_eq!((counts.accepted_events, counts.failed_requests as usize, lost), (3, statuses.len(), 0));
        let mut accepted = arrived[statuses.len()..].to_vec();
        accepted.sort();
        assert_eq!(accepted, ["a", "b", "c"], "each is accepted once: {arrived:?}");
    }
}

#[tokio::test]
async fn what_is_rejected_is_counted_and_the_rest_delivered() {
    for status in [[400].as_slice(), &[413], &[500]] {
        let (arrived, counts, lost) = deliver(Script::Sequence(status, "x-a: b"), &["a", "b", "c"]).await;
        assert_eq!((counts.accepted_events, counts.undeliverable_events, lost), (2, 1, 1), "{status:?}");
        assert_eq!(arrived.len(), 3, "never sent again: {arrived:?}");
    }
}

#[tokio::test]
async fn a_partial_success_counts_the_points_and_is_not_sent_again() {
    let body = &[0x0a, 9, 0x08, 2, 0x12, 5, b'd', b'r', b'o', b'p', b's'];
    let script = Script::Status(200, "application/x-protobuf", body);
    let (arrived, counts, lost) = deliver(script, &["a", "b"]).await;
    assert_eq!((counts.accepted_events, counts.rejected_points, lost), (2, 4, 0));
    assert_eq!(arrived.len(), 2);
}

/// A process that dies leaves its blocks to the next one.
#[tokio::test]
async fn the_next_process_delivers_what_the_last_one_left() {
    let directory = tempfile::tempdir().unwrap();
    let before = queue(directory.path());
    put(&before, &["a", "b"]);
    drop(before);
    let server = Server::start(Script::Status(200, "", b"")).await;
    let agent = Agent::start(directory.path(), &server);
    put(&agent.queue, &["c"]);
    assert_eq!(agent.counts().await.0.accepted_events, 3);
    let mut arrived = bodies(&server);
    arrived.sort();
    assert_eq!(arrived, ["a", "b", "c"]);
}
