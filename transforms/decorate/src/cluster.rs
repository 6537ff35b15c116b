//! The cluster as the API server tells it: namespaces, services, workloads, pods that no node was chosen for, and nodes of
//! HyperPod.

use alloc::vec::Vec;

use insights_sdk::{Batch, Entity, Name};

use crate::event::{API_SERVER, Pairs, set_all, start};
use crate::keys::{Keys, attribute, set, value};
use crate::options::Options;
use crate::pod;

/// Workloads that have events of their own, and the type of these.
const WORKLOADS: [(&str, &str); 4] = [
    ("Deployment", "ClusterDeployment"),
    ("DaemonSet", "ClusterDaemonSet"),
    ("StatefulSet", "ClusterStatefulSet"),
    ("ReplicaSet", "ClusterReplicaSet"),
];

/// Makes events of a batch of scope `cluster`.
pub(crate) fn mark(options: &Options, batch: &Batch, keys: &Keys) {
    let Some(&cluster) = batch.of_kind("cluster").first() else { return };
    let known = |option: &Option<_>, key| match option.as_deref() {
        Some(text) => Some(batch.name(text)),
        None => value(cluster, key),
    };
    let name = known(&options.cluster_name, batch.name("cluster.name"));
    let leader = known(&options.node_name, keys.raw_node_name);
    let pair = |key, value: Option<Name>| value.map(|value| (key, value));
    let of_cluster: Vec<_> = pair(keys.cluster_name, name).into_iter().collect();
    let mut of_leader = of_cluster.clone();
    of_leader.extend(pair(keys.node_name, leader));
    let header = |kind| start(batch, kind, API_SERVER, &of_leader, keys);

    set_all(cluster, &header("Cluster"));
    // Events are about the cluster, not about the host that speaks for it.
    cluster.remove_attribute(keys.raw_node_name);
    cluster.rename_attribute("orchestrator", "node.orchestrator");

    let namespace = header("ClusterNamespace");
    for entity in batch.of_kind("namespace") {
        named(entity, &namespace, &[(keys.raw_namespace, keys.namespace)]);
    }
    let service = header("ClusterService");
    for entity in batch.of_kind("service") {
        let names = [(keys.raw_service, keys.service), (keys.raw_service_namespace, keys.namespace)];
        named(entity, &service, &names);
    }
    let workloads = WORKLOADS.map(|(kind, event)| (kind, header(event)));
    let desired = batch.name("replicas.desired");
    for entity in batch.of_kind("workload") {
        // What owns a pending pod is a workload too, and has no figures.
        let kind = attribute(entity, keys.workload_kind).filter(|_| entity.gauge(desired).is_some());
        if let Some((_, header)) = workloads.iter().find(|(known, _)| kind == Some(known)) {
            let names = [(keys.workload_name, keys.pod_name), (keys.workload_namespace, keys.namespace)];
            named(entity, header, &names);
        }
    }

    // Their events go where all others of the leader go, but no node is theirs.
    let mut unbound = of_cluster.clone();
    unbound.extend(pair(keys.stream_node_name, leader));
    let mut pods = batch.of_kind("pod");
    // What has a node is reported there.
    pods.retain(|&pod| attribute(pod, keys.raw_pod_node).is_none_or(str::is_empty));
    pod::mark_unbound(options, keys, start(batch, "Pod", API_SERVER, &unbound, keys), &pods);

    let hyper_pod = start(batch, "HyperPodNode", "", &of_cluster, keys);
    for node in batch.of_kind("node") {
        let is_accelerated =
            attribute(node, keys.raw_instance_type).is_some_and(|kind| kind.starts_with("ml."));
        if is_accelerated && value(node, keys.raw_health_status).is_some() {
            set_all(node, &hyper_pod);
            let name = node.id();
            node.set_attribute(keys.node_name, name);
            node.set_attribute(keys.instance_id, name.strip_prefix("hyperpod-").unwrap_or(name));
            // Both would show up in `kubernetes`, which is for pods.
            node.remove_attribute(keys.raw_node_name);
            node.rename_attribute(keys.raw_health_status, "node.health_status");
        }
    }
}

/// An event with `header`, and with what it is called under the names that dimensions have.
fn named(entity: Entity<'_>, header: &Pairs, names: &[(Name, Name)]) {
    set_all(entity, header);
    for &(from, to) in names {
        if let Some(value) = value(entity, from) {
            set(entity, to, value);
        }
    }
}
