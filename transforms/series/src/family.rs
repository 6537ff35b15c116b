//! Types of the table.

use crate::value::Value;

/// A metric family: name, meaning, and how its points are computed.
#[derive(Clone, Copy, Debug)]
pub struct Family<'a> {
    /// Name of the metric, valid in the dialect of its table. Ends in `NAME` if it stands for several.
    pub name: &'a str,
    /// One sentence about the meaning.
    pub help: &'a str,
    /// Unit in UCUM, such as `By`; empty if it has none.
    pub unit: &'a str,
    /// Type of the family.
    pub kind: Kind,
    /// Program that the name comes from.
    pub source: Source,
    /// Objects that have points.
    pub on: &'static [On],
    /// Labels from attributes of the entity, in addition to those of the object.
    pub attributes: &'static [(&'static str, Text)],
    /// Points of one object.
    pub rows: Rows<'a>,
}

/// Type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value that only grows, until it starts again at 0.
    Counter,
    /// A value of this moment.
    Gauge,
    /// A value of this moment that can be added up over objects: OpenTelemetry's up-down counter, elsewhere a gauge.
    UpDown,
}

/// Program that a name comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// cAdvisor, as the kubelet embeds it.
    Cadvisor,
    /// The kubelet's own metrics.
    Kubelet,
    /// node_exporter.
    NodeExporter,
    /// kube-state-metrics.
    StateMetrics,
    /// The semantic conventions.
    Conventions,
    /// A transform of the chain.
    Published,
}

/// Class of the objects of a family. An entity can be several objects: a pod has usage and a state, with different labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// The root cgroup of a node.
    Root,
    /// A pod, for usage.
    Pod,
    /// A container of a pod, for usage.
    Container,
    /// A network interface of a pod.
    PodInterface,
    /// The writable layer of a container.
    ContainerFs,
    /// A volume of a pod.
    Volume,
    /// A node, as node_exporter sees it.
    Node,
    /// A network interface of a node.
    NodeInterface,
    /// A file system of a node.
    NodeFs,
    /// A block device of a node.
    NodeDisk,
    /// A CPU of a node.
    NodeCpu,
    /// The agent of a node. Has only metrics that a transform published.
    Agent,
    /// A Node object, seen from the node itself.
    KubeNode,
    /// A pod, for its state.
    KubePod,
    /// A main container, for its state.
    KubeContainer,
    /// An init container, for its state; also one that restarts always.
    KubeInitContainer,
    /// A Node object in the batch of a cluster.
    ClusterNode,
    /// A Deployment.
    Deployment,
    /// A DaemonSet.
    DaemonSet,
    /// A StatefulSet.
    StatefulSet,
    /// A ReplicaSet without owner.
    ReplicaSet,
    /// A Job.
    Job,
    /// A CronJob.
    CronJob,
    /// A namespace.
    Namespace,
}

/// Text of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// An attribute of the entity.
    Attribute(&'static str),
    /// An attribute of the entity, else a constant text.
    AttributeElse(&'static str, &'static str),
    /// Name of the node whose batch this is; absent in the batch of a cluster.
    Node,
    /// Runtime and id of the container, as in `containerd://ID`.
    ContainerId,
}

/// Points of one object.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'a> {
    /// One point for each row whose value exists.
    Fixed(&'static [Row]),
    /// For each gauge `node.condition.TYPE`, one point for each of the states true, false and unknown: 1 or 0. The labels
    /// have these names.
    Conditions {
        /// Label of the type of condition.
        kind: &'static str,
        /// Label of the state.
        status: &'static str,
    },
    /// The gauge of that name.
    Named(&'a str),
    /// Stands for a family for each gauge whose name begins so: the rest of the gauge's name takes the place of `NAME` at the
    /// end of the family's. Names that the table has already are left out.
    Each(&'static str),
}

/// A point of an object.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Computation of the value.
    pub value: Value,
    /// Labels of this row.
    pub labels: &'static [(&'static str, &'static str)],
}
