//! Cluster metrics: counts of nodes, of running pods by namespace and service, and of replicas.

use insights_sdk::{Batch, Entity};

use crate::metrics::{Metric, Prefix, Publisher};
use crate::options::Options;
use crate::raw::{Raw, gauge};
use crate::status;

/// Conditions of a healthy node: 1 for true, 0 for false. Any other value, including unknown, counts as a failure.
const HEALTHY: [(&str, f64); 5] = [
    ("node.condition.Ready", 1.0),
    ("node.condition.DiskPressure", 0.0),
    ("node.condition.MemoryPressure", 0.0),
    ("node.condition.NetworkUnavailable", 0.0),
    ("node.condition.PIDPressure", 0.0),
];

/// Publishes the metrics of an event. Returns true if the type has metrics here.
pub(crate) fn publish(
    out: &mut Publisher<'_>,
    entity: Entity<'_>,
    kind: &str,
    raw: &Raw,
    options: &Options,
) -> bool {
    // Large clusters have tens of thousands of these: renaming avoids a second row for each value.
    let mut copy = |raw, prefix, metric| out.publish_raw(entity, raw, prefix, metric, options.keep_raw);
    match kind {
        "Cluster" => publish_cluster(out, entity, raw),
        "ClusterNamespace" => copy(raw.pods_running, Prefix::Namespace, Metric::RunningPods),
        "ClusterService" => copy(raw.endpoints_ready, Prefix::Service, Metric::RunningPods),
        "ClusterDeployment" | "ClusterDaemonSet" | "ClusterStatefulSet" | "ClusterReplicaSet" => {
            for (name, metric) in [
                (raw.replicas_desired, Metric::ReplicasDesired),
                (raw.replicas_ready, Metric::ReplicasReady),
                (raw.replicas_available, Metric::ReplicasAvailable),
                (raw.replicas_unavailable, Metric::ReplicasUnavailable),
            ] {
                copy(name, Prefix::Bare, metric);
            }
        }
        "Pod" if options.enhanced => status::publish_phase(out, entity, raw),
        "HyperPodNode" if options.enhanced => status::publish_health(out, entity),
        "Pod" | "HyperPodNode" => {}
        _ => return false,
    }
    true
}

fn publish_cluster(out: &mut Publisher<'_>, cluster: Entity<'_>, raw: &Raw) {
    let batch = cluster.batch();
    // If nodes or pods could not be listed, their numbers are unknown, not 0.
    let nodes = cluster.gauge("cluster.nodes").map(|_| batch.of_kind("node"));
    let failed = nodes.as_deref().map(|nodes| failed(batch, nodes));
    let running = |namespace: Entity<'_>| gauge(namespace, raw.pods_running).unwrap_or_default();
    let namespaces = batch.of_kind("namespace").into_iter();
    let sum = namespaces.fold(0.0, |sum, namespace| sum + running(namespace));
    let running = cluster.gauge("cluster.pods").map(|_| sum);
    out.publish_all(
        cluster,
        Prefix::Cluster,
        &[
            (Metric::Heartbeat, gauge(cluster, raw.heartbeat)),
            (Metric::ApiAge, cluster.gauge("cluster.age_ms")),
            (Metric::Nodes, nodes.map(|nodes| nodes.len() as f64)),
            (Metric::FailedNodes, failed),
            (Metric::RunningPods, running),
        ],
    );
}

/// Counts the `nodes` with a condition that a healthy node does not have.
fn failed(batch: &Batch, nodes: &[Entity<'_>]) -> f64 {
    let healthy = HEALTHY.map(|(name, value)| (batch.name(name), value));
    let is_failed = |node: &&Entity<'_>| {
        healthy.iter().any(|&(name, wanted)| gauge(**node, name).is_some_and(|value| value != wanted))
    };
    nodes.iter().filter(is_failed).count() as f64
}
