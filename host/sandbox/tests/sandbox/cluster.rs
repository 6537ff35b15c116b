//! The shipped components on a large cluster, within the default limits: 20 % more than 5,000 nodes with 30,000 services and
//! workloads, and pending pods.

use std::path::Path;

use insightd_sandbox::{CallLimits, Sandbox};
use insights_batch::{Batch, Builder, Columns, EntityId, Limits as SinkLimits};

use crate::arena::enter;

const NODES: u32 = 6_000;
const NAMESPACES: u32 = 500;
const SERVICES: u32 = 12_000;
const WORKLOADS: u32 = 24_000;
const PENDING: u32 = 1_000;
const CONFIG: &str = r#"{"enhanced":true}"#;

/// Reads a component from `target/transforms`, or from the directory in `TRANSFORMS`.
pub(crate) fn shipped(name: &str) -> Vec<u8> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/transforms");
    let directory = std::env::var_os("TRANSFORMS").map_or(directory, Into::into);
    let path = directory.join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; make transforms", path.display()))
}

/// Builds the batch that the leader's agent passes to the first stage.
fn cluster() -> Columns {
    let mut builder = Builder::new("cluster", "large", 1_700_000_000_000, 60_000);
    let cluster = builder.entity("cluster", "large", None);
    builder.attribute(cluster, "cluster.name", "large");
    builder.attribute(cluster, "node.name", "ip-10-0-0-1.us-west-2.compute.internal");
    for (name, value) in
        [("cluster.nodes", f64::from(NODES)), ("cluster.pods", 150_000.0), ("agent.heartbeat", 1.0)]
    {
        builder.gauge(cluster, name, value);
    }
    for number in 0..NODES {
        let name = format!("ip-10-0-{}-{}.us-west-2.compute.internal", number / 256, number % 256);
        let node = entity(&mut builder, cluster, "node", &name, &[("node.name", &name)]);
        let is_lost = number % 1000 == 0;
        for condition in ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"] {
            let healthy = if condition == "Ready" { 1.0 } else { 0.0 };
            builder.gauge(node, &format!("node.condition.{condition}"), if is_lost { -1.0 } else { healthy });
        }
    }
    for number in 0..NAMESPACES {
        let name = namespace(number);
        let entity = entity(&mut builder, cluster, "namespace", &name, &[("namespace.name", &name)]);
        for phase in ["pending", "running", "succeeded", "failed", "unknown"] {
            builder.gauge(entity, &format!("pods.phase.{phase}"), 300.0);
        }
    }
    for number in 0..SERVICES {
        let (namespace, name) = (namespace(number), format!("payments-service-{number}"));
        let id = format!("{namespace}/{name}");
        let names = [("service.name", &*name), ("service.namespace", &*namespace)];
        let service = entity(&mut builder, cluster, "service", &id, &names);
        builder.gauge(service, "endpoints.ready", 3.0);
    }
    for number in 0..WORKLOADS {
        let kind = ["Deployment", "DaemonSet", "StatefulSet", "ReplicaSet"][number as usize % 4];
        let workload = workload(&mut builder, cluster, kind, number, &format!("payments-backend-{number}"));
        for count in ["desired", "ready", "available", "unavailable"] {
            builder.gauge(workload, &format!("replicas.{count}"), 7.0);
        }
    }
    for number in 0..PENDING {
        let (uid, name) = (
            format!("0a1b2c3d-0000-4000-8000-{number:012x}"),
            format!("batch-{number}-5d4f8c7b9-{number:05x}"),
        );
        let names = [
            ("pod.uid", &*uid),
            ("pod.name", &name),
            ("pod.namespace", &namespace(number)),
            ("pod.phase", "Pending"),
            ("pod.condition.PodScheduled", "False"),
            ("label.app", &format!("batch-{number}")),
            ("label.pod-template-hash", "5d4f8c7b9"),
        ];
        let pod = entity(&mut builder, cluster, "pod", &uid, &names);
        let owner =
            workload(&mut builder, cluster, "ReplicaSet", number, &format!("batch-{number}-5d4f8c7b9"));
        builder.link(pod, owner, "owned-by");
    }
    builder.finish()
}

fn namespace(number: u32) -> String {
    format!("team-{}", number % NAMESPACES)
}

fn workload(builder: &mut Builder, cluster: EntityId, kind: &str, number: u32, name: &str) -> EntityId {
    let namespace = namespace(number);
    let names = [("workload.kind", kind), ("workload.name", name), ("workload.namespace", &namespace)];
    entity(builder, cluster, "workload", &format!("{kind}/{namespace}/{name}"), &names)
}

fn entity(
    builder: &mut Builder,
    cluster: EntityId,
    kind: &str,
    id: &str,
    attributes: &[(&str, &str)],
) -> EntityId {
    let entity = builder.entity(kind, id, Some(cluster));
    for (key, value) in attributes {
        builder.attribute(entity, key, value);
    }
    entity
}

#[test]
fn a_large_cluster_fits_the_default_limits() {
    let (_serial, arena) = enter();
    let mut limits = CallLimits::default();
    // All slices of the formatter share the time of a call, and most of it is spent in the host, which takes many times as long
    // in an unoptimized build.
    if cfg!(debug_assertions) {
        limits.cpu_time *= 8;
    }
    let sandbox = Sandbox::new(limits).unwrap();
    let load = |name: &str| sandbox.load(name, &arena.compile(&shipped(name))).unwrap();
    let stages = ["decorate", "utilization"].map(load);
    let mut batch = cluster();
    for stage in &stages {
        batch = stage.process(CONFIG, &batch).unwrap();
    }
    let events = load("emf").format(CONFIG, &batch, &SinkLimits::default()).unwrap();
    assert_eq!(events.len() as u32, 1 + NAMESPACES + SERVICES + WORKLOADS + PENDING);
    let batch = Batch::from_columns(batch);
    let cluster = batch.find("cluster", "large").unwrap();
    assert_eq!(cluster.gauge("cluster_node_count"), Some(f64::from(NODES)));
    assert_eq!(cluster.gauge("cluster_failed_node_count"), Some(6.0));
    assert_eq!(cluster.gauge("cluster_number_of_running_pods"), Some(150_000.0));
}
