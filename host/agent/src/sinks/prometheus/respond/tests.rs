//! Tests of the page over plain sockets.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread::JoinHandle;

use flate2::read::GzDecoder;
use insights_batch::Payloads;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::*;
use crate::config::PrometheusSink;
use crate::server::Listener;
use crate::sinks::{Prometheus, Sink};

/// Timeout of every read and write: a connection that never ends fails the test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(60);
const LONG: Duration = Duration::from_secs(3600);

struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(page: &Arc<ServedPage>, stale_after: Duration) -> Self {
        let ((stop, stopped), (tell, told)) = (oneshot::channel(), std::sync::mpsc::channel());
        let responder: Arc<dyn Respond> = Arc::new(Responder::new(Arc::clone(page), stale_after, "node-1"));
        let thread = std::thread::spawn(move || {
            let runtime = crate::runtime::create().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
                let listen = listener.local_addr().unwrap();
                tell.send(listen).unwrap();
                let (listener, listen) = (Listener::Tcp(listener), Address::Tcp(listen));
                let endpoint = Endpoint { name: "p".into(), key: "sinks.p".into(), listen, lifetime: LONG };
                tokio::select! {
                    () = server::accept(&endpoint, &listener, &responder) => {}
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

    fn ask(&self, method: &str, path: &str, headers: &str) -> Received {
        let mut stream = self.connect();
        let headers = if headers.contains("Host:") {
            headers.to_owned()
        } else {
            format!("Host: localhost\r\n{headers}")
        };
        stream.write_all(format!("{method} {path} HTTP/1.1\r\n{headers}\r\n").as_bytes()).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        Received::new(&bytes)
    }

    fn get(&self, headers: &str) -> Received {
        self.ask("GET", PATH, headers)
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

struct Received {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Received {
    fn new(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase();
        let status = head["http/1.1 ".len()..][..3].parse().unwrap();
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn has(&self, header: &str) -> bool {
        self.head.lines().any(|line| line == header)
    }
}

fn sink() -> (Prometheus, Arc<ServedPage>) {
    let listen = "127.0.0.1:9465".parse().unwrap();
    Prometheus::new(&PrometheusSink { listen, max_bytes: 1 << 30, stale_after: None })
}

fn tick(sink: &mut Prometheus, events: &[&str]) {
    let mut payloads = Payloads::new("text/plain; version=0.0.4");
    for event in events {
        payloads.push(&[], 1, event.as_bytes());
    }
    let delivered = sink.accept(&payloads.content_type, &mut payloads.events());
    assert_eq!(delivered.lost + sink.end_tick().lost, 0);
}

const EVENTS: [&str; 2] =
    ["# HELP b_total \"B\"\n# TYPE b_total counter\nb_total{x=\"1\"} 2\n", "# TYPE a gauge\na 1\n"];
const TEXT: &str = "# TYPE a gauge\na 1\n# HELP b_total \"B\"\n# TYPE b_total counter\nb_total{x=\"1\"} 2\n";
const OPEN: &str = "# TYPE a gauge\na 1\n# HELP b \\\"B\\\"\n# TYPE b counter\nb_total{x=\"1\"} 2\n# EOF\n";

#[test]
fn a_scrape_gets_the_page_of_the_last_tick() {
    let (mut sink, page) = sink();
    let server = Server::start(&page, LONG);
    let early = server.get("");
    assert_eq!((early.status, early.text()), (503, "no page yet: waiting for the first tick\n"));
    tick(&mut sink, &EVENTS);
    let found = server.get("");
    assert_eq!((found.status, found.text()), (200, TEXT));
    assert!(found.has("content-type: text/plain; version=0.0.4; charset=utf-8"), "{}", found.head);
    assert!(found.has(&format!("content-length: {}", TEXT.len())), "{}", found.head);
    let found = server.get(
        "Accept: application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2\r\n",
    );
    assert_eq!((found.status, found.text()), (200, OPEN));
    assert!(
        found.has("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{}",
        found.head
    );
    assert!(
        found.has(&format!("content-length: {}", OPEN.len())) && found.has("vary: accept, accept-encoding")
    );
    tick(&mut sink, &[]);
    let found = server.get("");
    assert_eq!((found.status, found.text()), (200, ""), "nothing is left of pods that are gone");
    assert_eq!(server.get("Accept: application/openmetrics-text\r\n").text(), "# EOF\n");
    assert_eq!(page.scrapes(), 4, "an early scrape does not count");
}

#[test]
fn a_page_is_compressed_on_request() {
    let (mut sink, page) = sink();
    tick(&mut sink, &EVENTS);
    let server = Server::start(&page, LONG);
    for (accept, wanted) in [("", TEXT), ("Accept: application/openmetrics-text\r\n", OPEN)] {
        for _ in 0..2 {
            let found = server.get(&format!("{accept}Accept-Encoding: deflate, gzip;q=0.5\r\n"));
            assert!(found.status == 200 && found.has("content-encoding: gzip"), "{}", found.head);
            assert!(found.has(&format!("content-length: {}", found.body.len())), "{}", found.head);
            let mut text = String::new();
            GzDecoder::new(&*found.body).read_to_string(&mut text).unwrap();
            assert_eq!(text, wanted);
        }
        for encoding in ["deflate", "gzip;q=0", "identity", "x-gzip2"] {
            let found = server.get(&format!("{accept}Accept-Encoding: {encoding}\r\n"));
            assert_eq!(found.text(), wanted, "{encoding}");
            assert!(!found.head.contains("content-encoding"), "{}", found.head);
        }
    }
}

#[test]
fn only_get_and_head_of_the_page() {
    let (mut sink, page) = sink();
    tick(&mut sink, &EVENTS);
    let server = Server::start(&page, LONG);
    let head = server.ask("HEAD", PATH, "");
    assert_eq!((head.status, head.text()), (200, ""));
    assert!(head.has(&format!("content-length: {}", TEXT.len())), "{}", head.head);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let found = server.ask(method, PATH, "");
        assert!(found.status == 405 && found.has("allow: get, head"), "{method}: {}", found.head);
    }
    for path in ["/", "/metrics", "/metrics/workloads/", "/healthz", "*"] {
        let found = server.ask("GET", path, "");
        assert_eq!(
            (found.status, found.text()),
            (404, "not found; available is /metrics/workloads\n"),
            "{path}"
        );
    }
    assert_eq!(server.ask("GET", "/metrics/workloads?x=1", "").status, 200);
}

#[test]
fn a_page_in_a_browser_gets_nothing() {
    let (mut sink, page) = sink();
    tick(&mut sink, &EVENTS);
    let server = Server::start(&page, LONG);
    assert_eq!(server.get("Host: rebound.example:9465\r\n").status, 421);
    for host in ["10.0.0.1:9465", "localhost", "node-1:9465", "[::1]:9465"] {
        assert_eq!(server.get(&format!("Host: {host}\r\n")).status, 200, "{host}");
    }
    assert_eq!(page.scrapes(), 4);
}

#[test]
fn a_page_without_ticks_becomes_stale() {
    let (mut sink, page) = sink();
    tick(&mut sink, &EVENTS);
    let server = Server::start(&page, Duration::ZERO);
    let found = server.get("");
    assert_eq!(found.status, 503);
    assert!(
        found.text().starts_with("the page is stale: no tick has ended for 0 s (`stale_after` is 0 s)"),
        "{}",
        found.text()
    );
}

/// Responses share the memory of the page, so a reader that stalls keeps its page and nothing else.
#[test]
fn a_slow_reader_gets_its_page_while_ticks_go_on() {
    let (mut sink, page) = sink();
    // More than the kernel buffers for a connection.
    let event = |tick: u32, family: u32| {
        let mut text = format!("# TYPE f{family} gauge\n");
        (0..2000).for_each(|sample| {
            text.push_str(&format!("f{family}{{tick=\"{tick}\",sample=\"{sample}\"}} 1\n"))
        });
        text
    };
    let events = |tick| (0..200).map(|family| event(tick, family)).collect::<Vec<_>>();
    let (first, second) = (events(1), events(2));
    tick(&mut sink, &first.iter().map(String::as_str).collect::<Vec<_>>());
    let server = Server::start(&page, LONG);
    let mut slow = server.connect();
    slow.write_all(format!("GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
    let mut begun = [0; 1];
    slow.read_exact(&mut begun).unwrap();
    tick(&mut sink, &second.iter().map(String::as_str).collect::<Vec<_>>());
    let fast = server.get("");
    let mut bytes = begun.to_vec();
    slow.read_to_end(&mut bytes).unwrap();
    let slow = Received::new(&bytes);
    for (found, mut wanted) in [(slow, first), (fast, second)] {
        wanted.sort();
        assert_eq!(found.status, 200);
        assert!(found.body.len() > 10 << 20 && found.text() == wanted.concat(), "{}", found.head);
    }
}
