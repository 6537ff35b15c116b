//! The objects of a batch that have series.

use alloc::vec::Vec;
use core::hash::Hasher;

use insights_sdk::{Batch, Entity, FxHasher};

use crate::family::On;
use crate::identity::{self, Scheme};
use crate::select::Selection;
use crate::text::{cut, sanitized};

/// Maximum number of labels of a point, those of the family included.
const MAX_LABELS: usize = 64;
/// Maximum number of labels of a pod that are examined, the first by key.
const MAX_POD_LABELS: usize = 256;
/// Labels that a family can add to those of its objects.
const FAMILY_LABELS: usize = 6;
/// Pod labels that change with every rollout; never part of a series.
const NEVER: [&str; 2] = ["pod-template-hash", "controller-revision-hash"];

/// Time at which the node started.
const BOOT: &str = "start.boot_unix_ms";

/// An object with series.
#[derive(Clone, Debug)]
pub struct Subject<'b> {
    /// Class of the object.
    pub on: On,
    /// Entity that has the values.
    pub entity: Entity<'b>,
    /// Entity with the identity of the pod that the object is, or belongs to.
    pub pod: Option<Entity<'b>>,
    /// Labels that tell objects of the class apart, sorted by name. No value is empty.
    pub labels: Vec<(&'static str, &'b str)>,
    /// Selected labels of the pod, sorted by key.
    pub pod_labels: Vec<PodLabel<'b>>,
}

impl Subject<'_> {
    /// Returns the time at which the object's counters began at 0, in milliseconds since the Unix epoch. `None` if the batch
    /// does not contain it, or if it is later than the batch. Restarts of a container are counted over all of that name, so their
    /// start is unknown.
    pub fn start_unix_ms(&self) -> Option<u64> {
        let entity = self.entity;
        let start = match self.on {
            On::Pod => entity.gauge("pod.start_unix_ms"),
            On::Container => entity.gauge("start.container_unix_ms"),
            On::Root | On::Node => entity.gauge(BOOT),
            // The kernel counts them since boot. Devices and CPUs come right behind the node, in its slice.
            On::NodeCpu | On::NodeDisk | On::NodeInterface => entity.parent()?.gauge(BOOT),
            _ => None,
        }?;
        let is_past = start > 0.0 && start <= entity.batch().time_unix_ms() as f64;
        is_past.then_some(start as u64)
    }
}

/// A label of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodLabel<'b> {
    /// Key, as in the pod's metadata.
    pub key: &'b str,
    /// Value; may be empty.
    pub value: &'b str,
}

/// Numbers of what was left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Entities below a pod that is not in the slice.
    pub(crate) orphans: u32,
    /// Objects with the labels of another one.
    pub(crate) duplicates: u32,
    /// Labels of pods: beyond the bound, or with the name of another one.
    pub(crate) labels: u32,
}

/// Finds all objects of a batch.
pub(crate) fn find<'b>(
    batch: &'b Batch,
    scheme: Scheme,
    selection: &Selection,
) -> (Vec<Subject<'b>>, LeftOut) {
    let mut finder =
        Finder { scheme, selection, found: Vec::new(), hashes: Vec::new(), out: LeftOut::default() };
    let in_cluster = batch.scope() == "cluster";
    if in_cluster || batch.scope() == "node" {
        for entity in batch.entities() {
            finder.classify(entity, in_cluster);
        }
    }
    (finder.found, finder.out)
}

struct Finder<'f, 'b> {
    scheme: Scheme,
    selection: &'f Selection,
    found: Vec<Subject<'b>>,
    /// Hashes of class and labels, sorted.
    hashes: Vec<u64>,
    out: LeftOut,
}

impl<'b> Finder<'_, 'b> {
    fn classify(&mut self, entity: Entity<'b>, in_cluster: bool) {
        match entity.kind() {
            "node" if in_cluster => self.add(On::ClusterNode, entity, None),
            "node" => {
                self.add(On::KubeNode, entity, None);
                // The machine below the pods of Fargate is not the user's.
                if entity.attribute("node.compute_type").is_none() {
                    self.add(On::Root, entity, None);
                    self.add(On::Node, entity, None);
                }
            }
            "pod" => {
                self.add_of_pod(On::Pod, entity);
                self.add_of_pod(On::KubePod, entity);
            }
            "container" => {
                self.add_of_pod(On::Container, entity);
                match entity.attribute("container.kind") {
                    Some("init" | "sidecar") => self.add_of_pod(On::KubeInitContainer, entity),
                    Some("ephemeral") => {}
                    _ => self.add_of_pod(On::KubeContainer, entity),
                }
            }
            "interface" if is_of_node(entity) => self.add(On::NodeInterface, entity, None),
            "interface" => self.add_of_pod(On::PodInterface, entity),
            "filesystem" if is_of_node(entity) => self.add(On::NodeFs, entity, None),
            // Without an identity of its own it is the layer of a container that has ended.
            "filesystem" if entity.attribute("pod.name").is_some() => {
                self.add_of_pod(On::ContainerFs, entity)
            }
            "disk" => self.add(On::NodeDisk, entity, None),
            "cpu" => self.add(On::NodeCpu, entity, None),
            "agent" => self.add(On::Agent, entity, None),
            "volume" => self.add_of_pod(On::Volume, entity),
            "namespace" => self.add(On::Namespace, entity, None),
            "workload" => {
                if let Some(on) = workload(entity) {
                    self.add(on, entity, None);
                }
            }
            _ => {}
        }
    }

    fn add_of_pod(&mut self, on: On, entity: Entity<'b>) {
        if belongs_elsewhere(entity) {
            return;
        }
        match identity::pod_of(entity) {
            Some(pod) => self.add(on, entity, Some(pod)),
            // Counted once for both classes of a pod or container.
            None => {
                self.out.orphans +=
                    u32::from(!matches!(on, On::KubePod | On::KubeContainer | On::KubeInitContainer))
            }
        }
    }

    fn add(&mut self, on: On, entity: Entity<'b>, pod: Option<Entity<'b>>) {
        let namespace = identity::namespace(entity, pod);
        if namespace.is_some_and(|namespace| !self.selection.has_namespace(namespace)) {
            return;
        }
        let Some(labels) = identity::labels(on, entity, pod, self.scheme) else { return };
        let known = if self.scheme == Scheme::Prometheus { self.known(on, &labels) } else { None };
        if let Some(known) = known {
            self.out.duplicates += 1;
            // A pod that has ended may still be listed beside the next one of its name.
            if has_usage(self.found[known].entity) || !has_usage(entity) {
                return;
            }
        }
        let pod_labels = pod.map(|pod| self.pod_labels(pod, labels.len())).unwrap_or_default();
        let subject = Subject { on, entity, pod, labels, pod_labels };
        match known {
            Some(known) => self.found[known] = subject,
            None => self.found.push(subject),
        }
    }

    /// Returns the position of an object with the same labels; remembers the labels if there is none.
    fn known(&mut self, on: On, labels: &[(&'static str, &'b str)]) -> Option<usize> {
        let hash = hash(on, labels);
        match self.hashes.binary_search(&hash) {
            Ok(_) => self.found.iter().position(|other| other.on == on && other.labels == labels),
            Err(at) => {
                self.hashes.insert(at, hash);
                None
            }
        }
    }

    fn pod_labels(&mut self, pod: Entity<'b>, others: usize) -> Vec<PodLabel<'b>> {
        let mut labels: Vec<PodLabel<'b>> = Vec::new();
        if !self.selection.wants_labels() {
            return labels;
        }
        let batch = pod.batch();
        for (key, value) in pod.attribute_names() {
            let Some(key) = batch.text(key).strip_prefix("label.") else { continue };
            if NEVER.contains(&key) || !self.selection.has_label(key) {
                continue;
            }
            let label = PodLabel { key, value: cut(batch.text(value)) };
            // Insertion keeps them sorted: they are few.
            let at = labels.partition_point(|known| known.key < key);
            labels.insert(at, label);
            if labels.len() > MAX_POD_LABELS {
                labels.pop();
                self.out.labels += 1;
            }
        }
        if !self.selection.labels_on_points {
            return labels;
        }
        let before = labels.len();
        let mut at = 1;
        while at < labels.len() {
            if labels[..at].iter().any(|known| sanitized(known.key).eq(sanitized(labels[at].key))) {
                labels.remove(at);
            } else {
                at += 1;
            }
        }
        labels.truncate(MAX_LABELS.saturating_sub(others + FAMILY_LABELS));
        self.out.labels += (before - labels.len()) as u32;
        labels
    }
}

/// Returns the class of a workload; `None` for one without values, as the owners of pods are.
fn workload(entity: Entity<'_>) -> Option<On> {
    let (on, count) = match entity.attribute("workload.kind")? {
        "Deployment" => (On::Deployment, "replicas.desired"),
        "DaemonSet" => (On::DaemonSet, "replicas.desired"),
        "StatefulSet" => (On::StatefulSet, "replicas.desired"),
        "ReplicaSet" => (On::ReplicaSet, "replicas.desired"),
        "Job" => (On::Job, "job.active"),
        "CronJob" => (On::CronJob, "cronjob.active"),
        _ => return None,
    };
    entity.gauge(count).map(|_| on)
}

/// Returns true for an interface or file system of the node itself.
fn is_of_node(entity: Entity<'_>) -> bool {
    match entity.attribute("Type") {
        Some("NodeNet" | "NodeFS" | "InstanceNet" | "InstanceFS") => true,
        Some(_) => false,
        None => entity.parent().is_some_and(|parent| parent.kind() == "node"),
    }
}

/// Returns true for what belongs to a task of ECS, or to a cgroup that was not joined.
fn belongs_elsewhere(entity: Entity<'_>) -> bool {
    entity.attribute("task.id").is_some()
        || entity.parent().is_some_and(|parent| {
            matches!(parent.kind(), "task" | "cgroup")
                || parent.kind() == "container" && parent.parent().is_some_and(|top| top.kind() == "task")
        })
}

fn has_usage(entity: Entity<'_>) -> bool {
    entity.counter("cpu.usage_ns").is_some() || entity.gauge("memory.usage_bytes").is_some()
}

fn hash(on: On, labels: &[(&str, &str)]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write_u8(on as u8);
    for (key, value) in labels {
        hasher.write(key.as_bytes());
        hasher.write(value.as_bytes());
    }
    hasher.finish()
}
