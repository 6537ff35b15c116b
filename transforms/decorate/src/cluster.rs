//! The cluster as reported by the API server: namespaces, services, workloads, pods not yet bound to a node, and HyperPod
//! nodes.

use alloc::vec::Vec;

use insights_sdk::{Batch, Entity};

use crate::event::{API_SERVER, Pairs, set_all, start};
use crate::keys::{Keys, attribute, copy, value};
use crate::options::Options;
use crate::pod;

/// Entities that become events unchanged: kind, kind of the workload, and type of the event.
const NAMED: [(&str, &str, &str); 6] = [
    ("namespace", "", "ClusterNamespace"),
    ("service", "", "ClusterService"),
    ("workload", "Deployment", "ClusterDeployment"),
    ("workload", "DaemonSet", "ClusterDaemonSet"),
    ("workload", "StatefulSet", "ClusterStatefulSet"),
    ("workload", "ReplicaSet", "ClusterReplicaSet"),
];

/// Turns the entities of a batch of scope `cluster` into events.
pub(crate) fn mark(options: &Options, batch: &Batch, keys: &Keys) {
    let Some(&cluster) = batch.of_kind("cluster").first() else { return };
    let known = |option: &Option<_>, key| match option.as_deref() {
        Some(text) => Some(batch.name(text)),
        None => value(cluster, key),
    };
    let leader = known(&options.node_name, keys.raw_node_name);
    let name = known(&options.cluster_name, keys.raw_cluster_name).map(|name| (keys.cluster_name, name));
    let with = |key| -> Pairs { name.into_iter().chain(leader.map(|leader| (key, leader))).collect() };
    let shared = with(keys.node_name);
    let mut header = start(batch, "Cluster", API_SERVER, &shared, keys);
    set_all(cluster, &header);
    let types = NAMED.map(|(_, _, event)| batch.name(event));
    // The events are about the cluster, not about the leader's node.
    cluster.remove_attribute(keys.raw_node_name);
    cluster.rename_attribute("orchestrator", "node.orchestrator");

    let hyper_pod = start(batch, "HyperPodNode", "", name.as_slice(), keys);
    // Events of unbound pods go to the leader's log stream with all others, but carry no node of their own.
    let unbound = start(batch, "Pod", API_SERVER, &with(keys.stream_node_name), keys);
    let copied = [
        (keys.raw_namespace, keys.namespace),
        (keys.raw_service, keys.service),
        (keys.raw_service_namespace, keys.namespace),
        (keys.workload_name, keys.pod_name),
        (keys.workload_namespace, keys.namespace),
    ];
    let desired = batch.name("replicas.desired");
    let mut pods = Vec::new();
    for entity in batch.entities() {
        let kind = entity.kind();
        match kind {
            "pod" => pods.push(entity),
            "node" => mark_hyper_pod(entity, &hyper_pod, keys),
            // The owner of a pending pod is a workload too, but has no metrics.
            "workload" if entity.gauge(desired).is_none() => {}
            _ => {
                let workload = attribute(entity, keys.workload_kind).unwrap_or_default();
                let mut named = NAMED.iter().zip(types);
                if let Some((_, event)) = named.find(|(known, _)| (known.0, known.1) == (kind, workload)) {
                    header[0].1 = event;
                    set_all(entity, &header);
                    for (from, to) in copied {
                        copy(entity, from, entity, to);
                    }
                }
            }
        }
    }
    pod::mark_unbound(options, keys, unbound, &pods);
}

fn mark_hyper_pod(node: Entity<'_>, header: &Pairs, keys: &Keys) {
    let is_accelerated = attribute(node, keys.raw_instance_type).is_some_and(|kind| kind.starts_with("ml."));
    if is_accelerated && value(node, keys.raw_health_status).is_some() {
        set_all(node, header);
        let name = node.id();
        node.set_attribute(keys.node_name, name);
        node.set_attribute(keys.instance_id, name.strip_prefix("hyperpod-").unwrap_or(name));
        // Both would show up in `kubernetes`, which describes pods.
        node.remove_attribute(keys.raw_node_name);
        node.rename_attribute(keys.raw_health_status, "node.health_status");
    }
}
