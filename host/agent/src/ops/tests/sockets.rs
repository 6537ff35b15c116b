//! Tests of the server over plain sockets.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::super::server::{endpoint, responder};
use super::super::{Servers, StatusRegistry, serve};
use super::exposition::Exposition;
use super::{registry, stats};
use crate::server::{Address, Endpoint, Listener, MAX_CONNECTIONS, MAX_HEAD_BYTES, accept};

/// Timeout of every read and write: a connection that never ends fails the test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(30);
const LONG: Duration = Duration::from_secs(3600);

struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(registry: &Arc<StatusRegistry>, lifetime: Duration) -> Self {
        let (registry, (stop, stopped), (tell, told)) =
            (registry.clone(), oneshot::channel(), std::sync::mpsc::channel());
        let thread = std::thread::spawn(move || {
            let runtime = crate::runtime::create().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
                let address = listener.local_addr().unwrap();
                tell.send(address).unwrap();
                let listener = Listener::Tcp(listener);
                let endpoint = Endpoint { lifetime, ..endpoint(Address::Tcp(address), "operations.listen") };
                let responder = responder(&registry, &Arc::default(), None);
                tokio::select! {
                    () = accept(&endpoint, &listener, &responder) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address: told.recv().unwrap(), stop: Some(stop), thread: Some(thread) }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends bytes and returns everything received until the server closes the connection.
    fn send(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        read_to_end(&mut stream)
    }

    fn ask(&self, method: &str, path: &str, headers: &str) -> (u16, String, String) {
        split(&self.send(format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").as_bytes()))
    }

    fn get(&self, path: &str) -> (u16, String, String) {
        self.ask("GET", path, "")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the server panicked");
        }
    }
}

/// Returns the bytes received before the connection was closed or reset.
fn read_to_end(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => all.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("the server does not close the connection: {error}"),
        }
    }
    String::from_utf8(all).unwrap()
}

/// Splits a response into status, head and body.
fn split(response: &str) -> (u16, String, String) {
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no response: {response:?}"));
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|head| head.get(..3)?.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status: {head:?}"));
    (status, head.to_ascii_lowercase(), body.to_owned())
}

#[test]
fn health_and_readiness_follow_the_board() {
    let registry = registry();
    let server = Server::start(&registry, LONG);
    let (status, head, body) = server.get("/healthz");
    assert_eq!((status, &*body), (200, "ok: waiting for the first tick\n"));
    assert!(
        head.contains("content-type: text/plain; charset=utf-8") && head.contains("connection: close"),
        "{head}"
    );
    let kubelet = Arc::new(insightd_upstream::UpstreamStatus::new("kubelet"));
    registry.watch("node", &kubelet);
    kubelet.failed("connection refused");
    let (status, _, body) = server.get("/readyz");
    assert_eq!(status, 503);
    assert_eq!(
        body,
        "not ready: waiting for the first tick (interval 60 s)\nno data yet from kubelet (scope node): connection refused\n"
    );
    registry.publish(stats());
    kubelet.succeeded();
    assert_eq!(server.get("/readyz?verbose=1").2, "ok\n");
    kubelet.failed("connection refused");
    let (status, _, body) = server.get("/readyz");
    let (begin, end) = ("ok\nno data for ", " s from kubelet (scope node): connection refused\n");
    assert!(
        status == 200 && body.starts_with(begin) && body.ends_with(end),
        "away, and not waited for: {body}"
    );
    kubelet.succeeded();
    assert_eq!(server.get("/readyz").2, "ok\n");
    assert!(server.get("/healthz").2.starts_with("ok: the last tick ended "));
}

#[test]
fn a_slot_where_no_version_works_makes_the_agent_unready() {
    let registry = registry();
    let mut down = stats();
    let slot = &mut down.components[0];
    slot.failed_batches = 4;
    slot.stats.last_error = Some("trapped: unreachable".into());
    let wanted = format!(
        "ok\nnode/{} ({}): no version worked for 4 batches: trapped: unreachable\n",
        slot.slot, slot.component
    );
    registry.publish(down);
    let server = Server::start(&registry, LONG);
    let (status, _, body) = server.get("/readyz");
    assert_eq!((status, &*body), (503, &*wanted));
    assert_eq!(server.get("/healthz").0, 200, "a restart would not mend it");
    registry.publish(stats());
    assert_eq!(server.get("/readyz").0, 200);
}

#[test]
fn metrics_come_under_the_type_that_is_asked_for() {
    let registry = registry();
    registry.publish(stats());
    let server = Server::start(&registry, LONG);
    let (status, head, body) = server.get("/metrics");
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    assert!(Exposition::parse(&body).unwrap().samples.len() > 50);
    let accept =
        "Accept: text/html\r\nAccept: application/openmetrics-text;version=1.0.0;q=0.6,*/*;q=0.1\r\n";
    let (_, head, body) = server.ask("GET", "/metrics", accept);
    assert!(
        head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{head}"
    );
    Exposition::parse(&body).unwrap();
}

#[test]
fn the_root_lists_paths_that_respond() {
    let registry = Arc::new(
        StatusRegistry::new(Duration::from_secs(60), Duration::ZERO).with_node_name("node\u{1b}[2J"),
    );
    let server = Server::start(&registry, LONG);
    let (status, head, body) = server.get("/");
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/plain; charset=utf-8"), "{head}");
    let title = format!("insightd {} on node\\u{{1b}}[2J", env!("CARGO_PKG_VERSION"));
    assert_eq!(body.lines().next(), Some(title.as_str()));
    let paths: Vec<&str> = body.lines().skip(2).filter_map(|line| line.split(' ').next()).collect();
    let known = ["/healthz", "/readyz", "/metrics", "/status", "/v1/state", "/v1/history", "/v1/tap"];
    assert_eq!(paths, known);
    for path in paths {
        assert_ne!(server.get(path).0, 404, "{path}");
    }
    assert!(body.ends_with("(off here: `operations.tap`)\n"), "{body}");
    assert_eq!(server.ask("POST", "/", "").0, 405);
}

#[test]
fn only_get_and_head_of_what_is_there() {
    let server = Server::start(&registry(), LONG);
    let (status, head, body) = server.ask("HEAD", "/healthz", "");
    assert_eq!((status, &*body), (200, ""));
    assert!(head.contains("content-length: 31"), "{head}");
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"] {
        let (status, head, _) = server.ask(method, "/metrics", "");
        assert_eq!(status, 405, "{method}");
        assert!(head.contains("allow: get, head"), "{head}");
    }
    // A body is announced but never read.
    assert_eq!(server.ask("POST", "/metrics", "Content-Length: 999999999999\r\n").0, 405);
    for path in [
        "/index.html",
        "/metrics/",
        "/healthz/../metrics",
        "//metrics",
        "/%6detrics",
        "*",
        "http://localhost/other",
    ] {
        assert_eq!(server.get(path).0, 404, "{path}");
    }
    assert_eq!(server.get("http://localhost/healthz").0, 200);
}

#[test]
fn garbage_is_refused_and_forgotten() {
    let server = Server::start(&registry(), LONG);
    let long_name = format!("GET /healthz HTTP/1.1\r\n{}: x\r\n\r\n", "a".repeat(MAX_HEAD_BYTES + 1));
    let garbage: &[&[u8]] = &[
        b"\r\n\r\n\r\n\r\nhello\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /healthz HTTP/9.9\r\n\r\n",
        b"GET\0/healthz HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &[0xff; 4096],
        long_name.as_bytes(),
    ];
    for bytes in garbage {
        let response = server.send(bytes);
        assert!(response.is_empty() || response.starts_with("HTTP/1.1 4"), "{response:?}");
    }
    assert_eq!(server.get("/healthz").0, 200);
}

#[test]
fn a_head_has_bounds() {
    let server = Server::start(&registry(), LONG);
    let fits = format!("X: {}\r\n", "a".repeat(MAX_HEAD_BYTES / 2));
    assert_eq!(server.ask("GET", "/healthz", &fits).0, 200);
    assert_eq!(server.ask("GET", "/healthz", &"A: b\r\n".repeat(100)).0, 431);
    // Headers that never end: the server stops reading long before.
    let mut stream = server.connect();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nX: ").unwrap();
    let sent = (0..100_000).take_while(|_| stream.write_all(&[b'a'; 1024]).is_ok()).count();
    assert!(sent < 100_000, "everything was taken");
    assert_eq!(server.get("/healthz").0, 200);
}

#[test]
fn half_a_request_ends_with_its_time() {
    let server = Server::start(&registry(), Duration::from_millis(100));
    let requests: [&[u8]; 3] = [b"", b"GET /heal", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"];
    for request in requests {
        assert_eq!(server.send(request), "");
    }
    // A client that closes its sending side gets no response to half a request either.
    let mut stream = server.connect();
    stream.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut stream), "");
}

#[test]
fn whoever_waits_gives_way() {
    let server = Server::start(&registry(), LONG);
    let mut waiting: Vec<TcpStream> = (0..10 * MAX_CONNECTIONS)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(b"GET /metrics HTTP/1.1\r\n").unwrap();
            stream
        })
        .collect();
    for _ in 0..5 {
        assert_eq!(server.get("/healthz").0, 200);
    }
    // All but the newest connections were closed without a response, oldest first.
    let kept = waiting.split_off(waiting.len() - MAX_CONNECTIONS);
    for stream in &mut waiting {
        assert_eq!(read_to_end(stream), "");
    }
    // The remaining ones are still served: the newest gets a response once it sends the rest of its request.
    let mut last = kept.into_iter().next_back().unwrap();
    last.write_all(b"Host: localhost\r\n\r\n").unwrap();
    assert_eq!(split(&read_to_end(&mut last)).0, 200);
}

#[test]
fn a_reader_that_does_not_read_loses_its_connection() {
    let registry = registry();
    registry.publish(stats());
    let server = Server::start(&registry, Duration::from_millis(100));
    let mut stream = server.connect();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(server.get("/healthz").0, 200);
    // Data in the kernel's buffers may still arrive; the connection is over in any case.
    let _ = read_to_end(&mut stream);
}

#[test]
fn an_address_that_is_taken_is_waited_for() {
    let taken = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let server = tokio::spawn(serve(
            registry(),
            Arc::default(),
            Servers { listen: Some(address), ..Servers::default() },
        ));
        // The clock is paused: hours of retries pass at once.
        tokio::time::sleep(LONG).await;
        assert!(!server.is_finished());
        drop(taken);
        tokio::time::sleep(LONG).await;
        let stream = tokio::net::TcpStream::connect(address).await;
        assert!(stream.is_ok(), "{stream:?}");
        server.abort();
    });
}

#[test]
fn a_page_in_a_browser_gets_nothing() {
    let registry =
        Arc::new(StatusRegistry::new(Duration::from_secs(60), Duration::ZERO).with_node_name("node-1"));
    let server = Server::start(&registry, LONG);
    for path in ["/healthz", "/readyz", "/metrics", "/status", "/"] {
        let ask = |host: &str| {
            split(&server.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()))
        };
        let (status, _, body) = ask("rebound.example:9464");
        assert_eq!(status, 421, "{path}");
        assert!(body.starts_with("unknown host: use an IP address"), "{body}");
        for host in ["127.0.0.1:9464", "localhost", "node-1:9464"] {
            assert_ne!(ask(host).0, 421, "{path} of {host}");
        }
    }
}
