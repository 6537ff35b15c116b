//! Labels that tell the objects of a class apart.

use alloc::vec::Vec;

use insights_sdk::Entity;

use crate::family::On;
use crate::text::cut;

/// Names of the labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Those of the kubelet, node_exporter and kube-state-metrics. They identify an object within a node or cluster.
    Prometheus,
    /// Those of the semantic conventions. Objects are told apart by their resources; labels are of parts of an object.
    Conventions,
}

/// In place of an attribute: the id of the entity.
const ID: &str = "";

/// A label: its name, and the attribute that it is copied from.
type Copied = (&'static str, &'static str);

const POD: [Copied; 3] = [("id", "cgroup.path"), ("namespace", "pod.namespace"), ("pod", "pod.name")];
const CONTAINER: [Copied; 6] = [
    ("container", "container.name"),
    ("id", "cgroup.path"),
    ("image", "container.image"),
    ("name", "container.id"),
    ("namespace", "pod.namespace"),
    ("pod", "pod.name"),
];
const INTERFACE: [Copied; 3] =
    [("interface", "interface"), ("namespace", "pod.namespace"), ("pod", "pod.name")];
const LAYER: [Copied; 5] = [
    ("container", "container.name"),
    ("device", "device"),
    ("name", "container.id"),
    ("namespace", "pod.namespace"),
    ("pod", "pod.name"),
];
const VOLUME: [Copied; 2] = [("namespace", "pod.namespace"), ("persistentvolumeclaim", "volume.claim")];
const NODE_INTERFACE: [Copied; 1] = [("device", "interface")];
const NODE_FS: [Copied; 3] = [("device", "device"), ("fstype", "fs.type"), ("mountpoint", "mount.point")];
const NODE_DISK: [Copied; 1] = [("device", "device")];
const NODE_CPU: [Copied; 1] = [("cpu", ID)];
const KUBE_NODE: [Copied; 1] = [("node", "node.name")];
const KUBE_POD: [Copied; 3] = [("namespace", "pod.namespace"), ("pod", "pod.name"), ("uid", "pod.uid")];
const KUBE_CONTAINER: [Copied; 4] = [
    ("container", "container.name"),
    ("namespace", "pod.namespace"),
    ("pod", "pod.name"),
    ("uid", "pod.uid"),
];
const DEPLOYMENT: [Copied; 2] = [("deployment", "workload.name"), ("namespace", "workload.namespace")];
const DAEMON_SET: [Copied; 2] = [("daemonset", "workload.name"), ("namespace", "workload.namespace")];
const STATEFUL_SET: [Copied; 2] = [("namespace", "workload.namespace"), ("statefulset", "workload.name")];
const REPLICA_SET: [Copied; 2] = [("namespace", "workload.namespace"), ("replicaset", "workload.name")];
const JOB: [Copied; 2] = [("job_name", "workload.name"), ("namespace", "workload.namespace")];
const CRON_JOB: [Copied; 2] = [("cronjob", "workload.name"), ("namespace", "workload.namespace")];
const NAMESPACE: [Copied; 1] = [("namespace", "namespace.name")];

const OTHER_INTERFACE: [Copied; 1] = [("network.interface.name", "interface")];
const OTHER_FS: [Copied; 3] = [
    ("system.device", "device"),
    ("system.filesystem.mountpoint", "mount.point"),
    ("system.filesystem.type", "fs.type"),
];
const OTHER_DISK: [Copied; 1] = [("system.device", "device")];
const OTHER_VOLUME: [Copied; 2] =
    [("k8s.persistentvolumeclaim.name", "volume.claim"), ("k8s.volume.name", "volume.name")];

/// Attributes whose label may be missing; without one of the others, an object has no series.
const OPTIONAL: [&str; 5] = ["cgroup.path", "container.image", "container.id", "device", "fs.type"];

fn copied(on: On, scheme: Scheme) -> &'static [Copied] {
    match (scheme, on) {
        (_, On::Root | On::Node | On::Agent) => &[],
        (Scheme::Prometheus, On::Pod) => &POD,
        (Scheme::Prometheus, On::Container) => &CONTAINER,
        (Scheme::Prometheus, On::PodInterface) => &INTERFACE,
        (Scheme::Prometheus, On::ContainerFs) => &LAYER,
        (Scheme::Prometheus, On::Volume) => &VOLUME,
        (Scheme::Prometheus, On::NodeInterface) => &NODE_INTERFACE,
        (Scheme::Prometheus, On::NodeFs) => &NODE_FS,
        (Scheme::Prometheus, On::NodeDisk) => &NODE_DISK,
        (Scheme::Prometheus, On::NodeCpu) => &NODE_CPU,
        (Scheme::Prometheus, On::KubeNode | On::ClusterNode) => &KUBE_NODE,
        (Scheme::Prometheus, On::KubePod) => &KUBE_POD,
        (Scheme::Prometheus, On::KubeContainer | On::KubeInitContainer) => &KUBE_CONTAINER,
        (Scheme::Prometheus, On::Deployment) => &DEPLOYMENT,
        (Scheme::Prometheus, On::DaemonSet) => &DAEMON_SET,
        (Scheme::Prometheus, On::StatefulSet) => &STATEFUL_SET,
        (Scheme::Prometheus, On::ReplicaSet) => &REPLICA_SET,
        (Scheme::Prometheus, On::Job) => &JOB,
        (Scheme::Prometheus, On::CronJob) => &CRON_JOB,
        (Scheme::Prometheus, On::Namespace) => &NAMESPACE,
        (Scheme::Conventions, On::PodInterface | On::NodeInterface) => &OTHER_INTERFACE,
        (Scheme::Conventions, On::NodeFs) => &OTHER_FS,
        (Scheme::Conventions, On::NodeDisk) => &OTHER_DISK,
        (Scheme::Conventions, On::Volume) => &OTHER_VOLUME,
        (Scheme::Conventions, _) => &[],
    }
}

/// Returns the labels of an object, or `None` if one is missing that it needs.
pub(crate) fn labels<'b>(
    on: On,
    entity: Entity<'b>,
    pod: Option<Entity<'b>>,
    scheme: Scheme,
) -> Option<Vec<(&'static str, &'b str)>> {
    let copied = copied(on, scheme);
    let mut labels = Vec::with_capacity(copied.len());
    if on == On::Root && scheme == Scheme::Prometheus {
        labels.push(("id", "/"));
    }
    for &(label, attribute) in copied {
        let value = match attribute {
            "pod.namespace" | "pod.name" | "pod.uid" => pod.and_then(|pod| pod.attribute(attribute)),
            "container.name" | "container.id" => of_container(entity, attribute),
            ID => Some(entity.id()),
            "node.name" => Some(entity.attribute(attribute).unwrap_or(entity.id())),
            _ => entity.attribute(attribute),
        };
        let mut value = value.unwrap_or_default();
        if on == On::NodeDisk && scheme == Scheme::Prometheus {
            value = value.strip_prefix("/dev/").unwrap_or(value);
        }
        if !value.is_empty() {
            labels.push((label, cut(value)));
        } else if !is_optional(attribute, on, scheme) {
            return None;
        }
    }
    Some(labels)
}

fn is_optional(attribute: &str, on: On, scheme: Scheme) -> bool {
    // Only claims have names in Prometheus; the conventions name all volumes.
    let is_claim = attribute == "volume.claim" && scheme == Scheme::Conventions;
    is_claim || OPTIONAL.contains(&attribute) && !(attribute == "device" && on == On::NodeDisk)
}

/// Returns an attribute of a container, for an entity that is one or is below one.
pub(crate) fn of_container<'b>(entity: Entity<'b>, attribute: &str) -> Option<&'b str> {
    let of_parent = || entity.parent().filter(|parent| parent.kind() == "container")?.attribute(attribute);
    entity.attribute(attribute).or_else(of_parent)
}

/// Returns the entity with the identity of the pod: this one, to which `decorate` copied it, or the nearest above.
pub(crate) fn pod_of(entity: Entity<'_>) -> Option<Entity<'_>> {
    let is_named = |key: &str, entity: Entity<'_>| entity.attribute(key).is_some_and(|text| !text.is_empty());
    let mut next = Some(entity);
    // A layer is below a container, which is below its pod.
    for _ in 0..3 {
        let entity = next?;
        if is_named("pod.name", entity) && is_named("pod.namespace", entity) {
            return Some(entity);
        }
        next = entity.parent();
    }
    None
}

/// Returns the namespace of an object, if it has one.
pub(crate) fn namespace<'b>(entity: Entity<'b>, pod: Option<Entity<'b>>) -> Option<&'b str> {
    match pod {
        Some(pod) => pod.attribute("pod.namespace"),
        None => entity.attribute("workload.namespace").or_else(|| entity.attribute("namespace.name")),
    }
}

/// Returns the names of the labels of a class.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn names(on: On, scheme: Scheme) -> Vec<&'static str> {
    if on == On::Root && scheme == Scheme::Prometheus {
        return alloc::vec!["id"];
    }
    copied(on, scheme).iter().map(|&(name, _)| name).collect()
}
