//! `insightd run` as a process: its output, its signals, its exit codes.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Ends the agent when a test fails halfway.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Agent {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_insightd"));
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env_remove("K8S_NODE_NAME").env_remove("HOST_NAME").env_remove("K8S_CLUSTER_NAME");
        Self(command.spawn().expect("the agent starts"))
    }

    fn stdout(&mut self) -> BufReader<ChildStdout> {
        BufReader::new(self.0.stdout.take().expect("stdout is a pipe"))
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).expect("a pid")).expect("not 0");
        kill_process(pid, signal).expect("the agent can be signalled");
    }

    /// Waits for the end; gives the exit status and the log.
    fn end(mut self) -> (ExitStatus, String) {
        let mut log = String::new();
        self.0.stderr.take().expect("stderr is a pipe").read_to_string(&mut log).expect("the log is UTF-8");
        (self.0.wait().expect("the agent ends"), log)
    }
}

fn event(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}"))
}

fn time_of(event: &Value) -> u64 {
    let aws = event["_aws"]["Timestamp"].as_u64();
    aws.or_else(|| event["Timestamp"].as_str()?.parse().ok()).unwrap_or_else(|| panic!("no time in {event}"))
}

#[test]
fn one_tick_of_this_machine() {
    let mut agent = Agent::start(&["run", "--once"]);
    let events: Vec<Value> = agent.stdout().lines().map(|line| event(&line.expect("UTF-8"))).collect();
    let (status, log) = agent.end();
    assert!(status.success(), "{log}");
    assert!(log.contains("the name of the cluster is unknown"), "{log}");

    let of_type = |kind: &str| events.iter().filter(|event| event["Type"] == kind).collect::<Vec<_>>();
    let [node] = of_type("Node")[..] else { panic!("one Node event, found {}", of_type("Node").len()) };
    let meminfo = fs::read_to_string("/proc/meminfo").expect("meminfo");
    let total =
        meminfo.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).expect("MemTotal") * 1024.0;
    assert_eq!(node["node_memory_limit"].as_f64(), Some(total));
    let hostname = rustix::system::uname().nodename().to_string_lossy().into_owned();
    assert_eq!(node["NodeName"].as_str(), Some(&*hostname));

    let root = rustix::fs::statvfs("/").expect("statvfs");
    let capacity = (root.f_blocks * root.f_frsize) as f64;
    let capacities: Vec<_> =
        of_type("NodeFS").iter().map(|event| event["node_filesystem_capacity"].as_f64()).collect();
    assert!(capacities.contains(&Some(capacity)), "{capacity} is not among {capacities:?}");

    let interfaces = fs::read_to_string("/proc/1/net/dev").or_else(|_| fs::read_to_string("/proc/net/dev"));
    for net in of_type("NodeNet") {
        let name = net["interface"].as_str().expect("a NodeNet event names its interface");
        assert!(interfaces.as_ref().expect("net/dev").contains(name), "{name}");
    }
    let times: Vec<u64> = events.iter().map(time_of).collect();
    assert!(times.iter().all(|time| *time == times[0]), "all events of a tick carry its time");
}

#[test]
fn ticks_are_on_the_clock_and_sigterm_ends_with_whole_lines() {
    let mut agent = Agent::start(&["run", "--interval", "200ms"]);
    let mut lines = agent.stdout().lines();
    let mut times = Vec::new();
    while times.len() < 3 {
        let time = time_of(&event(&lines.next().expect("the agent goes on").expect("UTF-8")));
        if times.last() != Some(&time) {
            times.push(time);
        }
    }
    // The default offset: five twelfths of the interval, in whole milliseconds.
    assert!(times.iter().all(|time| time % 200 == 83), "{times:?}");
    assert!(times.is_sorted(), "{times:?}");
    agent.signal(Signal::TERM);
    for line in lines {
        event(&line.expect("UTF-8"));
    }
    let (status, log) = agent.end();
    assert_eq!(status.code(), Some(0), "{log}");
    let last = event(log.lines().last().expect("a log"));
    assert_eq!(last["message"], "stopped", "{log}");
    assert!(last["events"].as_u64() >= Some(3) && last["lost_sink"] == 0, "{log}");
}

#[test]
fn a_second_signal_does_not_wait_for_a_reader_that_sleeps() {
    let mut agent = Agent::start(&["run", "--interval", "100ms"]);
    // Nobody reads: sooner or later the pipe is full and the tick in progress cannot end.
    let stdout = agent.stdout().into_inner();
    let deadline = Instant::now() + Duration::from_secs(120);
    let mut before = usize::MAX;
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let waiting = rustix::io::ioctl_fionread(&stdout).expect("a pipe") as usize;
        if waiting > 0 && waiting == before {
            break;
        }
        before = waiting;
        assert!(Instant::now() < deadline, "the pipe never fills: {waiting} bytes");
    }
    agent.signal(Signal::INT);
    std::thread::sleep(Duration::from_millis(500));
    assert!(agent.0.try_wait().expect("can be asked").is_none(), "the tick in progress is not given up");
    agent.signal(Signal::TERM);
    let (status, log) = agent.end();
    assert_eq!((status.code(), status.signal()), (Some(143), None), "{log}");
}

#[test]
fn a_reader_that_goes_away_ends_the_agent() {
    let mut agent = Agent::start(&["run", "--interval", "100ms"]);
    let mut first = String::new();
    agent.stdout().read_line(&mut first).expect("UTF-8");
    let (status, log) = agent.end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("standard output was closed by its reader"), "{log}");
    assert!(log.contains("every sink is closed"), "{log}");
}

#[test]
fn other_signals_end_nothing_and_hangup_looks_at_the_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut agent =
        Agent::start(&["run", "--interval", "200ms", "--config", &config(folder.path(), "interval: 1s\n")]);
    let mut lines = agent.stdout().lines();
    let mut next_tick = |before: u64| loop {
        let time = time_of(&event(&lines.next().expect("the agent goes on").expect("UTF-8")));
        if time > before {
            return time;
        }
    };
    let mut time = next_tick(0);
    for signal in [Signal::HUP, Signal::USR1, Signal::USR2, Signal::PIPE, Signal::HUP] {
        agent.signal(signal);
        time = next_tick(time);
    }
    agent.signal(Signal::TERM);
    lines.for_each(|line| drop(event(&line.expect("UTF-8"))));
    let (status, log) = agent.end();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("SIGHUP: looking at the configuration"), "{log}");
    assert!(log.contains(r#""message":"stopped""#), "{log}");
}

/// The service refuses every request for good: the last line counts them, and the run is none that succeeded.
#[test]
fn a_run_that_loses_everything_says_so_and_fails() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 64 << 10]);
            let body = r#"{"__type":"InvalidParameterException","message":"no"}"#;
            let _ = write!(
                stream,
                "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: application/x-amz-json-1.1\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        "instance: {{enabled: false}}\nkubelet: {{enabled: false}}\naws: {{region: eu-central-1}}\nnode: {{cluster_name: \
         demo}}\nsinks:\n  logs: {{type: cloudwatch_logs, endpoint_url: \"{url}\"}}\npipelines:\n- name: node\n  \
         transforms: [{{use: builtin:decorate}}, {{use: builtin:utilization}}]\n  outputs: [{{formatter: {{use: \
         builtin:emf}}, sink: logs}}]\n"
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_insightd"));
    command.args(["run", "--once", "--config", &config(folder.path(), &text)]).stdout(Stdio::null());
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    let output = command.output().expect("the agent starts");
    let log = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{log}");
    let last = event(log.lines().last().expect("a log"));
    assert_eq!(last["message"], "stopped", "{log}");
    assert!(last["events"].as_u64() > Some(0), "{log}");
    assert_eq!(last["lost_sink"], last["events"], "{log}");
    assert!(log.contains("nothing was delivered"), "{log}");
    assert!(!log.contains("aws_"), "the libraries say nothing of their own: {log}");
}

fn config(folder: &Path, text: &str) -> String {
    let file = folder.join("insightd.yaml");
    fs::write(&file, text).expect("the configuration can be written");
    file.to_str().expect("UTF-8").into()
}

#[test]
fn a_file_sink_rotates_and_keeps_whole_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.json");
    let text = format!(
        "interval: 100ms\nsinks:\n  disk: {{type: file, path: {path:?}, max_bytes: 64KiB, max_files: 2}}\npipelines:\n- name: \
         node\n  transforms: [{{use: builtin:decorate}}, {{use: builtin:utilization}}]\n  outputs:\n  - {{formatter: {{use: \
         builtin:emf}}, sink: disk}}\n"
    );
    let mut agent = Agent::start(&["run", "--config", &config(folder.path(), &text)]);
    let older = PathBuf::from(format!("{}.1", path.display()));
    let deadline = Instant::now() + Duration::from_secs(120);
    while !older.exists() {
        assert!(Instant::now() < deadline, "the file is never rotated");
        assert!(agent.0.try_wait().expect("can be asked").is_none(), "the agent ended");
        std::thread::sleep(Duration::from_millis(100));
    }
    agent.signal(Signal::TERM);
    assert!(agent.stdout().lines().next().is_none(), "nothing on stdout: no output has that sink");
    let (status, log) = agent.end();
    assert!(status.success(), "{log}");
    for file in [&older, &path] {
        let text = fs::read_to_string(file).expect("the file is there");
        assert!(text.len() <= 64 << 10 && (text.is_empty() || text.ends_with('\n')), "{}", file.display());
        text.lines().for_each(|line| drop(event(line)));
    }
}

#[test]
fn a_sink_that_cannot_be_opened_keeps_the_agent_from_starting() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "sinks:\n  stdout: {type: file, path: /nonexistent/events}\n";
    let agent = Agent::start(&["run", "--once", "--config", &config(folder.path(), text)]);
    let (status, log) = agent.end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("sink `stdout`: cannot open /nonexistent/events: No such file"), "{log}");
}

#[test]
fn routes_that_are_not_granted_are_dropped_counted_and_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "node: {cluster_name: demo}\npipelines:\n- name: node\n  transforms: [{use: builtin:decorate}, {use: \
                builtin:utilization}]\n  outputs:\n  - formatter: {use: builtin:emf}\n    routes: {log_group: [/elsewhere], log_stream: ['**']}\n";
    let mut agent = Agent::start(&["run", "--once", "--config", &config(folder.path(), text)]);
    assert!(agent.stdout().lines().next().is_none(), "no event is granted");
    let (status, log) = agent.end();
    assert_eq!(status.code(), Some(1), "a run that lost everything is none that succeeded: {log}");
    assert!(log.contains("events kept back") && log.contains("is not granted to this output"), "{log}");
    let last = event(log.lines().last().expect("a log"));
    assert!(last["lost_route_refused"].as_u64() > Some(0) && last["events"] == 0, "{log}");
}

/// The compiler child is built by `make build`; without it there is nothing to compile an override with.
fn compiler() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release/insightd-compile");
    let found = path.canonicalize().ok();
    if found.is_none() {
        eprintln!("SKIPPED: {} is missing; run `make build`", path.display());
    }
    found
}

#[test]
fn an_override_that_cannot_be_used_falls_back_loudly_and_a_good_one_runs() {
    let Some(compiler) = compiler() else { return };
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/transforms/decorate.wasm");
    let folder = tempfile::tempdir().expect("a folder");
    // With an empty section of its own it is another file than the built-in's, which would run in its place.
    let wasm = fs::read(built).expect("`make builtins` leaves decorate.wasm");
    fs::write(folder.path().join("decorate.wasm"), [&wasm[..], &[0, 1, 0]].concat()).expect("can be written");
    fs::write(folder.path().join("utilization.wasm"), "no component").expect("can be written");
    let text = format!(
        "transforms_dir: {:?}\ncompiler: {compiler:?}\npipelines:\n- name: node\n  transforms: [{{use: file:decorate}}, {{use: \
         file:utilization}}]\n  outputs: [{{formatter: {{use: builtin:emf}}}}]\n",
        folder.path()
    );
    let mut agent = Agent::start(&["run", "--once", "--config", &config(folder.path(), &text)]);
    assert!(agent.stdout().lines().count() > 0);
    let (status, log) = agent.end();
    assert!(status.success(), "{log}");
    let ready = |component: &str| {
        log.lines()
            .map(event)
            .any(|line| line["message"] == "component ready" && line["component"] == component)
    };
    assert!(ready("file:decorate") && ready("builtin:utilization"), "{log}");
    assert!(log.contains("the built-in runs in its place"), "{log}");
}
