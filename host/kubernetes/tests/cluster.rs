//! Tests of the cluster watches against a real API server.
//!
//! `INSIGHTD_TEST_KUBECONFIG` names a kubeconfig whose user has all permissions; the test creates its own namespace in that
//! cluster, needs neither controllers nor nodes, and removes what it created.

#![cfg(feature = "client")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use http::Request;
use insightd_collect::{Group, OptionalFacts};
use insightd_kubernetes::client::{ApiSettings, api_client};
use insightd_kubernetes::cluster::{ClusterSettings, ClusterWatch};
use insights_batch::{Batch, Builder};
use kube::Client;
use serde_json::{Value, json};

const KUBECONFIG: &str = "INSIGHTD_TEST_KUBECONFIG";

/// Timeout of every wait, so that a failing test ends.
const PATIENCE: Duration = Duration::from_secs(300);

/// Name of the test's namespace, different for each run: an earlier one may still be terminating.
fn namespace() -> String {
    format!("insightd-test-{}", std::process::id())
}

async fn send(client: &Client, method: &str, path: String, body: Value) -> Value {
    let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
    let request = Request::builder().method(method).uri(&path).header("content-type", kind);
    let request = request.body(body.to_string().into_bytes()).unwrap();
    match client.request(request).await {
        Ok(response) => response,
        Err(error) => panic!("{method} {path}: {error}"),
    }
}

fn batch(watch: &ClusterWatch) -> Batch {
    let mut builder = Builder::new("cluster", "test", 0, 60_000);
    let cluster = builder.entity("cluster", "test", None);
    watch.emit(&mut builder, cluster);
    let columns = builder.finish();
    columns.check().unwrap();
    Batch::from_columns(columns)
}

fn gauge(watch: &ClusterWatch, kind: &str, id: &str, name: &str) -> Option<f64> {
    let batch = batch(watch);
    let gauges = batch.find(kind, id)?.gauges();
    gauges.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Waits until a gauge has this value; prints the values seen meanwhile.
async fn until(watch: &ClusterWatch, [kind, id, name]: [&str; 3], value: Option<f64>) {
    let mut seen = None;
    loop {
        let now = gauge(watch, kind, id, name);
        if now == value {
            return;
        }
        if seen != Some(now) {
            eprintln!("{kind} {id}: {name} is {now:?}, to be {value:?}");
            seen = Some(now);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn pod(name: &str) -> Value {
    json!({
        "metadata": {"name": name, "labels": {"app": "test"}},
        // No scheduler is responsible for it, so only the test writes its status.
        "spec": {"schedulerName": "nobody", "containers": [{"name": "main", "image": "none"}]},
    })
}

fn slice(name: &str, family: &str, endpoints: Value) -> Value {
    let labels =
        json!({"kubernetes.io/service-name": "web", "endpointslice.kubernetes.io/managed-by": "test"});
    json!({"metadata": {"name": name, "labels": labels}, "addressType": family, "endpoints": endpoints})
}

#[tokio::test]
async fn a_namespace_is_followed_from_creation_to_deletion() {
    let Some(kubeconfig) = std::env::var_os(KUBECONFIG).map(PathBuf::from) else {
        let _ = writeln!(std::io::stderr(), "SKIPPED: {KUBECONFIG} names no cluster to test against");
        return;
    };
    let settings = ApiSettings { kubeconfig: Some(kubeconfig), user_agent: "insightd-test".into() };
    let (client, _) = api_client(&settings).unwrap();
    for page_size in [0, 3] {
        let mut watch = ClusterWatch::start(
            client.clone(),
            ClusterSettings {
                page_size,
                pending_pods: true,
                max_pending_pods: 1_000_000,
                start_jitter: Duration::ZERO,
            },
        );
        watch.want(OptionalFacts::default().with(Group::Jobs).with(Group::CronJobs).with(Group::Status));
        while !watch.is_complete() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for status in watch.statuses() {
            assert_eq!(status.snapshot().error, None, "{}", status.source());
        }
        let namespace = format!("{}-{page_size}", namespace());
        tokio::time::timeout(PATIENCE, follow(&client, &watch, &namespace))
            .await
            .expect("it never came; see above");
        assert_eq!(watch.oldest_age(), Duration::ZERO);
    }
}

async fn follow(client: &Client, watch: &ClusterWatch, namespace: &str) {
    let core = format!("/api/v1/namespaces/{namespace}");
    let pending = ["namespace", namespace, "pods.phase.pending"];
    let running = ["namespace", namespace, "pods.phase.running"];
    send(client, "POST", "/api/v1/namespaces".into(), json!({"metadata": {"name": namespace}})).await;
    until(watch, pending, Some(0.0)).await;
    // A controller manager, if there is one, creates it as well.
    let account = Request::post(format!("{core}/serviceaccounts")).header("content-type", "application/json");
    let account = account.body(json!({"metadata": {"name": "default"}}).to_string().into_bytes()).unwrap();
    let _ = client.request::<Value>(account).await;

    let mut uids = Vec::new();
    for name in ["a", "b"] {
        let made = send(client, "POST", format!("{core}/pods"), pod(name)).await;
        uids.push(made["metadata"]["uid"].as_str().unwrap().to_owned());
    }
    until(watch, pending, Some(2.0)).await;
    let found = batch(watch);
    let shown = found.find("pod", &uids[0]).unwrap();
    assert_eq!(shown.attribute("pod.name"), Some("a"));
    assert_eq!(shown.attribute("label.app"), Some("test"));
    assert_eq!(shown.attribute("pod.qos"), Some("BestEffort"));

    let status = |phase: &str| json!({"status": {"phase": phase}});
    send(client, "PATCH", format!("{core}/pods/a/status"), status("Running")).await;
    until(watch, running, Some(1.0)).await;
    until(watch, pending, Some(1.0)).await;
    send(client, "PATCH", format!("{core}/pods/a/status"), status("Succeeded")).await;
    until(watch, ["namespace", namespace, "pods.phase.succeeded"], Some(1.0)).await;
    until(watch, running, Some(0.0)).await;

    let endpoint = |address: &str, pod: &str, ready: Value| {
        let target = json!({"kind": "Pod", "name": pod, "namespace": namespace});
        json!({"addresses": [address], "conditions": {"ready": ready}, "targetRef": target})
    };
    let slices = format!("/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices");
    let four = json!([endpoint("10.9.0.1", "a", Value::Null), endpoint("10.9.0.2", "b", false.into())]);
    let six = json!([endpoint("fd00::1", "a", true.into()), endpoint("fd00::3", "c", true.into())]);
    send(client, "POST", slices.clone(), slice("web-4", "IPv4", four)).await;
    send(client, "POST", slices.clone(), slice("web-6", "IPv6", six)).await;
    let service = format!("{namespace}/web");
    let ready = ["service", &service, "endpoints.ready"];
    until(watch, ready, Some(2.0)).await;
    send(client, "DELETE", format!("{slices}/web-6"), json!({})).await;
    until(watch, ready, Some(1.0)).await;
    send(client, "DELETE", format!("{slices}/web-4"), json!({})).await;
    until(watch, ready, None).await;

    let sets = format!("/apis/apps/v1/namespaces/{namespace}/replicasets");
    let set = |name: &str, owners: Value| {
        let labels = json!({"app": "nobody"});
        json!({
            "metadata": {"name": name, "ownerReferences": owners},
            "spec": {
                "replicas": 0, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "none"}]}},
            },
        })
    };
    let owner = json!([{"apiVersion": "v1", "kind": "Pod", "name": "b", "uid": uids[1]}]);
    send(client, "POST", sets.clone(), set("owned", owner)).await;
    send(client, "POST", sets.clone(), set("free", Value::Null)).await;
    let id = format!("ReplicaSet/{namespace}/free");
    until(watch, ["workload", &id, "replicas.desired"], Some(0.0)).await;
    assert!(batch(watch).find("workload", &format!("ReplicaSet/{namespace}/owned")).is_none());
    for name in ["owned", "free"] {
        send(client, "DELETE", format!("{sets}/{name}"), json!({})).await;
    }
    until(watch, ["workload", &id, "replicas.desired"], None).await;

    follow_jobs(client, watch, namespace).await;
    for name in ["a", "b"] {
        send(client, "DELETE", format!("{core}/pods/{name}?gracePeriodSeconds=0"), json!({})).await;
    }
    until(watch, ["namespace", namespace, "pods.phase.succeeded"], Some(0.0)).await;
    until(watch, pending, Some(0.0)).await;
    assert!(batch(watch).find("pod", &uids[1]).is_none());
    send(client, "DELETE", core, json!({})).await;
    // Without a controller manager, nothing removes the namespace's finalizer.
    let finalize = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}, "spec": {"finalizers": []}});
    let request = Request::put(format!("/api/v1/namespaces/{namespace}/finalize"))
        .header("content-type", "application/json")
        .body(finalize.to_string().into_bytes())
        .unwrap();
    let _ = client.request::<Value>(request).await;
    until(watch, pending, None).await;
}

/// Follows a Job and a CronJob, both suspended so that a controller manager, if there is one, creates nothing for them.
async fn follow_jobs(client: &Client, watch: &ClusterWatch, namespace: &str) {
    let path = |kind: &str| format!("/apis/batch/v1/namespaces/{namespace}/{kind}");
    let pod = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "none"}]}});
    let spec = json!({"suspend": true, "completions": 3, "parallelism": 2, "template": pod});
    let cron_job = json!({
        "metadata": {"name": "nightly"},
        "spec": {"schedule": "0 3 * * *", "suspend": true, "jobTemplate": {"spec": spec}},
    });
    let made = send(client, "POST", path("cronjobs"), cron_job).await;
    let id = format!("CronJob/{namespace}/nightly");
    until(watch, ["workload", &id, "cronjob.suspended"], Some(1.0)).await;
    until(watch, ["workload", &id, "cronjob.active"], Some(0.0)).await;
    let owner = json!([{
        "apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": made["metadata"]["uid"], "controller": true,
    }]);
    let job = json!({"metadata": {"name": "nightly-1", "ownerReferences": owner}, "spec": spec});
    send(client, "POST", path("jobs"), job).await;
    let of_job = format!("Job/{namespace}/nightly-1");
    until(watch, ["workload", &of_job, "job.suspended"], Some(1.0)).await;
    let found = batch(watch);
    let shown = found.find("workload", &of_job).unwrap();
    assert_eq!((shown.gauge("job.completions"), shown.gauge("job.parallelism")), (Some(3.0), Some(2.0)));
    assert_eq!((shown.gauge("job.active"), shown.gauge("job.completion_unix_ms")), (Some(0.0), None));
    assert_eq!(shown.attribute("job.owner_name"), Some("nightly"));
    let shown = found.find("workload", &id).unwrap();
    assert_eq!(shown.attribute("cronjob.schedule"), Some("0 3 * * *"));
    assert_eq!(shown.attribute("cronjob.concurrency_policy"), Some("Allow"), "the default of the API");
    let shown = found.find("namespace", namespace).unwrap();
    assert_eq!(shown.attribute("status.phase"), Some("Active"));

    // By default the API server keeps a Job until a controller manager has orphaned its pods.
    let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"});
    send(client, "DELETE", format!("{}/nightly-1", path("jobs")), options.clone()).await;
    send(client, "DELETE", format!("{}/nightly", path("cronjobs")), options).await;
    until(watch, ["workload", &of_job, "job.suspended"], None).await;
    until(watch, ["workload", &id, "cronjob.suspended"], None).await;
}
