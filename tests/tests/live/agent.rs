//! An agent process, with a configuration and components that tests change.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use insightd_tests::{guests, program};
use serde_json::Value;

/// Long enough for a tick of a debug build beside other tests.
pub(crate) const INTERVAL_MS: u64 = 500;

pub(crate) struct Agent {
    pub(crate) process: Child,
    pub(crate) directory: tempfile::TempDir,
    pub(crate) port: u16,
    pub(crate) events: Arc<Mutex<Vec<Value>>>,
    pub(crate) log: Arc<Mutex<Vec<String>>>,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns a configuration with a test component between the shipped ones. The namespace of the metrics identifies the version
/// that produced an event.
pub(crate) fn config(agent: &Agent, version: &str, habit: &str, more: &str) -> String {
    let transforms = agent.directory.path().join("transforms");
    let emf = format!("formatter: {{use: 'builtin:emf', config: {{namespace: {version:?}}}}}, sink");
    format!(
        "interval: {INTERVAL_MS}ms
transforms_dir: {transforms:?}
state_dir: {:?}
compiler: {:?}
operations: {{listen: '127.0.0.1:{}'}}
instance: {{enabled: false}}
limits: {{cpu_time: 200ms}}
sinks: {{file: {{type: file, path: {:?}}}}}
{more}
pipelines:
- name: node
  transforms: [{{use: 'builtin:decorate'}}, {{use: 'file:subject', config: {{habit: {habit:?}}}}}, {{use: 'builtin:utilization'}}]
  outputs: [{{{emf}: stdout}}, {{{emf}: file}}]
",
        agent.directory.path().join("state"),
        program("insightd-compile"),
        agent.port,
        agent.directory.path().join("events"),
    )
}

impl Agent {
    /// Starts an agent with a good component.
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("transforms")).expect("can be made");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        let process = Command::new("true").spawn().expect("true runs");
        let (events, log) = Default::default();
        let mut agent = Self { process, directory, port, events, log };
        agent.put(&guests().join("guest_stage.wasm"));
        agent.configure("v0", "none", "");
        agent.run();
        agent
    }

    pub(crate) fn run(&mut self) {
        let _ = self.process.wait();
        let mut process = Command::new(program("insightd"))
            .args(["run", "--config", &self.file().display().to_string()])
            .env("K8S_CLUSTER_NAME", "tests")
            .env_remove("K8S_NODE_NAME")
            .env_remove("HOST_NAME")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the agent starts");
        let (events, log) = (Arc::clone(&self.events), Arc::clone(&self.log));
        let stdout = BufReader::new(process.stdout.take().expect("piped"));
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).expect("an event is JSON");
                events.lock().expect("no panic").push(event);
            }
        });
        let stderr = BufReader::new(process.stderr.take().expect("piped"));
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                log.lock().expect("no panic").push(line);
            }
        });
        self.process = process;
        self.wait("the first events", |agent| agent.last_version().is_some());
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.directory.path().join("insightd.yaml")
    }

    /// Replaces the configuration file by rename, as an editor does.
    pub(crate) fn configure(&self, version: &str, habit: &str, more: &str) {
        self.write(&config(self, version, habit, more));
    }

    pub(crate) fn write(&self, text: &str) {
        let fresh = self.file().with_extension("new");
        fs::write(&fresh, text).expect("can be written");
        fs::rename(fresh, self.file()).expect("can be renamed");
    }

    pub(crate) fn put(&self, wasm: &Path) {
        let at = self.directory.path().join("transforms/subject.wasm");
        let fresh = at.with_extension("new");
        fs::copy(wasm, &fresh).expect("can be copied");
        fs::rename(fresh, at).expect("can be renamed");
    }

    pub(crate) fn status(&self) -> Option<Value> {
        let address = format!("127.0.0.1:{}", self.port);
        let output =
            Command::new(program("insightd")).args(["status", "--json", "--address", &address]).output();
        serde_json::from_slice(&output.expect("status runs").stdout).ok()
    }

    pub(crate) fn rollout(&self, key: &str) -> Value {
        self.status().map(|status| status["rollout"][key].clone()).unwrap_or_default()
    }

    pub(crate) fn wait(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !done(self) {
            let log = || self.log.lock().expect("no panic").join("\n");
            assert!(Instant::now() < deadline, "{what}: not within 60 s\n{:?}\n{}", self.status(), log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn last_version(&self) -> Option<String> {
        let events = self.events.lock().expect("no panic");
        events.iter().rev().find_map(version_of)
    }

    /// Waits until the latest bundle in the files has this outcome, for a reason that contains `why`.
    pub(crate) fn wait_for_outcome(&self, outcome: &str, why: &str) {
        self.wait(&format!("{outcome}: {why}"), |agent| {
            let latest = agent.rollout("latest");
            latest["state"] == outcome && latest["why"].as_str().is_some_and(|text| text.contains(why))
        });
    }

    /// Checks that Node events exist at every multiple of the interval since the first, except for ticks that the agent
    /// reported as skipped, and that each tick's events are of one version.
    pub(crate) fn check_ticks(&self) {
        thread::sleep(Duration::from_millis(3 * INTERVAL_MS));
        let events = self.events.lock().expect("no panic");
        let nodes: Vec<(u64, String)> = events
            .iter()
            .filter(|event| event["Type"] == "Node")
            .filter_map(|event| Some((time_of(event), version_of(event)?)))
            .collect();
        assert!(nodes.len() >= 3, "{nodes:?}");
        let (mut missing, mut left_out) = (0, 0);
        for pair in nodes.windows(2) {
            assert!(pair[1].0 > pair[0].0, "a tick is there twice: {nodes:?}");
            missing += (pair[1].0 - pair[0].0) / INTERVAL_MS - 1;
        }
        // On a busy machine a tick may take longer than its interval; the agent logs the skipped ticks.
        for line in self.log.lock().expect("no panic").iter() {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            left_out += line["left_out"].as_u64().unwrap_or(0);
        }
        assert!(missing <= left_out, "{missing} ticks are missing, the agent left out {left_out}: {nodes:?}");
        for event in events.iter() {
            let Some(version) = version_of(event) else { continue };
            let node = nodes.iter().find(|(time, _)| *time == time_of(event));
            assert!(node.is_none_or(|(_, of_node)| *of_node == version), "two versions in a tick: {event}");
        }
    }
}

pub(crate) fn time_of(event: &Value) -> u64 {
    event["_aws"]["Timestamp"].as_u64().or_else(|| event["Timestamp"].as_str()?.parse().ok()).unwrap_or(0)
}

pub(crate) fn version_of(event: &Value) -> Option<String> {
    Some(event["_aws"]["CloudWatchMetrics"][0]["Namespace"].as_str()?.to_owned())
}

pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_millis() as u64
}
