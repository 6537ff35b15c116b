//! Objects of the cluster that are read only on request, in a recording.

use std::io::BufRead;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::agent::{Agent, config};
use crate::http;

/// Kinds that only a component may ask for.
const ON_REQUEST: [&str; 5] =
    ["persistentvolumeclaims", "persistentvolumes", "ingresses", "/batch/v1/jobs", "/batch/v1/cronjobs"];

/// Starts an API server with one object of each kind. Returns its address, and the paths of all lists.
fn api_server() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let lists = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&lists);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let lists = Arc::clone(&shared);
            std::thread::spawn(move || http::respond(stream, |target| body(&lists, target)));
        }
    });
    (url, lists)
}

fn body(lists: &Mutex<Vec<String>>, target: &str) -> String {
    if target.contains("watch=") {
        loop {
            // Nothing happens to the objects.
            std::thread::park();
        }
    }
    lists.lock().expect("not poisoned").push(target.to_owned());
    let object = json!({
        "metadata": {"uid": "1", "name": "one", "namespace": "shop", "resourceVersion": "1"},
        "status": {"phase": "Bound"}
    });
    json!({"metadata": {"resourceVersion": "1"}, "items": [object]}).to_string()
}

/// Records until a batch contains all of `texts`. Returns that batch, and the paths of all lists.
fn record(options: &[&str], texts: &[&str]) -> (String, Vec<String>) {
    let directory = tempfile::tempdir().expect("a directory");
    let (url, lists) = api_server();
    let kubeconfig = directory.path().join("kubeconfig");
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "c", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}]
    });
    std::fs::write(&kubeconfig, text.to_string()).expect("a file");
    let text = format!(
        "role: cluster\ninterval: 1s\napi: {{kubeconfig: {kubeconfig:?}}}\ninstance: {{enabled: false}}\n\
         node: {{cluster_name: demo}}\n"
    );
    let path = config(directory.path(), &text);
    let mut agent = Agent::start(&[&["record", "--config", &path, "--ticks", "600"], options].concat());
    // Batches are incomplete if a list takes long.
    let mut lines = agent.stdout().lines().map(|line| line.expect("a line"));
    let batch = lines.find(|line| texts.iter().all(|text| line.contains(text)));
    let lists = lists.lock().expect("not poisoned").clone();
    (batch.expect("a batch of the cluster"), lists)
}

#[test]
fn objects_on_request_are_recorded_if_all_facts_are_wanted() {
    let texts = [
        r#""claim.phase":"Bound""#,
        "persistentvolume.count",
        "ingress.count",
        r#""job.active":0"#,
        r#""cronjob.active":0"#,
        r#""status.phase":"Active""#,
    ];
    let (_, lists) = record(&["--all-facts"], &texts);
    for kind in ON_REQUEST {
        assert!(lists.iter().any(|path| path.contains(kind)), "{kind} in {lists:?}");
    }
}

#[test]
fn objects_on_request_are_not_listed_otherwise() {
    let (batch, lists) = record(&[], &["cluster.pods", "StatefulSet/shop/one"]);
    assert!(!lists.iter().any(|path| ON_REQUEST.iter().any(|kind| path.contains(kind))), "{lists:?}");
    for name in ["claim", "ingress.count", "job.", "status."] {
        assert!(!batch.contains(name), "{name} in {batch}");
    }
}
