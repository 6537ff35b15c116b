//! A recording handler and a scripted server for the tests of lists and watches.

mod lists;
mod objects;
mod requests;
mod watches;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::*;
use crate::client::testing::{Response, Server, until};

const TIMING: Timing = Timing {
    first_wait: Duration::from_millis(1),
    max_wait: Duration::from_millis(5),
    list_idle: Duration::from_secs(20),
    list_total: Duration::from_secs(60),
    watch_idle: Duration::from_secs(20),
};

/// A handler that records names with their versions, and its calls.
#[derive(Clone, Default)]
struct Seen {
    known: Arc<Mutex<BTreeMap<String, String>>>,
    calls: Arc<Mutex<Vec<String>>>,
    listed: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    metadata: Meta<'a>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    name: &'a str,
    #[serde(rename = "resourceVersion")]
    version: &'a str,
}

impl Seen {
    fn call(&self, text: String) {
        self.calls.lock().unwrap().push(text);
    }

    fn known(&self) -> Vec<String> {
        self.known.lock().unwrap().iter().map(|(name, version)| format!("{name}@{version}")).collect()
    }

    fn calls(&self) -> String {
        self.calls.lock().unwrap().join(" ")
    }
}

impl Handler for Seen {
    type Item<'a> = Item<'a>;

    fn on_restart(&mut self) {
        self.listed.clear();
        self.call("restart".into());
    }

    fn on_listed(&mut self, item: Item<'_>) {
        self.listed.insert(item.metadata.name.into(), item.metadata.version.into());
    }

    fn on_list_end(&mut self) {
        *self.known.lock().unwrap() = std::mem::take(&mut self.listed);
        self.call("end".into());
    }

    fn on_applied(&mut self, item: Item<'_>) {
        self.known.lock().unwrap().insert(item.metadata.name.into(), item.metadata.version.into());
        self.call(format!("+{}", item.metadata.name));
    }

    fn on_deleted(&mut self, item: Item<'_>) {
        self.known.lock().unwrap().remove(item.metadata.name);
        self.call(format!("-{}", item.metadata.name));
    }
}

struct Run {
    seen: Seen,
    status: Arc<UpstreamStatus>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Run {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn run(server: &Server, paging: Paging, timing: Timing) -> Run {
    let spec = WatchSpec {
        path: "/api/v1/things".into(),
        resource: "things",
        field_selector: Some("metadata.name=a/b".into()),
        label_selector: None,
        paging,
        metadata_only: false,
        start_jitter: Duration::from_millis(1),
    };
    let (seen, status, client) = (Seen::default(), Arc::new(UpstreamStatus::new("things")), server.client());
    let (mut handler, own) = (seen.clone(), Arc::clone(&status));
    let task = tokio::spawn(async move {
        let reflector = Reflector { client: &client, spec: &spec, status: &own, timing };
        match reflector.run(&mut TypedSink(&mut handler), fastrand::Rng::with_seed(1)).await {}
    });
    Run { seen, status, task }
}

fn thing(name: &str, version: u32) -> serde_json::Value {
    json!({"metadata": {"name": name, "resourceVersion": version.to_string()}, "spec": {"long": "text"}})
}

fn list(version: u32, next: &str, things: &[serde_json::Value]) -> Response {
    let list = json!({"kind": "ThingList", "metadata": {"resourceVersion": version.to_string(), "continue": next}, "items": things});
    Response::ok().send(list.to_string())
}

fn event(kind: &str, object: serde_json::Value) -> String {
    format!("{}\n", json!({"type": kind, "object": object}))
}

fn gone() -> serde_json::Value {
    json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version: 1 (9)"})
}
