//! Resources: the objects that the points describe, by attributes.

use alloc::string::String;
use alloc::vec::Vec;

use insightd_series::{On, Subject, cut};
use insights_sdk::json::integer_text;
use insights_sdk::{Batch, Entity};

use crate::options::{Dialect, Options};
use crate::{proto, scope};

/// Maximum number of attributes of resource, scope and point together that CloudWatch accepts.
const MAX_ATTRIBUTES: usize = 150;
/// Most attributes of a point: those of a container, and of the family.
const POINT_ATTRIBUTES: usize = 12;
/// Maximum number of owners of a pod that are read.
const MAX_OWNERS: u64 = 8;

/// Kinds of owners and their attributes. The first one that a pod has is its workload.
const OWNERS: [(&str, &str); 6] = [
    ("Deployment", "k8s.deployment.name"),
    ("StatefulSet", "k8s.statefulset.name"),
    ("DaemonSet", "k8s.daemonset.name"),
    ("Job", "k8s.job.name"),
    ("CronJob", "k8s.cronjob.name"),
    ("ReplicaSet", "k8s.replicaset.name"),
];

/// Attributes of a resource, in a stable order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Resource<'b> {
    attributes: Vec<(&'static str, &'b str)>,
    /// Labels of the pod.
    labels: Vec<(&'b str, &'b str)>,
    /// Labels beyond the bound of attributes.
    pub(crate) dropped: usize,
}

impl<'b> Resource<'b> {
    /// Returns the resource of an object.
    pub(crate) fn new(subject: &Subject<'b>, batch: &'b Batch, options: &'b Options) -> Self {
        let mut resource = Self::default();
        let entity = subject.entity;
        // The pod has what `decorate` sets on events; for all other objects, the entity itself.
        // CPUs are no events; what `decorate` knows is on their node.
        let node = entity.parent().filter(|_| subject.on == On::NodeCpu);
        let holder = subject.pod.or(node).unwrap_or(entity);
        let in_cluster = batch.scope() == "cluster";

        let of_batch = in_cluster.then(|| batch.scope_id()).filter(|id| *id != "cluster");
        let known = holder.attribute("ClusterName").or_else(|| holder.attribute("cluster.name"));
        resource.add("k8s.cluster.name", options.cluster_name.as_deref().or(known).or(of_batch));
        let node = match subject.on {
            On::ClusterNode => Some(entity.attribute("node.name").unwrap_or(entity.id())),
            _ if in_cluster => None,
            _ => Some(holder.attribute("node.name").unwrap_or(batch.scope_id())),
        };
        resource.add("k8s.node.name", node);
        if !in_cluster {
            resource.add("host.id", holder.attribute("InstanceId"));
            resource.add("host.type", holder.attribute("InstanceType"));
        }
        if let Some(pod) = subject.pod {
            resource.add("k8s.namespace.name", pod.attribute("pod.namespace"));
            resource.add("k8s.pod.name", pod.attribute("pod.name"));
            resource.add("k8s.pod.uid", pod.attribute("pod.uid"));
        }
        match subject.on {
            On::Container | On::KubeContainer | On::KubeInitContainer | On::ContainerFs => {
                let of_parent = |key: &str| entity.parent().and_then(|parent| parent.attribute(key));
                let of_container = |key: &str| entity.attribute(key).or_else(|| of_parent(key));
                resource.add("k8s.container.name", of_container("container.name"));
                if options.dialect == Dialect::Semconv {
                    resource.add("container.id", of_container("container.id"));
                }
            }
            On::Deployment => resource.add_workload(entity, 0, options),
            On::StatefulSet => resource.add_workload(entity, 1, options),
            On::DaemonSet => resource.add_workload(entity, 2, options),
            On::Job => {
                resource.add_workload(entity, 3, options);
                if entity.attribute("job.owner_kind") == Some("CronJob") {
                    resource.add("k8s.cronjob.name", entity.attribute("job.owner_name"));
                }
            }
            On::CronJob => resource.add_workload(entity, 4, options),
            On::ReplicaSet => resource.add_workload(entity, 5, options),
            On::Namespace => resource.add("k8s.namespace.name", entity.attribute("namespace.name")),
            _ => {}
        }
        if let Some(pod) = subject.pod {
            resource.add_owners(pod, options);
        }
        resource.labels.extend(subject.pod_labels.iter().map(|label| (label.key, label.value)));
        resource.bound(options);
        resource
    }

    fn add(&mut self, key: &'static str, value: Option<&'b str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.attributes.push((key, cut(value)));
        }
    }

    fn add_workload(&mut self, entity: Entity<'b>, kind: usize, options: &Options) {
        self.add("k8s.namespace.name", entity.attribute("workload.namespace"));
        self.add_owner(kind, entity.attribute("workload.name"), options);
    }

    fn add_owners(&mut self, pod: Entity<'b>, options: &Options) {
        let mut owners: [Option<&'b str>; OWNERS.len()] = Default::default();
        for number in 0..MAX_OWNERS {
            let key = |what: &str| -> String { ["owner.", &integer_text(number), ".", what].concat() };
            let Some(kind) = pod.attribute(&key("kind")) else { break };
            if let Some(at) = OWNERS.iter().position(|(known, _)| *known == kind) {
                owners[at] = owners[at].or_else(|| pod.attribute(&key("name")));
            }
        }
        let workload = owners.iter().position(Option::is_some);
        for (at, &name) in owners.iter().enumerate() {
            if Some(at) == workload {
                self.add_owner(at, name, options);
            } else {
                self.add(OWNERS[at].1, name);
            }
        }
    }

    /// Adds an owner; in the dialect of Container Insights also as the workload.
    fn add_owner(&mut self, at: usize, name: Option<&'b str>, options: &Options) {
        let (kind, key) = OWNERS[at];
        self.add(key, name);
        if options.dialect == Dialect::ContainerInsights && name.is_some() {
            self.add("k8s.workload.name", name);
            self.add("k8s.workload.type", Some(kind));
        }
    }

    fn bound(&mut self, options: &Options) {
        let others = self.attributes.len() + options.resource.len() + scope::ATTRIBUTES + POINT_ATTRIBUTES;
        let before = self.labels.len();
        self.labels.truncate(MAX_ATTRIBUTES.saturating_sub(others));
        self.dropped = before - self.labels.len();
    }

    /// Appends the fields of the `Resource`. Configured attributes replace others of the same key.
    pub(crate) fn write(&self, out: &mut Vec<u8>, options: &Options) {
        let is_configured = |key: &str| options.resource.iter().any(|(known, _)| known == key);
        for (key, value) in &self.attributes {
            if !is_configured(key) {
                proto::attribute(out, 1, "", key, value);
            }
        }
        for (key, value) in &options.resource {
            proto::attribute(out, 1, "", key, value);
        }
        for (key, value) in &self.labels {
            proto::attribute(out, 1, "k8s.pod.label.", key, value);
        }
    }
}
