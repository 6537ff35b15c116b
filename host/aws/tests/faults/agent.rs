//! The delivering part of an agent: spool, delivery queue, send scheduler and the real SDK. A block holds one event, a number.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_sdk_cloudwatchlogs::Client;
use insightd_aws::delivery::{Outbox, run};
use insightd_aws::logs::{Destination, Logs, LogsSettings, Open};
use insightd_aws::sdk::{AwsSettings, load};
use insightd_peer::Status;
use insightd_spool::{NewBlock, Settings, Spool};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) fn emulator() -> Option<String> {
    let url = std::env::var("INSIGHTD_TEST_AWS").ok();
    if url.is_none() {
        eprintln!("SKIPPED: INSIGHTD_TEST_AWS is not set; `make test-aws` starts an emulator and sets it");
    }
    url
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

pub(crate) fn destination(name: &str) -> Destination {
    Destination { group: format!("/faults/{name}-{}", now_ms()), stream: "node-1".into() }
}

async fn config(url: &str) -> aws_config::SdkConfig {
    let settings = AwsSettings {
        region: Some("eu-central-1".into()),
        endpoint_url: Some(url.into()),
        timeout: Duration::from_secs(2),
        ..AwsSettings::default()
    };
    load(&settings).await.unwrap()
}

pub(crate) struct Agent {
    there: Destination,
    outbox: Outbox,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    _own_folder: Option<tempfile::TempDir>,
}

/// Numbers of blocks by outcome.
#[derive(Debug)]
pub(crate) struct Account {
    produced: u32,
    accepted: u64,
    /// Distinct blocks that the service has.
    pub(crate) stored: u32,
    /// Surplus copies that the service has.
    pub(crate) twice: u32,
    /// Blocks dropped and counted.
    pub(crate) dropped: u64,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { produced, accepted, stored, twice, dropped } = self;
        let silently = i64::from(*produced) - i64::from(*stored) - *dropped as i64;
        write!(
            f,
            "produced {produced}, accepted {accepted}, stored {stored}, twice {twice}, dropped and counted {dropped}, \
             lost silently {silently}"
        )
    }
}

impl Agent {
    pub(crate) async fn start(name: &str, url: &str, directory: Option<&Path>) -> Self {
        Self::start_for(destination(name), url, directory).await
    }

    pub(crate) async fn start_for(there: Destination, url: &str, directory: Option<&Path>) -> Self {
        let own_folder = directory.is_none().then(|| tempfile::tempdir().unwrap());
        let directory = directory.or(own_folder.as_ref().map(|own| own.path())).unwrap();
        let spool = Spool::open(Settings::in_folder(directory.join("logs")), now_ms());
        let outbox = Outbox::new(spool, Arc::new(Status::new("logs"))).unwrap();
        let logs = Arc::new(Logs::new(&config(url).await, LogsSettings::default()));
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(run(outbox.clone(), logs, 2, fastrand::Rng::new(), stopped));
        Self { there, outbox, stop, task, _own_folder: own_folder }
    }

    pub(crate) fn put(&self, number: u32) {
        let time = now_ms();
        let body = Open::new(&self.there, time, &format!(r#"{{"number":{number}}}"#)).finish();
        let key = self.there.key();
        let block = NewBlock { key: &key, events: 1, time_unix_ms: time, body: &body.gzip };
        self.outbox.put(&block).unwrap();
    }

    pub(crate) async fn wait_until_empty(&self, most: Duration) {
        let start = Instant::now();
        while !self.outbox.is_empty() {
            let error = self.outbox.status().snapshot().error;
            assert!(start.elapsed() < most, "{:?} wait: {error:?}", self.outbox.stats().pending);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops as at the end of a pod; pending blocks stay on disk.
    pub(crate) async fn end(self) -> Destination {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
        self.there
    }

    pub(crate) async fn account(&self, emulator: &str, produced: u32) -> Account {
        let stored = stored_numbers(emulator, &self.there).await;
        let counts = self.outbox.counts();
        let account = Account {
            produced,
            accepted: counts.accepted_events,
            stored: stored.len() as u32,
            twice: stored.values().map(|count| count - 1).sum(),
            dropped: self.outbox.stats().lost.total().events,
        };
        assert_eq!(u64::from(produced), u64::from(account.stored) + account.dropped, "{account}");
        account
    }
}

/// Returns how many copies of each number the service has.
pub(crate) async fn stored_numbers(emulator: &str, there: &Destination) -> BTreeMap<u32, u32> {
    let client = Client::new(&config(emulator).await);
    let (mut numbers, mut token) = (BTreeMap::new(), None);
    loop {
        let request = client.get_log_events().start_from_head(true);
        let request = request.log_group_name(&there.group).log_stream_name(&there.stream);
        let page = request.set_next_token(token.clone()).send().await.unwrap();
        for event in page.events() {
            let event: serde_json::Value = serde_json::from_str(event.message().unwrap()).unwrap();
            *numbers.entry(event["number"].as_u64().unwrap() as u32).or_default() += 1;
        }
        if page.events().is_empty() {
            return numbers;
        }
        token = page.next_forward_token().map(str::to_owned);
    }
}

/// An agent in a separate process, to be killed.
pub(crate) struct Child {
    process: std::process::Child,
}

const CHILD: &str = "INSIGHTD_TEST_CHILD";

impl Child {
    pub(crate) fn start(test: &str, there: &Destination, url: &str, directory: &Path, first: u32) -> Self {
        let told = format!("{}\n{}\n{url}\n{}\n{first}", there.group, there.stream, directory.display());
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(CHILD, told)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { process }
    }

    /// Kills the process and returns the numbers that it had put into its spool.
    pub(crate) fn kill(mut self) -> Vec<u32> {
        self.process.kill().unwrap();
        let said = BufReader::new(self.process.stdout.take().unwrap());
        let lines = said.lines().map_while(Result::ok);
        let numbers = lines.filter_map(|line| line.strip_prefix("put ")?.parse().ok()).collect();
        self.process.wait().unwrap();
        numbers
    }
}

/// Returns false unless this process is such a child, which then puts and delivers blocks until it is killed.
pub(crate) async fn child() -> bool {
    let Ok(told) = std::env::var(CHILD) else { return false };
    let told: Vec<&str> = told.split('\n').collect();
    let [group, stream, url, directory, first] = told[..] else { panic!("{told:?}") };
    let there = Destination { group: group.into(), stream: stream.into() };
    let agent = Agent::start_for(there, url, Some(Path::new(directory))).await;
    for number in first.parse::<u32>().unwrap().. {
        agent.put(number);
        println!("\nput {number}");
        std::io::stdout().flush().unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    true
}
