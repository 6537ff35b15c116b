//! The delivering part of an agent: spool, delivery queue, send scheduler and the real SDK. A block holds one event, a number.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_cloudwatchlogs::Client;
use insightd_aws::logs::{BodyBuilder, Destination, Logs, LogsSettings};
use insightd_delivery::{DeliveryQueue, run};
use insightd_spool::{Block, Settings, Spool};
use insightd_upstream::UpstreamStatus;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::common::{config, now_ms, stored_events};
use crate::killed::{self, Child};

const TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) fn destination(name: &str) -> Destination {
    Destination { group: format!("/faults/{name}-{}", now_ms()), stream: "node-1".into() }
}

pub(crate) struct Agent {
    destination: Destination,
    queue: DeliveryQueue,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    _own_directory: Option<tempfile::TempDir>,
}

/// Numbers of blocks by outcome.
#[derive(Debug)]
pub(crate) struct Account {
    produced: u32,
    accepted: u64,
    /// Distinct blocks that the service has.
    pub(crate) stored: u32,
    /// Surplus copies that the service has.
    pub(crate) duplicates: u32,
    /// Blocks dropped and counted.
    pub(crate) dropped: u64,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { produced, accepted, stored, duplicates, dropped } = self;
        let silently = i64::from(*produced) - i64::from(*stored) - *dropped as i64;
        write!(
            f,
            "produced {produced}, accepted {accepted}, stored {stored}, twice {duplicates}, dropped and counted {dropped}, \
             lost silently {silently}"
        )
    }
}

impl Agent {
    pub(crate) async fn start(name: &str, url: &str, directory: Option<&Path>) -> Self {
        Self::start_for(destination(name), url, directory).await
    }

    pub(crate) async fn start_for(destination: Destination, url: &str, directory: Option<&Path>) -> Self {
        let own_directory = directory.is_none().then(|| tempfile::tempdir().unwrap());
        let directory = directory.or(own_directory.as_ref().map(|own| own.path())).unwrap();
        let spool = Spool::open(Settings::new(directory.join("logs")), now_ms());
        let queue = DeliveryQueue::new(spool, Arc::new(UpstreamStatus::new("logs"))).unwrap();
        let logs = Arc::new(Logs::new(&config(url, TIMEOUT).await, LogsSettings::default()));
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(run(queue.clone(), logs, 2, fastrand::Rng::new(), stopped));
        Self { destination, queue, stop, task, _own_directory: own_directory }
    }

    pub(crate) fn put(&self, number: u32) {
        let time = now_ms();
        let body = BodyBuilder::new(&self.destination, time, &format!(r#"{{"number":{number}}}"#)).finish();
        let key = self.destination.key();
        self.queue.put(Block { events: 1, time_unix_ms: time, key, body: body.gzip }).unwrap();
    }

    pub(crate) async fn wait_until_empty(&self, most: Duration) {
        let start = Instant::now();
        while self.queue.stats().pending.blocks > 0 {
            let error = self.queue.status().snapshot().error;
            assert!(start.elapsed() < most, "{:?} wait: {error:?}", self.queue.stats().pending);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops as at the end of a pod; pending blocks stay on disk.
    pub(crate) async fn end(self) -> Destination {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
        self.destination
    }

    pub(crate) async fn account(&self, emulator: &str, produced: u32) -> Account {
        let stored = stored_numbers(emulator, &self.destination).await;
        let counts = self.queue.counts();
        let account = Account {
            produced,
            accepted: counts.accepted_events,
            stored: stored.len() as u32,
            duplicates: stored.values().map(|count| count - 1).sum(),
            dropped: self.queue.stats().lost.total().events,
        };
        assert_eq!(u64::from(produced), u64::from(account.stored) + account.dropped, "{account}");
        account
    }
}

/// Returns how many copies of each number the service has.
pub(crate) async fn stored_numbers(emulator: &str, destination: &Destination) -> BTreeMap<u32, u32> {
    let client = Client::new(&config(emulator, TIMEOUT).await);
    let mut numbers = BTreeMap::new();
    for (_, message) in stored_events(&client, destination).await {
        let event: serde_json::Value = serde_json::from_str(&message).unwrap();
        *numbers.entry(event["number"].as_u64().unwrap() as u32).or_default() += 1;
    }
    numbers
}

/// Starts an agent in a separate process, to be killed.
pub(crate) fn start_child(
    test: &str,
    destination: &Destination,
    url: &str,
    directory: &Path,
    first: u32,
) -> Child {
    let Destination { group, stream } = destination;
    Child::start(test, &[group, stream, url, directory.to_str().unwrap(), &first.to_string()])
}

/// Returns false unless this process is such a child, which then puts and delivers blocks until it is killed.
pub(crate) async fn child() -> bool {
    let Some(arguments) = killed::arguments() else { return false };
    let [group, stream, url, directory, first] = &arguments[..] else { panic!("{arguments:?}") };
    let destination = Destination { group: group.clone(), stream: stream.clone() };
    let agent = Agent::start_for(destination, url, Some(Path::new(directory))).await;
    for number in first.parse::<u32>().unwrap().. {
        agent.put(number);
        killed::report(number);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    true
}
