//! Tests with a scripted API server.

mod metrics;
mod requests;
mod rounds;
mod sharing;

use std::sync::Mutex;

use insights_batch::Batch;
use serde_json::{Value, json};

use super::*;
use crate::client::testing::{Request, Response, Server, until};

/// Rows of a Fargate node, as cAdvisor documents them.
const ROWS: &str = include_str!("../../../fargate/tests/data/fargate-node.txt");
/// Uid and container of these rows.
const UID: &str = "0b3c9a5e-5d6f-4a51-9a0f-3d2c1b0a9f8e";
const CONTAINER: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

const INTERVAL: Duration = Duration::from_secs(60);

fn settings() -> FargateSettings {
    FargateSettings { start_jitter: Duration::ZERO, jitter: Duration::ZERO, ..FargateSettings::new(INTERVAL) }
}

fn list(items: Vec<Value>) -> Response {
    Response::ok().send(json!({"metadata": {"resourceVersion": "7"}, "items": items}).to_string())
}

fn node(name: &str) -> Value {
    json!({
        "metadata": {"name": name, "labels": {"eks.amazonaws.com/compute-type": "fargate"}},
        "status": {"conditions": [{"type": "Ready", "status": "True"}], "capacity": {"pods": "1"}}
    })
}

fn pod(node: &str) -> Value {
    json!({
        "metadata": {
            "name": "web-6d4cf56db6-x2x7p", "namespace": "shop", "uid": UID,
            "labels": {"app": "web", "eks.amazonaws.com/fargate-profile": "shop"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "web-6d4cf56db6"}]
        },
        "spec": {
            "nodeName": node,
            "containers": [{"name": "app", "image": "web:1", "resources": {"limits": {"cpu": "250m", "memory": "512Mi"}}}]
        },
        "status": {
            "phase": "Running",
            "containerStatuses": [
                {"name": "app", "containerID": format!("containerd://{CONTAINER}"), "state": {"running": {}}, "restartCount": 2}
            ]
        }
    })
}

fn service() -> Value {
    json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"app": "web"}}})
}

/// Returns the node in the path of a request for metrics.
fn scraped(request: &Request) -> Option<String> {
    let rest = request.path.strip_prefix("/api/v1/nodes/")?;
    rest.strip_suffix("/proxy/metrics/cadvisor").map(str::to_owned)
}

/// Starts an API server with these nodes, of which the first has a pod. `metrics` answers requests for the metrics of a node,
/// `other` requests that are not lists or watches.
async fn api_server(
    nodes: &[&str],
    mut metrics: impl FnMut(&str) -> Response + Send + 'static,
    mut other: impl FnMut(&Request) -> Response + Send + 'static,
) -> Server {
    let objects: Vec<Value> = nodes.iter().map(|name| node(name)).collect();
    let pods = nodes.first().map(|name| pod(name));
    Server::start(move |_, request| {
        if let Some(node) = scraped(request) {
            return metrics(&node);
        }
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        match path {
            _ if query.contains("watch=1") => Response::ok().hang(),
            "/api/v1/nodes" => list(objects.clone()),
            "/api/v1/pods" => list(pods.clone().into_iter().collect()),
            "/api/v1/services" => list(vec![service()]),
            _ => other(request),
        }
    })
    .await
}

fn no_other(request: &Request) -> Response {
    panic!("unexpected request {}", request.path)
}

fn rows() -> Response {
    Response::ok().header("x-content", "metrics").send(ROWS)
}

/// Waits until the first lists of all kinds were read.
async fn listed(fargate: &Fargate, nodes: usize) {
    until(|| {
        let names = fargate.watch.nodes();
        let has_pods = |name: &Arc<str>| {
            let (_, facts, pods) = fargate.watch.facts(name).unwrap();
            !pods.pods.is_empty() && facts.services.iter().next().is_some()
        };
        names.len() == nodes && names.first().is_some_and(has_pods)
    })
    .await;
}

fn names(nodes: &[&str]) -> Vec<Arc<str>> {
    nodes.iter().map(|&name| name.into()).collect()
}

#[tokio::test]
async fn nodes_are_selected_by_label_and_read_through_the_proxy() {
    let server = api_server(&["fargate-1", "fargate-2"], |_| rows(), no_other).await;
    let mut fargate = Fargate::start(server.client(), &settings());
    listed(&fargate, 2).await;
    let round = fargate.round(1_795_256_425_000).await;
    assert!(round.errors.is_empty() && round.unassigned.is_none(), "{:?}", round.errors);
    let read: Vec<&str> = round.nodes.iter().map(|node| &*node.name).collect();
    assert_eq!(read, ["fargate-1", "fargate-2"]);
    let paths = server.paths();
    let has =
        |begin: &str, part: &str| paths.iter().any(|path| path.starts_with(begin) && path.contains(part));
    assert!(has("/api/v1/nodes?", "labelSelector=eks.amazonaws.com%2Fcompute-type%3Dfargate"), "{paths:?}");
    assert!(has("/api/v1/pods?", "labelSelector=eks.amazonaws.com%2Ffargate-profile"), "{paths:?}");
    assert!(has("/api/v1/nodes/fargate-2/proxy/metrics/cadvisor", ""));
    let totals = fargate.counters().totals();
    assert_eq!((totals.rounds, totals.scraped, totals.failed, totals.late), (1, 2, 0, 0));
    assert_eq!(totals.malformed_lines, 0);
    let sources: Vec<String> = fargate.statuses().iter().map(|status| status.source().to_owned()).collect();
    assert_eq!(sources, ["fargate_nodes", "fargate_pods", "services", "jobs", "fargate"]);
}

#[tokio::test]
async fn a_batch_has_the_values_of_cgroups_and_the_facts_of_the_api_server() {
    let server = api_server(&["fargate-1"], |_| rows(), no_other).await;
    let mut fargate = Fargate::start(server.client(), &settings());
    listed(&fargate, 1).await;
    let round = fargate.round(1_795_256_425_000).await;
    let mut builder = Builder::new("node", "fargate-1", 1_795_256_425_000, 60_000);
    let mut counter_cache = CounterCache::new(Duration::from_secs(600));
    round.nodes[0].emit(Some("shop"), &mut Emitter::new(), &mut counter_cache, 1, &mut builder);
    let batch = Batch::from_columns(builder.finish());
    let node = batch.find("node", "fargate-1").unwrap();
    assert_eq!(node.attribute("node.compute_type"), Some("fargate"));
    assert_eq!(node.gauge("node.cpu_count"), Some(2.0));
    assert_eq!(node.gauge("node.condition.Ready"), Some(1.0));
    let cgroup = batch.of_kind("cgroup")[0];
    assert_eq!(cgroup.attribute("pod.uid"), Some(UID));
    assert_eq!(cgroup.gauge("memory.working_set_bytes"), Some(41_943_040.0));
    let pod = batch.find("pod", UID).unwrap();
    assert_eq!(pod.attribute("label.app"), Some("web"));
    assert_eq!(pod.links("owned-by")[0].id(), "ReplicaSet/shop/web-6d4cf56db6");
    assert_eq!(pod.links("endpoint-of")[0].id(), "shop/web");
    let container = pod.children_of_kind("container")[0];
    assert_eq!(container.gauge("container.limit_cpu_millicores"), Some(250.0));
    assert_eq!(container.attribute("container.id"), Some(CONTAINER));
    let filesystem = container.children_of_kind("filesystem")[0];
    assert_eq!(
        (filesystem.id(), filesystem.gauge("fs.capacity_bytes")),
        ("/dev/xvdcz", Some(31_526_391_808.0))
    );
}
