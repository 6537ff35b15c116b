//! A kubelet whose summary takes longer than an interval: it delays no tick, and is used when it arrives, with its age.

use std::io::BufRead;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use crate::agent::{Agent, config, event, time_of};
use crate::http;

const PODS: &str =
    r#"{"items":[{"metadata":{"name":"p","namespace":"n","uid":"u"},"status":{"phase":"Running"}}]}"#;
const SUMMARY: &str = r#"{"pods":[{"podRef":{"name":"p","namespace":"n","uid":"u"}}]}"#;

/// Longer than two intervals, and than the timeout for the list of pods.
const SLOW: Duration = Duration::from_millis(4500);
const INTERVAL_MS: u64 = 2000;

fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://{}", listener.local_addr().expect("an address"));
    let config = Arc::new(tls());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            // The thread ends when the client closes the connection.
            std::thread::spawn(move || respond(stream, config));
        }
    });
    url
}

fn tls() -> ServerConfig {
    let chain = include_bytes!("../../../kubernetes/tests/data/tls/server.pem");
    let key = include_bytes!("../../../kubernetes/tests/data/tls/server.key");
    let chain = CertificateDer::from_pem_slice(chain).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(key).expect("a key");
    let config = ServerConfig::builder().with_no_client_auth();
    config.with_single_cert(vec![chain], key).expect("they belong together")
}

fn respond(stream: TcpStream, config: Arc<ServerConfig>) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    http::respond(StreamOwned::new(connection, stream), |target| {
        if target == "/pods" {
            return PODS.to_owned();
        }
        std::thread::sleep(SLOW);
        SUMMARY.to_owned()
    })
}

fn configuration(directory: &tempfile::TempDir) -> String {
    let token = directory.path().join("token");
    std::fs::write(&token, "token").expect("a file");
    let text = format!(
        "interval: {INTERVAL_MS}ms\nkubelet: {{url: \"{}\", token_file: {token:?}, timeout: 3s, insecure: true}}\n\
         instance: {{enabled: false}}\nnode: {{cluster_name: demo}}\n",
        serve()
    );
    config(directory.path(), &text)
}

#[test]
fn no_tick_is_left_out() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut agent = Agent::start(&["run", "--config", &configuration(&directory)]);
    let mut times = Vec::new();
    let mut lines = agent.stdout().lines();
    while times.len() < 6 {
        let time = time_of(&event(&lines.next().expect("the agent goes on").expect("UTF-8")));
        if times.last() != Some(&time) {
            times.push(time);
        }
    }
    agent.signal(Signal::TERM);
    lines.for_each(drop);
    let (_, log) = agent.end();
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == INTERVAL_MS), "{times:?} {log}");
    assert!(!log.contains("request failed"), "{log}");
}

/// Returns the value of a gauge anywhere in a batch.
fn gauge(batch: &Value, name: &str) -> Option<f64> {
    match batch {
        Value::Object(object) => object
            .get(name)
            .and_then(Value::as_f64)
            .or_else(|| object.values().find_map(|value| gauge(value, name))),
        Value::Array(list) => list.iter().find_map(|value| gauge(value, name)),
        _ => None,
    }
}

#[test]
fn what_comes_late_is_used_with_its_age() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut agent = Agent::start(&["record", "--ticks", "6", "--config", &configuration(&directory)]);
    let lines: Vec<Value> = agent.stdout().lines().map(|line| event(&line.expect("UTF-8"))).collect();
    let (status, log) = agent.end();
    assert!(status.success(), "{log}");
    let batches: Vec<&Value> = lines.iter().filter(|line| gauge(line, "agent.heartbeat").is_some()).collect();
    assert_eq!(batches.len(), 6, "{log}");
    let ages: Vec<Option<f64>> = batches.iter().map(|batch| gauge(batch, "kubelet.summary_age_ms")).collect();
    assert_eq!(ages[0], None, "{ages:?}");
    assert!(ages[5].is_some(), "{ages:?} {log}");
    // A response is used for two ticks or more: at the later one it is older than the interval.
    assert!(ages.iter().flatten().any(|&age| age > INTERVAL_MS as f64), "{ages:?}");
    assert!(batches.iter().all(|batch| gauge(batch, "kubelet.age_ms").is_some()), "pods never wait for it");
}
