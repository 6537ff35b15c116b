//! New pipelines and components while the agent runs, as a process: what is good comes to run between two ticks, what is not
//! changes nothing, and no tick is lost either way.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use insightd_tests::{built, guests};
use serde_json::Value;

/// Long enough for a tick of a debug build beside other tests.
const INTERVAL_MS: u64 = 500;

struct Agent {
    process: Child,
    folder: tempfile::TempDir,
    port: u16,
    events: Arc<Mutex<Vec<Value>>>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A configuration in which a component of the tests stands between the shipped ones. The namespace of the metrics says of every
/// event which version made it.
fn config(agent: &Agent, version: &str, habit: &str, more: &str) -> String {
    let transforms = agent.folder.path().join("transforms");
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
        agent.folder.path().join("state"),
        built("release/insightd-compile"),
        agent.port,
        agent.folder.path().join("events"),
    )
}

impl Agent {
    /// With a good component.
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("transforms")).expect("can be made");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        let process = Command::new("true").spawn().expect("true runs");
        let (events, log) = Default::default();
        let mut agent = Self { process, folder, port, events, log };
        agent.put(&guests().join("guest_stage.wasm"));
        agent.configure("v0", "none", "");
        agent.run();
        agent
    }

    fn run(&mut self) {
        let _ = self.process.wait();
        let mut process = Command::new(built("release/insightd"))
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

    fn file(&self) -> PathBuf {
        self.folder.path().join("insightd.yaml")
    }

    /// As an editor does it: another file in its place.
    fn configure(&self, version: &str, habit: &str, more: &str) {
        let fresh = self.file().with_extension("new");
        fs::write(&fresh, config(self, version, habit, more)).expect("can be written");
        fs::rename(fresh, self.file()).expect("can be renamed");
    }

    fn put(&self, wasm: &Path) {
        let at = self.folder.path().join("transforms/subject.wasm");
        let fresh = at.with_extension("new");
        fs::copy(wasm, &fresh).expect("can be copied");
        fs::rename(fresh, at).expect("can be renamed");
    }

    fn status(&self) -> Option<Value> {
        let address = format!("127.0.0.1:{}", self.port);
        let output = Command::new(built("release/insightd"))
            .args(["status", "--json", "--address", &address])
            .output();
        serde_json::from_slice(&output.expect("status runs").stdout).ok()
    }

    fn rollout(&self, key: &str) -> Value {
        self.status().map(|status| status["rollout"][key].clone()).unwrap_or_default()
    }

    fn wait(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !done(self) {
            let log = || self.log.lock().expect("no panic").join("\n");
            assert!(Instant::now() < deadline, "{what}: not within 60 s\n{:?}\n{}", self.status(), log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn last_version(&self) -> Option<String> {
        let events = self.events.lock().expect("no panic");
        events.iter().rev().find_map(version_of)
    }

    /// What became of the set in the files, once it is no longer `before`.
    fn wait_for_outcome(&self, outcome: &str, why: &str) {
        self.wait(&format!("{outcome}: {why}"), |agent| {
            let latest = agent.rollout("latest");
            latest["outcome"] == outcome && latest["why"].as_str().is_some_and(|text| text.contains(why))
        });
    }

    /// Node events by tick: every multiple of the interval from the first on, each wholly of one version.
    fn check_ticks(&self) {
        thread::sleep(Duration::from_millis(3 * INTERVAL_MS));
        let events = self.events.lock().expect("no panic");
        let nodes: Vec<(u64, String)> = events
            .iter()
            .filter(|event| event["Type"] == "Node")
            .filter_map(|event| Some((time_of(event), version_of(event)?)))
            .collect();
        assert!(nodes.len() >= 3, "{nodes:?}");
        for pair in nodes.windows(2) {
            assert_eq!(pair[1].0 - pair[0].0, INTERVAL_MS, "a tick is missing, or is there twice: {nodes:?}");
        }
        for event in events.iter() {
            let Some(version) = version_of(event) else { continue };
            let node = nodes.iter().find(|(time, _)| *time == time_of(event));
            assert!(node.is_none_or(|(_, of_node)| *of_node == version), "two versions in a tick: {event}");
        }
    }
}

fn time_of(event: &Value) -> u64 {
    event["_aws"]["Timestamp"].as_u64().or_else(|| event["Timestamp"].as_str()?.parse().ok()).unwrap_or(0)
}

fn version_of(event: &Value) -> Option<String> {
    Some(event["_aws"]["CloudWatchMetrics"][0]["Namespace"].as_str()?.to_owned())
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_millis() as u64
}

#[test]
fn a_changed_configuration_runs_from_the_next_tick_on() {
    let agent = Agent::start();
    agent.configure("v1", "none", "");
    agent.wait("the new version", |agent| agent.last_version().as_deref() == Some("v1"));
    agent.wait_for_outcome("taken", "");
    // The same content again is the same set.
    let taken = agent.rollout("taken");
    agent.configure("v1", "none", "# a remark");
    thread::sleep(Duration::from_millis(4 * INTERVAL_MS));
    assert_eq!(agent.rollout("taken"), taken);
    agent.check_ticks();
}

#[test]
fn what_fails_a_check_changes_nothing() {
    let agent = Agent::start();
    agent.wait("a batch to try with", |agent| agent.rollout("running")["set"].is_string());
    for (habit, why) in [
        ("panic", "fails on the last batch"),
        ("spin", "fails on the last batch"),
        ("nothing", "rollout.bounds."),
        ("ten times", "rollout.bounds.events_more"),
        ("refuse", "an apple"),
        ("NaN", "fails on the last batch"),
    ] {
        agent.configure("bad", habit, "");
        agent.wait_for_outcome("rejected", why);
    }
    // Files that are no component, half of one, none.
    agent.configure("bad", "none", "");
    agent.wait_for_outcome("taken", "");
    let wasm = fs::read(guests().join("guest_stage.wasm")).expect("was built");
    let scratch = agent.folder.path().join("scratch");
    for content in [&b"no component at all"[..], &wasm[..wasm.len() / 2]] {
        fs::write(&scratch, content).expect("can be written");
        agent.put(&scratch);
        agent.wait_for_outcome("rejected", "subject");
    }
    agent.put(&guests().join("guest_format.wasm"));
    agent.wait_for_outcome("rejected", "is a formatter");
    fs::remove_file(agent.folder.path().join("transforms/subject.wasm")).expect("can be removed");
    agent.wait_for_outcome("waiting", "No such file");
    fs::write(agent.file(), "pipelines: {").expect("can be written");
    agent.wait_for_outcome("rejected", "insightd.yaml");
    assert_eq!(agent.rollout("taken_back"), 0);
    agent.check_ticks();
    let versions = agent.last_version();
    assert_eq!(versions.as_deref(), Some("bad"), "the last good one, by its name");
}

#[test]
fn what_fails_while_it_runs_is_taken_back_and_remembered() {
    let mut agent = Agent::start();
    agent.wait("a batch to try with", |agent| agent.rollout("running")["set"].is_string());
    agent.wait("a good set is kept", |agent| agent.folder.path().join("state/last-good/id").exists());
    let from = now_ms() + 6 * INTERVAL_MS;
    agent.configure("late", &format!("panic from {from}"), "");
    agent.wait("the new version", |agent| agent.last_version().as_deref() == Some("late"));
    agent.wait_for_outcome("taken-back", "subject");
    agent.wait("the old version", |agent| agent.last_version().as_deref() == Some("v0"));
    agent.check_ticks();
    // The files still have it. The next agent begins with what was good.
    agent.process.kill().expect("can be killed");
    agent.events.lock().expect("no panic").clear();
    agent.run();
    assert_eq!(agent.last_version().as_deref(), Some("v0"));
    agent.wait("its status", |agent| agent.rollout("running")["origin"] == "last-good");
    agent.wait_for_outcome("rejected", "taken back");
    agent.configure("v2", "none", "");
    agent.wait("a good version", |agent| agent.last_version().as_deref() == Some("v2"));
    agent.check_ticks();
}

#[test]
fn switch_and_canary_hold_it_back() {
    let agent = Agent::start();
    agent.configure("v1", "none", "rollout: {enabled: false}");
    agent.wait_for_outcome("held-back", "rollout.enabled");
    agent.configure("v1", "none", "rollout: {canary: 0%}");
    agent.wait_for_outcome("held-back", "rollout.canary");
    agent.configure("v1", "ten times", "rollout: {canary: 100%}");
    agent.wait_for_outcome("rejected", "events_more");
    assert_eq!(agent.last_version().as_deref(), Some("v0"));
    // Who wants it says so.
    let bounds = "rollout: {bounds: {events_more: any, bytes_more: any}}";
    agent.configure("v1", "ten times", bounds);
    agent.wait("ten times as many", |agent| agent.last_version().as_deref() == Some("v1"));
}

/// A configuration may name a component that comes a moment later, by its hash.
#[test]
fn a_pinned_component_is_waited_for() {
    let agent = Agent::start();
    let author = guests().join("guest_author.wasm");
    let output = Command::new("sha256sum").arg(&author).output().expect("sha256sum runs").stdout;
    let hash = String::from_utf8(output).expect("UTF-8")[..64].to_owned();
    let text =
        config(&agent, "v1", "none", "").replace("config: {habit: \"none\"}", &format!("sha256: {hash}"));
    assert!(text.contains(&hash));
    fs::write(agent.file(), text).expect("can be written");
    agent.wait_for_outcome("waiting", "SHA-256");
    assert_eq!(agent.last_version().as_deref(), Some("v0"));
    agent.put(&author);
    agent.wait("the new version", |agent| agent.last_version().as_deref() == Some("v1"));
    agent.check_ticks();
}

/// As a ConfigMap is mounted: `..data` is replaced.
#[test]
fn a_mount_is_swapped() {
    let agent = Agent::start();
    let transforms = agent.folder.path().join("transforms");
    // A section of its own makes it another file with the same behaviour.
    let fill = |name: &str| {
        fs::create_dir(transforms.join(name)).expect("can be made");
        let mut wasm = fs::read(guests().join("guest_stage.wasm")).expect("was built");
        wasm.extend([0, name.len() as u8 + 1, name.len() as u8]);
        wasm.extend(name.bytes());
        fs::write(transforms.join(name).join("subject.wasm"), wasm).expect("can be written");
        let fresh = transforms.join("..data_tmp");
        std::os::unix::fs::symlink(name, &fresh).expect("can be made");
        fs::rename(fresh, transforms.join("..data")).expect("can be renamed");
    };
    fill("..1");
    let link = transforms.join("link");
    std::os::unix::fs::symlink("..data/subject.wasm", &link).expect("can be made");
    fs::rename(link, transforms.join("subject.wasm")).expect("can be renamed");
    thread::sleep(Duration::from_millis(2 * INTERVAL_MS));
    let before = agent.rollout("running")["set"].clone();
    fill("..2");
    agent.wait("the new component", |agent| {
        let set = agent.rollout("running")["set"].clone();
        set.is_string() && set != before
    });
    agent.check_ticks();
}

#[test]
fn many_reloads_leave_nothing_behind() {
    let agent = Agent::start();
    let count = |what: &str| {
        fs::read_dir(format!("/proc/{}/{what}", agent.process.id())).expect("the agent lives").count()
    };
    agent.wait("a first set", |agent| agent.rollout("running")["set"].is_string());
    for number in 0..5 {
        let version = format!("w{number}");
        agent.configure(&version, "none", "");
        agent.wait("the new version", |agent| agent.last_version().as_deref() == Some(&*version));
    }
    let before = (count("fd"), count("task"));
    for number in 0..20 {
        let version = format!("r{number}");
        agent.configure(&version, "none", "");
        agent.wait("the new version", |agent| agent.last_version().as_deref() == Some(&*version));
    }
    // The status above may have a connection open.
    thread::sleep(Duration::from_secs(1));
    assert_eq!((count("fd"), count("task")), before);
    agent.check_ticks();
}
