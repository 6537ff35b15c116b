//! A replica that reads Fargate nodes: its end, which is at once if it is restarted and later if a scale-down removes it, and its
//! counters.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::agent::{Agent, config};
use crate::http;

const STATEFUL_SET: &str = "/apis/apps/v1/namespaces/monitoring/statefulsets/insightd-fargate";

/// An API server without nodes and pods.
struct ApiServer {
    url: String,
    /// The StatefulSet, and how often it was read.
    stateful_set: Arc<Mutex<(Value, usize)>>,
}

impl ApiServer {
    fn start(stateful_set: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let stateful_set = Arc::new(Mutex::new((stateful_set, 0)));
        let shared = Arc::clone(&stateful_set);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || http::respond(stream, |target| body(&shared, target)));
            }
        });
        Self { url, stateful_set }
    }

    fn reads(&self) -> usize {
        self.stateful_set.lock().expect("not poisoned").1
    }

    fn wait_for_reads(&self, more: usize) {
        let (wanted, deadline) = (self.reads() + more, Instant::now() + Duration::from_secs(60));
        while self.reads() < wanted {
            assert!(Instant::now() < deadline, "the StatefulSet is not read");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn body(stateful_set: &Mutex<(Value, usize)>, target: &str) -> String {
    if target.starts_with(STATEFUL_SET) {
        let (object, reads) = &mut *stateful_set.lock().expect("not poisoned");
        *reads += 1;
        return object.to_string();
    }
    if target.contains("watch=") {
        loop {
            // Nothing happens to the objects.
            std::thread::park();
        }
    }
    json!({"metadata": {"resourceVersion": "1"}, "items": []}).to_string()
}

fn stateful_set(wanted: u32, plan: &str) -> Value {
    json!({
        "metadata": {"resourceVersion": "1", "annotations": {"insightd/fargate-replicas": plan}},
        "spec": {"replicas": wanted},
        "status": {"readyReplicas": 2}
    })
}

/// Starts the second of two replicas, and waits until it knows the plan.
fn start(directory: &tempfile::TempDir, server: &ApiServer) -> Agent {
    start_with(directory, server, "")
}

/// Starts the second of two replicas, with further lines of its configuration, and waits until it knows the plan.
fn start_with(directory: &tempfile::TempDir, server: &ApiServer, further: &str) -> Agent {
    let kubeconfig = directory.path().join("kubeconfig");
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": server.url}}],
        "users": [{"name": "c", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}]
    });
    std::fs::write(&kubeconfig, text.to_string()).expect("a file");
    let text = format!(
        "role: fargate\ninterval: 1s\napi: {{kubeconfig: {kubeconfig:?}}}\ninstance: {{enabled: false}}\n\
         node: {{cluster_name: demo}}\n{further}"
    );
    let environment = [("POD_NAME", "insightd-fargate-1"), ("K8S_NAMESPACE", "monitoring")];
    let agent = Agent::start_with(&["run", "--config", &config(directory.path(), &text)], &environment);
    server.wait_for_reads(2);
    agent
}

#[test]
fn a_replica_that_a_scale_down_removes_works_until_the_others_have_its_nodes() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = ApiServer::start(stateful_set(1, "before=2,replicas=2,from=0"));
    let mut agent = start(&directory, &server);
    agent.signal(Signal::TERM);
    // More than one tick reads at most, and the one check of an agent that ends.
    server.wait_for_reads(8);
    assert!(agent.0.try_wait().expect("can be asked").is_none(), "the others do not have its nodes yet");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let plan = format!("before=2,replicas=1,from={now}");
    server.stateful_set.lock().expect("not poisoned").0 = stateful_set(1, &plan);
    let (status, log) = agent.end();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("a scale-down removes this replica"), "{log}");
}

#[test]
fn a_replica_that_is_restarted_ends_at_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = ApiServer::start(stateful_set(2, "before=2,replicas=2,from=0"));
    let agent = start(&directory, &server);
    agent.signal(Signal::TERM);
    let (status, log) = agent.end();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains("a scale-down removes this replica"), "{log}");
}

#[test]
fn the_counters_of_nodes_are_on_the_operations_port() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = ApiServer::start(stateful_set(2, "before=2,replicas=2,from=0"));
    // The port is free until the agent takes it.
    let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = address.expect("a port").to_string();
    let agent = start_with(&directory, &server, &format!("operations: {{listen: \"{address}\"}}\n"));
    let mut stream = TcpStream::connect(&address).expect("the operations port");
    write!(stream, "GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")
        .expect("a request");
    let mut page = String::new();
    stream.read_to_string(&mut page).expect("a response");
    for name in ["nodes_read", "nodes_failed", "nodes_late", "samples", "malformed_lines", "left_out"] {
        let line = format!("\ninsightd_fargate_{name}_total 0\n");
        assert!(page.contains(&line), "{name}: {page}");
    }
    agent.signal(Signal::TERM);
    let (status, log) = agent.end();
    assert_eq!(status.code(), Some(0), "{log}");
}
