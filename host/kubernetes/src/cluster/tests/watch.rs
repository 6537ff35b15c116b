//! Tests of all watches together, against a simulated API server.

use serde_json::json;

use super::*;
use crate::client::testing::{Answer, Asked, Server, until};
use crate::cluster::{ClusterSettings, ClusterWatch};

const KINDS: usize = 9;

fn settings() -> ClusterSettings {
    ClusterSettings {
        page_size: 0,
        pending_pods: true,
        max_pending_pods: 10,
        start_jitter: std::time::Duration::ZERO,
    }
}

fn object(name: &str) -> Value {
    json!({"metadata": {"uid": name, "name": name, "namespace": "shop", "resourceVersion": "7"}})
}

/// Answers with a list of one object of the kind, and with a watch that stays silent.
fn one_of_each(asked: &Asked) -> Answer {
    if asked.path.contains("watch=") {
        return Answer::ok().send(" \n").hang();
    }
    let list = json!({"metadata": {"resourceVersion": "7"}, "items": [object("one")]});
    Answer::ok().send(list.to_string())
}

fn batch(watch: &ClusterWatch) -> Batch {
    let mut builder = Builder::new("cluster", "prod", 0, 60_000);
    let cluster = builder.entity("cluster", "prod", None);
    watch.emit(&mut builder, cluster);
    Batch::from_columns(builder.finish())
}

fn error_of(watch: &ClusterWatch, source: &str) -> Option<String> {
    let statuses = watch.statuses();
    let status = statuses.iter().find(|status| status.source() == source).unwrap();
    status.snapshot().error
}

#[tokio::test]
async fn what_is_asked() {
    let server = Server::start(|_, asked| one_of_each(asked)).await;
    let watch = ClusterWatch::start(server.client(), settings());
    until(|| watch.is_complete() && server.asked().len() >= 2 * KINDS).await;
    let asked = server.asked();
    let mut lists: Vec<_> = asked
        .iter()
        .filter(|asked| !asked.path.contains("watch="))
        .map(|asked| {
            (asked.path.as_str(), asked.header("accept").unwrap().contains("PartialObjectMetadataList"))
        })
        .collect();
    lists.sort_unstable();
    assert_eq!(
        lists,
        [
            ("/api/v1/namespaces?resourceVersion=0", true),
            ("/api/v1/nodes?resourceVersion=0", false),
            ("/api/v1/pods?resourceVersion=0&fieldSelector=status.phase%21%3DRunning", false),
            ("/api/v1/pods?resourceVersion=0&fieldSelector=status.phase%3DRunning", true),
            ("/apis/apps/v1/daemonsets?resourceVersion=0", false),
            ("/apis/apps/v1/deployments?resourceVersion=0", false),
            ("/apis/apps/v1/replicasets?resourceVersion=0&labelSelector=%21pod-template-hash", false),
            ("/apis/apps/v1/statefulsets?resourceVersion=0", false),
            ("/apis/discovery.k8s.io/v1/endpointslices?resourceVersion=0", false),
        ]
    );
    let watches = asked.iter().filter(|asked| asked.path.contains("watch=1&resourceVersion=7"));
    assert_eq!(watches.count(), KINDS);
    for asked in &asked {
        let is_list = !asked.path.contains("watch=");
        assert_eq!(asked.header("accept-encoding"), is_list.then_some("gzip"), "{}", asked.path);
    }
    assert_eq!(watch.statuses().len(), KINDS);
    assert_eq!(watch.oldest_age(), std::time::Duration::ZERO);
    let batch = batch(&watch);
    for (kind, count) in [("node", 1), ("namespace", 2), ("workload", 4)] {
        assert_eq!(batch.of_kind(kind).len(), count, "{kind}");
    }
}

#[tokio::test]
async fn a_right_that_is_missing_costs_one_kind_until_it_is_granted() {
    let granted = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let may = Arc::clone(&granted);
    let server = Server::start(move |_, asked| {
        if asked.path.starts_with("/apis/apps/v1/deployments")
            && !may.load(std::sync::atomic::Ordering::SeqCst)
        {
            let refused = json!({"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403});
            return Answer::status(403).send(refused.to_string());
        }
        one_of_each(asked)
    })
    .await;
    let watch = ClusterWatch::start(server.client(), settings());
    until(|| watch.is_complete()).await;
    let error = error_of(&watch, "deployments").unwrap();
    assert!(error.contains("list") && error.contains("deployments.apps") && error.contains("403"), "{error}");
    assert_eq!(error_of(&watch, "daemonsets"), None);
    assert_eq!(watch.oldest_age(), std::time::Duration::ZERO, "of what is not shown there is no age");
    let kinds = |watch: &ClusterWatch| {
        let batch = batch(watch);
        batch.of_kind("workload").into_iter().map(|workload| workload.id().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&watch), ["DaemonSet/shop/one", "StatefulSet/shop/one", "ReplicaSet/shop/one"]);
    granted.store(true, std::sync::atomic::Ordering::SeqCst);
    until(|| error_of(&watch, "deployments").is_none()).await;
    until(|| kinds(&watch).first().is_some_and(|first| first == "Deployment/shop/one")).await;
}

#[tokio::test]
async fn a_watch_that_is_lost_keeps_what_is_known_and_shows_its_age() {
    let server = Server::start(|_, asked| {
        if asked.path.starts_with("/api/v1/nodes?watch=") {
            return Answer::status(500).send("out of order");
        }
        one_of_each(asked)
    })
    .await;
    let watch = ClusterWatch::start(server.client(), settings());
    until(|| watch.is_complete() && error_of(&watch, "nodes").is_some()).await;
    until(|| !watch.oldest_age().is_zero()).await;
    assert_eq!(ids(&batch(&watch), "node"), ["one"]);
}

#[tokio::test]
async fn nothing_is_left_running() {
    let server = Server::start(|_, asked| one_of_each(asked)).await;
    let watch = ClusterWatch::start(server.client(), settings());
    until(|| watch.is_complete()).await;
    let nodes = Arc::downgrade(&watch.store.nodes);
    drop(watch);
    until(|| nodes.strong_count() == 0).await;
}
