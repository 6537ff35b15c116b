//! The page of a Prometheus sink, served by the agent as a process.

use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::agent::{Agent, config};

/// Returns two addresses that are free.
fn addresses() -> [SocketAddr; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    listeners.map(|listener| listener.local_addr().expect("an address"))
}

/// Returns the response of a server; `None` if nothing listens.
fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time limit");
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).ok()?;
    let mut response = String::new();
    stream.read_to_string(&mut response).ok()?;
    Some(response)
}

fn text(listen: SocketAddr, operations: SocketAddr) -> String {
    format!(
        "interval: 100ms\noperations: {{listen: \"{operations}\"}}\ninstance: {{enabled: false}}\nkubelet: {{enabled: false}}\n\
         node: {{cluster_name: demo}}\nsinks:\n  scrape: {{type: prometheus, listen: \"{listen}\"}}\npipelines:\n- name: node\n  \
         transforms: [{{use: builtin:decorate}}, {{use: builtin:utilization}}]\n  outputs: [{{formatter: {{use: \
         builtin:emf}}, sink: scrape}}]\n"
    )
}

/// The page is there although the formatter of the output does not fit: it is empty, and the log says which one fits.
#[test]
fn an_agent_serves_a_page_and_says_which_formatter_fits() {
    let directory = tempfile::tempdir().expect("a directory");
    let [listen, operations] = addresses();
    let file = config(directory.path(), &text(listen, operations));
    let mut agent = Agent::start(&["run", "--config", &file]);
    let deadline = Instant::now() + Duration::from_secs(120);
    let response = loop {
        let response = get(listen, "/metrics/workloads").filter(|found| found.starts_with("HTTP/1.1 200 "));
        if let Some(response) = response {
            break response;
        }
        assert!(Instant::now() < deadline, "the page is never served");
        assert!(agent.0.try_wait().expect("can be asked").is_none(), "the agent ended");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(response.contains("content-length: 0\r\n") && response.ends_with("\r\n\r\n"), "{response}");
    let metrics = get(operations, "/metrics").expect("a response");
    for metric in ["insightd_prometheus_page_bytes", "insightd_prometheus_series"] {
        let line = format!("\n{metric}{{sink=\"scrape\"}} 0\n");
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
    let status = get(operations, "/status").expect("a response");
    assert!(status.contains(&format!("\"listen\":\"{listen}\"")), "{status}");
    agent.signal(Signal::TERM);
    let (status, log) = agent.end();
    assert_eq!(status.code(), Some(1), "a sink that lost everything: {log}");
    let wanted = "an event has the content type `application/json`, but the sink takes the Prometheus text format \
                  (text/plain; version=0.0.4)";
    assert!(log.contains(wanted), "{log}");
}

/// Nothing could scrape a single tick.
#[test]
fn a_single_tick_is_printed() {
    let directory = tempfile::tempdir().expect("a directory");
    let [listen, operations] = addresses();
    let file = config(directory.path(), &text(listen, operations));
    let mut agent = Agent::start(&["run", "--once", "--config", &file]);
    let mut printed = String::new();
    agent.stdout().read_to_string(&mut printed).expect("UTF-8");
    let (status, log) = agent.end();
    assert!(status.success() && printed.lines().count() > 0, "{log}");
    assert!(log.contains("a single tick cannot be scraped: its events are printed"), "{log}");
}

#[test]
fn a_recording_does_not_serve_pages() {
    let directory = tempfile::tempdir().expect("a directory");
    let [listen, operations] = addresses();
    let recording = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/nodes/v2-systemd");
    let file = config(directory.path(), &text(listen, operations));
    let arguments = ["run", "--host-root", recording, "--sink", "scrape", "--config", &file];
    let (status, log) = Agent::start(&arguments).end();
    assert_eq!(status.code(), Some(64), "{log}");
    assert!(log.contains("--sink scrape: a sink of type prometheus delivers nothing"), "{log}");
}
