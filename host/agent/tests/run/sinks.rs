//! Destinations of events, and reports about lost events.

use std::fs;
use std::io::{BufRead, Read, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::agent::{Agent, config, event};

/// The service rejects every request permanently: the last log line counts the events, and the run fails.
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
    let directory = tempfile::tempdir().expect("a directory");
    let text = format!(
        "instance: {{enabled: false}}\nkubelet: {{enabled: false}}\naws: {{region: eu-central-1}}\nnode: {{cluster_name: \
         demo}}\nsinks:\n  logs: {{type: cloudwatch_logs, endpoint_url: \"{url}\"}}\npipelines:\n- name: node\n  \
         transforms: [{{use: builtin:decorate}}, {{use: builtin:utilization}}]\n  outputs: [{{formatter: {{use: \
         builtin:emf}}, sink: logs}}]\n"
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_insightd"));
    command.args(["run", "--once", "--config", &config(directory.path(), &text)]).stdout(Stdio::null());
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

#[test]
fn a_file_sink_rotates_and_keeps_whole_events() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("events.json");
    let text = format!(
        "interval: 100ms\nsinks:\n  disk: {{type: file, path: {path:?}, max_bytes: 64KiB, max_files: 2}}\npipelines:\n- name: \
         node\n  transforms: [{{use: builtin:decorate}}, {{use: builtin:utilization}}]\n  outputs:\n  - {{formatter: {{use: \
         builtin:emf}}, sink: disk}}\n"
    );
    let mut agent = Agent::start(&["run", "--config", &config(directory.path(), &text)]);
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
    let directory = tempfile::tempdir().expect("a directory");
    let text = "sinks:\n  stdout: {type: file, path: /nonexistent/events}\n";
    let agent = Agent::start(&["run", "--once", "--config", &config(directory.path(), text)]);
    let (status, log) = agent.end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("sink `stdout`: cannot open /nonexistent/events: No such file"), "{log}");
}

#[test]
fn routes_that_are_not_granted_are_dropped_counted_and_said() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = "node: {cluster_name: demo}\npipelines:\n- name: node\n  transforms: [{use: builtin:decorate}, {use: \
                builtin:utilization}]\n  outputs:\n  - formatter: {use: builtin:emf}\n    routes: {log_group: [/elsewhere], log_stream: ['**']}\n";
    let mut agent = Agent::start(&["run", "--once", "--config", &config(directory.path(), text)]);
    assert!(agent.stdout().lines().next().is_none(), "no event is granted");
    let (status, log) = agent.end();
    assert_eq!(status.code(), Some(1), "a run that lost everything is none that succeeded: {log}");
    assert!(log.contains("events dropped by the output filter"), "{log}");
    assert!(log.contains("is not granted to this output"), "{log}");
    let last = event(log.lines().last().expect("a log"));
    assert!(last["lost_route_refused"].as_u64() > Some(0) && last["events"] == 0, "{log}");
}
