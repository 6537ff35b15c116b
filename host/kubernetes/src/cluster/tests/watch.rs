//! Tests of all watches together, against a simulated API server.

use insightd_collect::{Group, OptionalFacts};
use serde_json::json;

use super::*;
use crate::client::testing::{Request, Response, Server, until};
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

/// Responds with a list of one object of the kind, and with a watch that stays silent.
fn one_of_each(request: &Request) -> Response {
    if request.path.contains("watch=") {
        return Response::ok().send(" \n").hang();
    }
    let list = json!({"metadata": {"resourceVersion": "7"}, "items": [object("one")]});
    Response::ok().send(list.to_string())
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
async fn every_kind_is_listed_and_watched_as_documented() {
    let server = Server::start(|_, request| one_of_each(request)).await;
    let watch = ClusterWatch::start(server.client(), settings());
    until(|| watch.is_complete() && server.requests().len() >= 2 * KINDS).await;
    let requests = server.requests();
    let mut lists: Vec<_> = requests
        .iter()
        .filter(|request| !request.path.contains("watch="))
        .map(|request| {
            (request.path.as_str(), request.header("accept").unwrap().contains("PartialObjectMetadataList"))
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
    let watches = requests.iter().filter(|request| request.path.contains("watch=1&resourceVersion=7"));
    assert_eq!(watches.count(), KINDS);
    for request in &requests {
        let is_list = !request.path.contains("watch=");
        assert_eq!(request.header("accept-encoding"), is_list.then_some("gzip"), "{}", request.path);
    }
    assert_eq!(watch.statuses().len(), KINDS);
    assert_eq!(watch.oldest_age(), std::time::Duration::ZERO);
    let batch = batch(&watch);
    for (kind, count) in [("node", 1), ("namespace", 2), ("workload", 4)] {
        assert_eq!(batch.of_kind(kind).len(), count, "{kind}");
    }
}

#[tokio::test]
async fn objects_on_request_are_watched_as_long_as_they_are_wanted() {
    let server = Server::start(|_, request| one_of_each(request)).await;
    let mut watch = ClusterWatch::start(server.client(), settings());
    until(|| watch.is_complete()).await;
    let others = OptionalFacts::default().with(Group::CpuTime);
    assert!(watch.want(others).is_empty(), "facts of nodes");
    let lists = |name: &str| {
        let requests = server.requests();
        let of = requests
            .into_iter()
            .filter(|request| request.path.contains(name) && !request.path.contains("watch="));
        of.map(|request| {
            (request.path.clone(), request.header("accept").unwrap().contains("PartialObjectMetadataList"))
        })
        .collect::<Vec<_>>()
    };
    let sources = |statuses: Vec<Arc<insightd_upstream::UpstreamStatus>>| {
        statuses.iter().map(|status| status.source().to_owned()).collect::<Vec<_>>()
    };
    let claims = OptionalFacts::default().with(Group::Claims);
    assert_eq!(sources(watch.want(claims)), ["persistentvolumeclaims"]);
    assert!(watch.want(claims).is_empty(), "it runs already");
    until(|| watch.is_complete()).await;
    assert_eq!(ids(&batch(&watch), "claim"), ["shop/one"]);
    let rest = OptionalFacts::default().with(Group::PersistentVolumes).with(Group::Ingresses);
    // On another thread, as the worker calls it.
    let started = std::thread::scope(|scope| scope.spawn(|| watch.want(rest)).join().unwrap());
    assert_eq!(sources(started), ["persistentvolumes", "ingresses"]);
    until(|| watch.is_complete()).await;
    assert_eq!(watch.statuses().len(), KINDS + 2);
    let batch = batch(&watch);
    assert!(batch.of_kind("claim").is_empty(), "no longer wanted");
    assert_eq!(batch.of_kind("cluster")[0].gauge("persistentvolume.count"), Some(1.0));
    assert_eq!(batch.find("namespace", "shop").unwrap().gauge("ingress.count"), Some(1.0));
    assert_eq!(
        lists("persistent"),
        [
            ("/api/v1/persistentvolumeclaims?resourceVersion=0".to_owned(), false),
            ("/api/v1/persistentvolumes?resourceVersion=0".to_owned(), true),
        ]
    );
    assert_eq!(
        lists("ingresses"),
        [("/apis/networking.k8s.io/v1/ingresses?resourceVersion=0".to_owned(), true)]
    );
}

#[tokio::test]
async fn jobs_are_watched_as_long_as_they_are_wanted() {
    let server = Server::start(|_, request| {
        if request.path.starts_with("/apis/batch/v1/cronjobs") {
            let refused = json!({"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403});
            return Response::status(403).send(refused.to_string());
        }
        one_of_each(request)
    })
    .await;
    let mut watch = ClusterWatch::start(server.client(), settings());
    until(|| watch.is_complete()).await;
    assert!(!server.requests().iter().any(|request| request.path.contains("/batch/")), "nobody asks");
    let facts = OptionalFacts::default().with(Group::Jobs).with(Group::CronJobs).with(Group::Status);
    let started = watch.want(facts);
    assert_eq!(started.iter().map(|status| status.source()).collect::<Vec<_>>(), ["jobs", "cronjobs"]);
    until(|| watch.is_complete()).await;
    let lists = server.requests().into_iter().filter(|request| request.path.contains("/batch/"));
    let whole = lists.filter(|request| {
        request.path == "/apis/batch/v1/jobs?resourceVersion=0"
            && !request.header("accept").unwrap().contains("PartialObjectMetadataList")
    });
    assert_eq!(whole.count(), 1);
    let error = error_of(&watch, "cronjobs").unwrap();
    assert!(error.contains("list") && error.contains("cronjobs.batch") && error.contains("403"), "{error}");
    assert_eq!(error_of(&watch, "jobs"), None);
    let with = batch(&watch);
    assert_eq!(with.find("workload", "Job/shop/one").unwrap().gauge("job.active"), Some(0.0));
    assert_eq!(with.find("namespace", "shop").unwrap().attribute("status.phase"), None);
    assert_eq!(with.find("namespace", "one").unwrap().attribute("status.phase"), Some("Active"));
    assert_eq!(with.of_kind("workload").len(), 5, "others are unaffected");
    assert!(watch.want(OptionalFacts::default()).is_empty());
    assert_eq!(watch.statuses().len(), KINDS);
    let without = batch(&watch);
    assert!(without.find("workload", "Job/shop/one").is_none(), "no longer wanted");
    assert_eq!(without.find("namespace", "one").unwrap().attribute("status.phase"), None);
}

#[tokio::test]
async fn a_missing_permission_affects_one_kind_until_it_is_granted() {
    let granted = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let may = Arc::clone(&granted);
    let server = Server::start(move |_, request| {
        if request.path.starts_with("/apis/apps/v1/deployments")
            && !may.load(std::sync::atomic::Ordering::SeqCst)
        {
            let refused = json!({"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403});
            return Response::status(403).send(refused.to_string());
        }
        one_of_each(request)
    })
    .await;
    let watch = ClusterWatch::start(server.client(), settings());
    until(|| watch.is_complete()).await;
    let error = error_of(&watch, "deployments").unwrap();
    assert!(error.contains("list") && error.contains("deployments.apps") && error.contains("403"), "{error}");
    assert_eq!(error_of(&watch, "daemonsets"), None);
    assert_eq!(watch.oldest_age(), std::time::Duration::ZERO, "kinds that were never listed have no age");
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
async fn a_lost_watch_keeps_its_objects_and_reports_their_age() {
    let server = Server::start(|_, request| {
        if request.path.starts_with("/api/v1/nodes?watch=") {
            return Response::status(500).send("out of order");
        }
        one_of_each(request)
    })
    .await;
    let watch = ClusterWatch::start(server.client(), settings());
    until(|| watch.is_complete() && error_of(&watch, "nodes").is_some()).await;
    until(|| !watch.oldest_age().is_zero()).await;
    assert_eq!(ids(&batch(&watch), "node"), ["one"]);
}

#[tokio::test]
async fn dropping_the_watch_ends_its_tasks() {
    let server = Server::start(|_, request| one_of_each(request)).await;
    let watch = ClusterWatch::start(server.client(), settings());
    until(|| watch.is_complete()).await;
    let nodes = Arc::downgrade(&watch.store.nodes);
    drop(watch);
    until(|| nodes.strong_count() == 0).await;
}
