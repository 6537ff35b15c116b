//! A small server in place of an agent's API.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

/// The server. It ends, with all connections, when it is dropped.
pub(crate) struct FakeAgent {
    socket: PathBuf,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Lines of taps: those of one tick, and if the stream goes on after them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Responses {
    pub(crate) state: String,
    pub(crate) history: String,
    /// Lines for a tap; without them it is rejected.
    pub(crate) tap: Option<String>,
    /// The tap stays open.
    pub(crate) stays: bool,
}

impl FakeAgent {
    /// Listens on a socket, which may have been left by an earlier one.
    pub(crate) fn start(socket: &Path, responses: Responses) -> Self {
        let _ = fs::remove_file(socket);
        let listener = UnixListener::bind(socket).expect("a socket");
        listener.set_nonblocking(true).expect("a socket");
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        let thread = thread::spawn(move || {
            let mut connections = Vec::new();
            while !stop.load(Ordering::SeqCst) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        let (responses, stop) = (responses.clone(), Arc::clone(&stop));
                        connections.push(thread::spawn(move || respond(stream, &responses, &stop)));
                    }
                    Err(_) => thread::sleep(Duration::from_millis(5)),
                }
            }
            for connection in connections {
                connection.join().expect("a connection");
            }
        });
        Self { socket: socket.to_owned(), stopped, thread: Some(thread) }
    }
}

impl Drop for FakeAgent {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = fs::remove_file(&self.socket);
    }
}

fn respond(mut stream: UnixStream, responses: &Responses, stop: &AtomicBool) {
    stream.set_nonblocking(false).expect("a socket");
    let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
    let mut request = String::new();
    let _ = reader.read_line(&mut request);
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap_or(0) > 2 {
        line.clear();
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let (status, body) = match path.split('?').next().unwrap_or_default() {
        "/v1/state" => ("200 OK", Some(&responses.state)),
        "/v1/history" => ("200 OK", Some(&responses.history)),
        "/v1/tap" if responses.tap.is_some() => ("200 OK", responses.tap.as_ref()),
        _ => ("404 Not Found", None),
    };
    let is_open = path.starts_with("/v1/tap") && responses.stays && body.is_some();
    let body = body.map_or("no such path here", |body| body);
    let head = match is_open {
        true => "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_owned(),
        false => format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len()),
    };
    // The client may have gone.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
    while is_open && !stop.load(Ordering::SeqCst) {
        thread::sleep(Duration::from_millis(5));
    }
}

/// Returns the state of an agent with a stage, a sink and a source.
pub(crate) fn state() -> Value {
    let labels = json!({"pipeline": "node", "slot": "transform-1", "component": "builtin:decorate"});
    json!({
        "version": 1,
        "time_unix_ms": 1_795_256_500_000_u64,
        "status": {
            "version": "0.1.0",
            "last_tick_unix_ms": 1_795_256_488_805_u64,
            "rollout": {"running": {"bundle": "ab".repeat(32), "origin": "files"},
                "latest": {"bundle": "cd".repeat(32), "state": "rejected", "why": "events: 0 instead of 5"}},
            "components": [{"pipeline": "node", "slot": "transform-1", "component": "builtin:decorate", "batches": 4,
                "failures": 1, "down_batches": 0, "last_error": "trapped\u{1b}[2J", "quarantined": [],
                "versions": [{"origin": "current", "version": "0.1.0", "sha256": "00", "given_up": false}]}],
        },
        "metrics": [
            {"name": "insightd_component_calls_total", "labels": labels, "value": 4.0},
            {"name": "insightd_component_cpu_seconds_total", "labels": labels, "value": 0.5},
            {"name": "insightd_delivery_pending_bytes", "labels": {"sink": "logs"}, "value": 2048.0},
            {"name": "insightd_delivery_events_lost_total", "labels": {"sink": "logs", "cause": "age"}, "value": 3.0},
            {"name": "insightd_source_age_seconds", "labels": {"scope": "node", "source": "kubelet"}, "value": 12.0},
        ],
    })
}

/// Returns a history with the CPU time of the stage.
pub(crate) fn history() -> Value {
    let labels = json!({"pipeline": "node", "slot": "transform-1", "component": "builtin:decorate"});
    json!({"version": 1, "step_ms": 30_000, "times_unix_ms": [1, 2, 3],
        "series": [{"name": "insightd_component_cpu_seconds_total", "labels": labels, "values": [0.1, null, 0.5]}]})
}

/// Returns the batch of a node with pods: name, and millicores.
pub(crate) fn batch(pods: &[(&str, f64)]) -> Value {
    let pods: Vec<Value> = pods
        .iter()
        .map(|(name, cpu)| {
            json!({"kind": "pod", "id": name, "attributes": {"pod.namespace": "shop", "pod.name": name},
                "gauges": {"pod_cpu_usage_total": cpu, "cpu.shares": 2}})
        })
        .collect();
    json!({"scope": "node", "id": "n1", "time_unix_ms": 1_795_256_488_805_u64, "interval_ms": 60_000,
        "entities": [{"kind": "node", "id": "n1", "gauges": {"node_cpu_utilization": 50.0}, "children": pods}]})
}

/// Returns the line of a tap with a batch.
pub(crate) fn tapped(when: &str, batch: &Value) -> String {
    let line = json!({"tap": "batch", "time_unix_ms": 1_795_256_488_805_u64, "pipeline": "node", "slot": "transform-2",
        "component": "builtin:utilization", "when": when, "batch": batch});
    format!("{line}\n")
}

/// Returns the responses of a healthy agent with this batch.
pub(crate) fn healthy(batch: &Value) -> Responses {
    let tick = json!({"tap": "tick", "time_unix_ms": 1_795_256_488_805_u64});
    Responses {
        state: state().to_string(),
        history: history().to_string(),
        tap: Some(format!("{}{tick}\n", tapped("after", batch))),
        stays: true,
    }
}
