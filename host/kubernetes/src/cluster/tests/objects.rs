//! Tests of each kind of object.

use serde_json::{Value, json};

use super::*;

fn named(name: &str) -> Value {
    json!({"metadata": {"name": name}})
}

fn pod(uid: &str, namespace: &str, phase: &str) -> Value {
    json!({"metadata": {"uid": uid, "name": format!("pod-{uid}"), "namespace": namespace}, "status": {"phase": phase}})
}

#[test]
fn kinds_that_were_never_listed_have_no_rows() {
    let mut cluster_ = Cluster::new(10);
    listed(&mut cluster_.nodes, &named("half"));
    applied(&mut cluster_.others, &pod("1", "shop", "Failed"));
    let batch = cluster_.batch();
    assert_eq!(batch.entities().len(), 1, "the cluster itself");
    assert_eq!(cluster(&batch).gauges(), []);
}

#[test]
fn empty_lists_are_reported_as_zero() {
    let mut it = Cluster::new(10);
    list(&mut it.nodes, &[]);
    list(&mut it.running, &[]);
    list(&mut it.others, &[]);
    assert_eq!(gauges(cluster(&it.batch())), [("cluster.nodes", 0.0), ("cluster.pods", 0.0)]);
}

#[test]
fn nodes() {
    let mut it = Cluster::new(10);
    let node = |name: &str, ready: &str, labels: Value| {
        json!({
            "metadata": {"name": name, "labels": labels},
            "status": {"conditions": [
                {"type": "MemoryPressure", "status": "False"},
                {"type": "Ready", "status": ready, "message": "no"},
            ]},
        })
    };
    let health = "sagemaker.amazonaws.com/node-health-status";
    let both = json!({health: "Schedulable", "node.kubernetes.io/instance-type": "ml.p5.48xlarge"});
    let old = json!({health: "Unschedulable", "beta.kubernetes.io/instance-type": "ml.m5.large"});
    let plain = json!({"node.kubernetes.io/instance-type": "m5.large"});
    list(
        &mut it.nodes,
        &[node("c", "True", plain), node("b", "Unknown", both), node("a", "False", old), named("d")],
    );
    let batch = it.batch();
    assert_eq!(gauge(cluster(&batch), "cluster.nodes"), Some(4.0));
    assert_eq!(ids(&batch, "node"), ["a", "b", "c", "d"]);
    let of = |name| batch.find("node", name).unwrap();
    assert_eq!(gauges(of("a")), [("node.condition.MemoryPressure", 0.0), ("node.condition.Ready", 0.0)]);
    assert_eq!(gauge(of("b"), "node.condition.Ready"), Some(-1.0));
    assert_eq!(gauge(of("c"), "node.condition.Ready"), Some(1.0));
    assert_eq!(gauges(of("d")), []);
    assert_eq!(
        attributes(of("b")),
        [
            ("label.sagemaker.amazonaws.com/node-health-status", "Schedulable"),
            ("node.instance_type", "ml.p5.48xlarge"),
            ("node.name", "b"),
        ]
    );
    assert_eq!(of("a").attribute("node.instance_type"), Some("ml.m5.large"));
    assert_eq!(attributes(of("c")), [("node.name", "c")], "rows without a use are left out");
}

#[test]
fn a_pod_that_changes_its_phase_moves_between_the_watches() {
    let mut it = Cluster::new(10);
    list(&mut it.namespaces, &[named("shop"), named("empty")]);
    list(&mut it.running, &[pod("1", "shop", "")]);
    list(&mut it.others, &[pod("2", "shop", "Pending"), pod("3", "shop", "Evicted?")]);
    let phases = |it: &Cluster, name: &str| {
        let batch = it.batch();
        let found = batch.find("namespace", name).map(gauges);
        found.map(|gauges| {
            gauges.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Vec<_>>()
        })
    };
    let counts = |failed, pending, running, succeeded, unknown| {
        let names = ["failed", "pending", "running", "succeeded", "unknown"];
        let values: [f64; 5] = [failed, pending, running, succeeded, unknown];
        Some(names.iter().map(|name| format!("pods.phase.{name}")).zip(values).collect::<Vec<_>>())
    };
    assert_eq!(phases(&it, "shop"), counts(0.0, 1.0, 1.0, 0.0, 1.0));
    assert_eq!(phases(&it, "empty"), counts(0.0, 0.0, 0.0, 0.0, 0.0));
    // A change of phase moves a pod from one selector to the other: deleted in one watch, added in the other.
    deleted(&mut it.others, &pod("2", "shop", "Pending"));
    applied(&mut it.running, &pod("2", "shop", "Running"));
    deleted(&mut it.running, &pod("1", "shop", "Running"));
    applied(&mut it.others, &pod("1", "shop", "Succeeded"));
    applied(&mut it.others, &pod("3", "shop", "Failed"));
    assert_eq!(phases(&it, "shop"), counts(1.0, 0.0, 1.0, 1.0, 0.0));
    // A namespace that is being deleted loses its pods first; one whose Namespace object is not known is reported for its
    // pods.
    deleted(&mut it.namespaces, &named("empty"));
    deleted(&mut it.namespaces, &named("shop"));
    assert_eq!(phases(&it, "empty"), None);
    assert_eq!(phases(&it, "shop"), counts(1.0, 0.0, 1.0, 1.0, 0.0));
    for (uid, running) in [("1", false), ("2", true), ("3", false)] {
        if running {
            deleted(&mut it.running, &pod(uid, "shop", "Running"));
        } else {
            deleted(&mut it.others, &pod(uid, "shop", "Failed"));
        }
    }
    assert_eq!(phases(&it, "shop"), None);
    assert_eq!(gauge(cluster(&it.batch()), "cluster.pods"), Some(0.0));
}

#[test]
fn namespaces_have_no_counts_until_both_pod_watches_have_listed() {
    let mut it = Cluster::new(10);
    list(&mut it.namespaces, &[named("shop")]);
    list(&mut it.running, &[pod("1", "shop", "Running")]);
    let batch = it.batch();
    assert_eq!(gauges(batch.find("namespace", "shop").unwrap()), []);
    assert_eq!(gauge(cluster(&batch), "cluster.pods"), None);
}

#[test]
fn a_pending_pod_is_reported_with_details() {
    let mut it = Cluster::new(10);
    let pending = json!({
        "metadata": {
            "uid": "u1", "name": "web-abc-1", "namespace": "shop", "labels": {"app": "web"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "web-abc"}, {"kind": "StatefulSet", "name": "db"}],
        },
        "spec": {"nodeName": ""},
        "status": {
            "phase": "Pending", "qosClass": "Burstable",
            "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}],
        },
    });
    let mut bound = pod("u2", "shop", "Pending");
    bound["spec"] = json!({"nodeName": "node-a"});
    list(&mut it.running, &[]);
    list(&mut it.others, &[pending, bound]);
    let set = json!({"metadata": {"name": "db", "namespace": "shop"}, "spec": {"replicas": 3}});
    list(it.workloads_of(WorkloadKind::StatefulSet), &[set]);
    let batch = it.batch();
    assert_eq!(gauge(batch.find("namespace", "shop").unwrap(), "pods.phase.pending"), Some(2.0));
    assert_eq!(ids(&batch, "pod"), ["u1"], "a scheduled pod is reported by its node");
    assert_eq!(gauge(cluster(&batch), "cluster.pending_left_out"), None);
    let pod = batch.find("pod", "u1").unwrap();
    assert!(pod.parent() == Some(cluster(&batch)));
    assert_eq!(
        attributes(pod),
        [
            ("label.app", "web"),
            ("pod.condition.PodScheduled", "False"),
            ("pod.name", "web-abc-1"),
            ("pod.namespace", "shop"),
            ("pod.phase", "Pending"),
            ("pod.qos", "Burstable"),
            ("pod.uid", "u1"),
        ]
    );
    let owners: Vec<_> = pod.links("owned-by").into_iter().map(Entity::id).collect();
    assert_eq!(owners, ["ReplicaSet/shop/web-abc", "StatefulSet/shop/db"], "in the pod's order");
    assert_eq!(ids(&batch, "workload"), ["StatefulSet/shop/db", "ReplicaSet/shop/web-abc"], "each once");
    assert_eq!(gauges(batch.find("workload", "ReplicaSet/shop/web-abc").unwrap()), []);
}

#[test]
fn pending_pods_are_bounded_and_the_rest_is_counted() {
    let mut it = Cluster::new(2);
    let waiting: Vec<_> = (0..5).map(|uid| pod(&uid.to_string(), "shop", "Pending")).collect();
    list(&mut it.others, &waiting);
    list(&mut it.running, &[]);
    let shown = |it: &Cluster| {
        let batch = it.batch();
        (ids(&batch, "pod").len(), gauge(cluster(&batch), "cluster.pending_left_out"))
    };
    assert_eq!(shown(&it), (2, Some(3.0)));
    let first: Vec<_> = ids(&it.batch(), "pod").into_iter().map(str::to_owned).collect();
    deleted(&mut it.others, &pod(&first[0], "shop", "Pending"));
    assert_eq!(shown(&it), (1, Some(3.0)));
    let left_out =
        waiting.iter().find(|pod| !first.contains(&pod["metadata"]["uid"].as_str().unwrap().into()));
    applied(&mut it.others, left_out.unwrap());
    assert_eq!(shown(&it), (2, Some(2.0)), "the next pod that changes takes the free slot");
    assert_eq!(gauge(it.batch().find("namespace", "shop").unwrap(), "pods.phase.pending"), Some(4.0));

    let mut none = Cluster::new(0);
    list(&mut none.others, &waiting);
    assert_eq!(shown(&none), (0, None), "details were not requested");
}

#[test]
fn services() {
    let mut it = Cluster::new(0);
    let endpoint = |name: &str, ready: Value| {
        let target = json!({"kind": "Pod", "name": name, "namespace": "shop", "uid": name});
        json!({"addresses": ["10.0.0.1"], "conditions": {"ready": ready}, "targetRef": target})
    };
    let slice = |uid: &str, service: &str, endpoints: Value| {
        let labels = json!({"kubernetes.io/service-name": service});
        json!({"metadata": {"uid": uid, "name": uid, "namespace": "shop", "labels": labels}, "endpoints": endpoints})
    };
    let four = slice("v4", "web", json!([endpoint("a", true.into()), endpoint("b", Value::Null)]));
    let more = slice("v4-2", "web", json!([endpoint("c", true.into()), endpoint("d", false.into())]));
    let six = slice("v6", "web", json!([endpoint("a", true.into()), endpoint("b", true.into())]));
    let mut others = slice("x", "zero", Value::Null);
    let bare = json!([
        {"addresses": ["10.0.0.9"]},
        {"addresses": ["10.0.0.8"], "targetRef": {"kind": "Node", "name": "n"}},
        {"addresses": ["10.0.0.7"], "targetRef": {"kind": "Pod", "name": "a"}},
    ]);
    let unnamed = json!({"metadata": {"uid": "n", "name": "n", "namespace": "shop"}, "endpoints": [endpoint("a", true.into())]});
    list(&mut it.endpoints, &[six.clone(), others.clone(), four, more, slice("b", "bare", bare), unnamed]);
    let ready = |it: &Cluster| {
        let batch = it.batch();
        let service =
            |service: Entity<'_>| (service.id().to_owned(), gauge(service, "endpoints.ready").unwrap());
        batch.of_kind("service").into_iter().map(service).collect::<Vec<_>>()
    };
    let expected =
        |web: f64| [("shop/bare".to_owned(), 1.0), ("shop/web".into(), web), ("shop/zero".into(), 0.0)];
    assert_eq!(ready(&it), expected(3.0));
    deleted(&mut it.endpoints, &slice("v4-2", "web", Value::Null));
    deleted(&mut it.endpoints, &six);
    assert_eq!(ready(&it), expected(2.0));
    let batch = it.batch();
    let web = batch.find("service", "shop/web").unwrap();
    assert_eq!(attributes(web), [("service.name", "web"), ("service.namespace", "shop")]);
    // Without its label, the slice belongs to no service.
    others["metadata"]["labels"] = json!({});
    applied(&mut it.endpoints, &others);
    assert_eq!(ready(&it).len(), 2);
}

#[test]
fn workloads() {
    let mut it = Cluster::new(0);
    let workload = |name: &str, spec: Value, status: Value| json!({"metadata": {"name": name, "namespace": "shop"}, "spec": spec, "status": status});
    let status = json!({"replicas": 4, "readyReplicas": 2, "availableReplicas": 1, "unavailableReplicas": 3});
    let new = workload("new", json!({"replicas": 0}), json!({}));
    list(
        it.workloads_of(WorkloadKind::Deployment),
        &[workload("web", json!({"replicas": 4}), status.clone()), new],
    );
    let daemons = json!({
        "desiredNumberScheduled": 5, "currentNumberScheduled": 4, "numberReady": 3, "numberAvailable": 2,
        "numberUnavailable": 1, "numberMisscheduled": 9,
    });
    list(it.workloads_of(WorkloadKind::DaemonSet), &[workload("logs", json!({}), daemons)]);
    list(it.workloads_of(WorkloadKind::StatefulSet), &[workload("db", Value::Null, status.clone())]);
    let mut owned = workload("web-abc", json!({"replicas": 4}), status.clone());
    owned["metadata"]["ownerReferences"] = json!([{"kind": "Deployment", "name": "web"}]);
    let free = workload("free", json!({"replicas": 2}), status);
    list(it.workloads_of(WorkloadKind::ReplicaSet), &[owned, free.clone()]);
    let batch = it.batch();
    assert_eq!(
        ids(&batch, "workload"),
        [
            "Deployment/shop/new",
            "Deployment/shop/web",
            "DaemonSet/shop/logs",
            "StatefulSet/shop/db",
            "ReplicaSet/shop/free"
        ]
    );
    let of = |id| gauges(batch.find("workload", id).unwrap());
    let (available, desired, ready) = ("replicas.available", "replicas.desired", "replicas.ready");
    let (scheduled, unavailable) = ("replicas.scheduled", "replicas.unavailable");
    assert_eq!(
        of("Deployment/shop/web"),
        [(available, 1.0), (desired, 4.0), (ready, 2.0), (unavailable, 3.0)]
    );
    assert_eq!(
        of("Deployment/shop/new"),
        [(available, 0.0), (desired, 0.0), (ready, 0.0), (unavailable, 0.0)]
    );
    assert_eq!(
        of("DaemonSet/shop/logs"),
        [(available, 2.0), (desired, 5.0), (ready, 3.0), (scheduled, 4.0), (unavailable, 1.0)],
        "ready differs from scheduled"
    );
    assert_eq!(of("StatefulSet/shop/db"), [(available, 1.0), (desired, 1.0), (ready, 2.0)]);
    assert_eq!(
        attributes(batch.find("workload", "ReplicaSet/shop/free").unwrap()),
        [("workload.kind", "ReplicaSet"), ("workload.name", "free"), ("workload.namespace", "shop")]
    );
    let mut adopted = free.clone();
    adopted["metadata"]["ownerReferences"] = json!([{"kind": "Deployment", "name": "web"}]);
    applied(it.workloads_of(WorkloadKind::ReplicaSet), &adopted);
    assert!(it.batch().find("workload", "ReplicaSet/shop/free").is_none());
    deleted(it.workloads_of(WorkloadKind::Deployment), &workload("web", Value::Null, Value::Null));
    assert!(it.batch().find("workload", "Deployment/shop/web").is_none());
}

#[test]
fn a_partial_list_is_never_visible() {
    let mut it = Cluster::new(0);
    list(&mut it.nodes, &[named("a"), named("b")]);
    restart(&mut it.nodes);
    listed(&mut it.nodes, &named("c"));
    assert_eq!(ids(&it.batch(), "node"), ["a", "b"]);
    // The list failed before its end, and began again.
    restart(&mut it.nodes);
    listed(&mut it.nodes, &named("d"));
    it.nodes.on_list_end();
    assert_eq!(ids(&it.batch(), "node"), ["d"]);
}

#[test]
fn objects_without_a_name_are_ignored() {
    let mut it = Cluster::new(1);
    let unnamed =
        [json!({}), json!({"metadata": null}), json!({"metadata": {"labels": {}, "uid": "", "name": null}})];
    list(&mut it.nodes, &unnamed);
    list(&mut it.namespaces, &unnamed);
    list(&mut it.running, &unnamed);
    list(&mut it.others, &unnamed);
    list(&mut it.endpoints, &unnamed);
    list(it.workloads_of(WorkloadKind::Deployment), &unnamed);
    unnamed.iter().for_each(|object| deleted(&mut it.others, object));
    assert_eq!(it.batch().entities().len(), 1);
}

#[test]
fn claims_have_their_phase() {
    let mut it = Cluster::new(10);
    let mut claims = it.feed_of(ObjectKind::Claim);
    let claim = |name: &str, phase: Value| json!({"metadata": {"name": name, "namespace": "shop"}, "status": {"phase": phase}});
    assert!(it.batch().of_kind("claim").is_empty(), "not listed yet");
    list(
        &mut claims,
        &[
            claim("new", json!("Pending")),
            claim("data", json!("Bound")),
            claim("odd", json!("Unheard")),
            claim("none", Value::Null),
        ],
    );
    let batch = it.batch();
    assert_eq!(ids(&batch, "claim"), ["shop/data", "shop/new", "shop/none", "shop/odd"]);
    let of = |id| attributes(batch.find("claim", id).unwrap());
    let names = |name| [("claim.name", name), ("claim.namespace", "shop")];
    assert_eq!(of("shop/data"), [&names("data")[..], &[("claim.phase", "Bound")]].concat());
    assert_eq!(of("shop/odd"), names("odd"), "a phase that the API does not define is unknown");
    assert_eq!(of("shop/none"), names("none"));
    applied(&mut claims, &claim("new", json!("Lost")));
    deleted(&mut claims, &claim("data", json!("Bound")));
    let batch = it.batch();
    assert_eq!(ids(&batch, "claim"), ["shop/new", "shop/none", "shop/odd"]);
    assert_eq!(batch.find("claim", "shop/new").unwrap().attribute("claim.phase"), Some("Lost"));
}

#[test]
fn volumes_and_ingresses_are_counted() {
    let mut it = Cluster::new(10);
    let (mut volumes, mut ingresses) =
        (it.feed_of(ObjectKind::PersistentVolume), it.feed_of(ObjectKind::Ingress));
    list(&mut it.namespaces, &[named("shop"), named("ci")]);
    let count =
        |batch: &Batch, namespace: &str| gauge(batch.find("namespace", namespace).unwrap(), "ingress.count");
    let batch = it.batch();
    assert_eq!(gauge(cluster(&batch), "persistentvolume.count"), None, "not listed yet");
    assert_eq!(count(&batch, "shop"), None);
    list(&mut volumes, &[named("pv-1"), named("pv-2"), named("pv-3")]);
    let ingress = |name: &str| json!({"metadata": {"name": name, "namespace": "shop"}});
    list(&mut ingresses, &[ingress("front"), ingress("admin")]);
    applied(&mut ingresses, &ingress("front"));
    deleted(&mut volumes, &named("pv-2"));
    let batch = it.batch();
    assert_eq!(gauge(cluster(&batch), "persistentvolume.count"), Some(2.0));
    assert_eq!((count(&batch, "shop"), count(&batch, "ci")), (Some(2.0), Some(0.0)), "none is a value");
}
