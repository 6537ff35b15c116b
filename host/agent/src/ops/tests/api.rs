//! Tests of the API over its Unix socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use insightd_pipeline::Location;
use insights_batch::Columns;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::super::{Servers, StatusRegistry, serve};
use super::{registry, stats};
use crate::tap::Tap;

/// Timeout of every read and write: a connection that never ends fails the test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(30);
const LAST: Location<'_> = Location {
    pipeline: "node",
    number: 1,
    is_output: false,
    is_last: true,
    component: "builtin:decorate",
    is_after: true,
};

struct Api {
    directory: tempfile::TempDir,
    tap: Arc<Tap>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Api {
    fn start(registry: &Arc<StatusRegistry>) -> Self {
        Self::start_in(registry, tempfile::tempdir().unwrap())
    }

    fn start_in(registry: &Arc<StatusRegistry>, directory: tempfile::TempDir) -> Self {
        let (tap, (stop, stopped)) = (Arc::new(Tap::new(Vec::new())), oneshot::channel());
        let servers = Servers { socket: Some(directory.path().join("api.sock")), ..Servers::default() };
        let (served, registry) = (Arc::clone(&tap), Arc::clone(registry));
        let thread = std::thread::spawn(move || {
            crate::runtime::create().unwrap().block_on(async {
                tokio::select! {
                    () = serve(registry, served, servers) => {}
                    _ = stopped => {}
                }
            });
        });
        let api = Self { directory, tap, stop: Some(stop), thread: Some(thread) };
        while UnixStream::connect(api.path()).is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
        api
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("api.sock")
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.path()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn request(&self, path: &str) -> UnixStream {
        let mut stream = self.connect();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
        stream
    }

    /// Returns status and body.
    fn get(&self, path: &str) -> (u16, String) {
        let mut response = String::new();
        self.request(path).read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        (head["HTTP/1.1 ".len()..][..3].parse().unwrap(), body.to_owned())
    }

    fn document(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    fn show(&self, batch: &Columns, tick: u64) {
        if let Some(observer) = self.tap.observer() {
            observer.batch(&LAST, batch);
        }
        self.tap.end_tick(tick);
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the server panicked");
        }
    }
}

fn batch(text: &str) -> Columns {
    let text = json!({"scope": "node", "id": "n1", "time_unix_ms": 1, "interval_ms": 1000, "entities": [{"kind": "node", "id": "n1", "attributes": {"a": text}}]});
    Columns::from_json(&text.to_string()).unwrap()
}

/// Reads the head of a response and returns a reader of its chunks.
fn open(stream: UnixStream) -> BufReader<UnixStream> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line).unwrap();
    }
    reader
}

/// Returns the next JSON line of a chunked response.
fn next_line(reader: &mut BufReader<UnixStream>) -> Option<Value> {
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap() > 0 {
        if line.starts_with('{') {
            return Some(serde_json::from_str(&line).unwrap());
        }
        line.clear();
    }
    None
}

#[test]
fn the_state_has_status_and_metrics() {
    let registry = registry();
    registry.publish(stats());
    let api = Api::start(&registry);
    let state = api.document("/v1/state");
    assert_eq!(state["version"], 1);
    assert!(state["time_unix_ms"].as_u64().unwrap() > 1_700_000_000_000);
    assert_eq!(state["status"], api.document("/status"));
    let metrics = state["metrics"].as_array().unwrap();
    let page = api.get("/metrics").1;
    assert_eq!(metrics.len(), page.lines().filter(|line| !line.starts_with('#')).count());
    let ticks = metrics.iter().find(|metric| metric["name"] == "insightd_ticks_total").unwrap();
    assert!(page.contains(&format!("\ninsightd_ticks_total {}\n", ticks["value"])), "{ticks}");
}

#[test]
fn the_history_begins_with_the_server() {
    let registry = registry();
    registry.publish(stats());
    let api = Api::start(&registry);
    let history = api.document("/v1/history");
    assert_eq!(history["times_unix_ms"].as_array().unwrap().len(), 1);
    let series = history["series"].as_array().unwrap();
    assert!(series.len() > 50 && series.iter().all(|series| series["values"].as_array().unwrap().len() == 1));
}

#[test]
fn only_this_user_can_connect() {
    let api = Api::start(&registry());
    let found = std::fs::symlink_metadata(api.path()).unwrap();
    assert_eq!((found.mode() & 0o777, found.uid()), (0o600, rustix::process::geteuid().as_raw()));
    assert_eq!(api.directory.path().metadata().unwrap().mode() & 0o022, 0);
}

#[test]
fn a_socket_of_an_earlier_agent_is_replaced_and_other_files_are_not() {
    let directory = tempfile::tempdir().unwrap();
    drop(std::os::unix::net::UnixListener::bind(directory.path().join("api.sock")).unwrap());
    let api = Api::start_in(&registry(), directory);
    assert_eq!(api.get("/healthz").0, 200);

    let other = tempfile::tempdir().unwrap();
    let path = other.path().join("api.sock");
    std::fs::write(&path, "precious").unwrap();
    let address = crate::server::Address::Unix(path.clone());
    let runtime = crate::runtime::create().unwrap();
    let error = runtime.block_on(crate::server::Listener::bind(&address)).unwrap_err();
    assert!(error.to_string().contains("not a socket"), "{error}");
    assert_eq!(std::fs::read_to_string(path).unwrap(), "precious");
}

#[test]
fn a_directory_that_others_can_write_to_is_closed_or_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let api = Api::start_in(&registry(), directory);
    assert_eq!(api.directory.path().metadata().unwrap().mode() & 0o022, 0);
    assert!(Path::new(&api.path()).exists());
}

#[test]
fn the_tap_is_a_stream() {
    let api = Api::start(&registry());
    let mut lines = open(api.request("/v1/tap?at=batches&ticks=2"));
    for tick in 1..=2 {
        api.show(&batch("x"), tick);
        let line = next_line(&mut lines).unwrap();
        assert_eq!(
            (&line["tap"], &line["batch"]["entities"][0]["attributes"]["a"]),
            (&json!("batch"), &json!("x"))
        );
        assert_eq!(next_line(&mut lines).unwrap(), json!({"tap": "tick", "time_unix_ms": tick}));
    }
    assert_eq!(next_line(&mut lines), None, "two ticks were wanted");
    let (status, body) = api.get("/v1/tap?at=logs");
    assert_eq!((status, &*body), (400, "at: expected events or batches\n"));
}

#[test]
fn readers_that_stop_do_not_hold_up_ticks() {
    let api = Api::start(&registry());
    // More than the socket buffers, the queue and the channel take.
    let large = batch(&"x".repeat(1 << 20));
    let stuck: Vec<_> = (0..20).map(|_| api.request("/v1/tap?at=batches&rate_bytes=67108864")).collect();
    while api.tap.observer().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    for tick in 0..1000 {
        api.show(&large, tick);
    }
    assert_eq!(api.get("/healthz").0, 200, "the server responds");
    let (status, body) = api.get("/v1/tap");
    assert_eq!((status, &*body), (503, "4 programs listen already; end one of them\n"));
    drop(stuck);
    // The threads of listeners that are gone notice, and make room.
    while api.tap.observer().is_some() {
        api.show(&batch("x"), 0);
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn garbage_is_refused_and_forgotten() {
    let api = Api::start(&registry());
    for bytes in
        [&b"\0\0\0\0"[..], &[0xff; 4096], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET /v1/tap"]
    {
        let mut stream = api.connect();
        // The server may close the connection before it has read everything.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut response = Vec::new();
        let _ = stream.read_to_end(&mut response);
        assert!(response.is_empty() || response.starts_with(b"HTTP/1.1 4"), "{response:?}");
    }
    assert_eq!(api.get("/healthz").0, 200);
}
