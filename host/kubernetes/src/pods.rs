//! The kubelet's `/pods`: a v1 `PodList`, reduced to the fields that are used.
//!
//! A response of 250 pods is some megabytes of JSON, of which a tenth is kept. The document is read pod by pod as it
//! arrives: each pod is parsed into borrowed fields, those that are used are copied into a [`Pod`], and the rest is
//! dropped.

mod build;
mod metadata_filter;
mod read;
mod resize;
#[cfg(test)]
mod tests;
pub(crate) mod wire;

use crate::problem::Problems;

pub use metadata_filter::MetadataFilter;
pub use read::{PodReader, parse, parse_with};

/// The pods of a node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodList {
    /// Pods by namespace, name and uid: the kubelet's own order is that of a hash map.
    pub pods: Vec<Pod>,
    /// Malformed pods and fields that were left out.
    pub problems: Problems,
    /// Number of pods that were left out because there are more than a node can have, or more than fit in memory. Pods that
    /// ended are left out first, then the last ones by namespace, name and uid.
    pub left_out: u64,
}

/// Largest number of conditions, and of owners, that are kept of a pod: each owner that is a Job costs a request.
pub(crate) const MAX_ENTRIES: usize = 64;

/// Pairs of key and value.
pub type Texts = Vec<(Box<str>, Box<str>)>;

/// A pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pod {
    /// `metadata.uid`. For a static pod, the kubelet's own uid, equal to `config_hash`.
    pub uid: Box<str>,
    /// `metadata.name`.
    pub name: Box<str>,
    /// `metadata.namespace`.
    pub namespace: Box<str>,
    /// `status.phase`: `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`.
    pub phase: Option<Box<str>>,
    /// `status.qosClass`: `Guaranteed`, `Burstable`, `BestEffort`.
    pub qos: Option<Box<str>>,
    /// `status.podIP`, the first address.
    pub ip: Option<Box<str>>,
    /// Annotation `kubernetes.io/config.hash`, which only static pods have: the uid in the name of their cgroup.
    pub config_hash: Option<Box<str>>,
    /// `spec.hostNetwork`.
    pub host_network: bool,
    /// `status.startTime` in milliseconds since the Unix epoch: the time at which the kubelet accepted the pod.
    pub start_unix_ms: Option<i64>,
    /// `status.conditions`: type and status.
    pub conditions: Texts,
    /// `metadata.labels` by key, within [`MetadataFilter::label_bytes`].
    pub labels: Texts,
    /// Number of labels that do not fit into [`MetadataFilter::label_bytes`]: the largest ones.
    pub labels_left_out: u32,
    /// The requested ones of `metadata.annotations`, by key, within [`MetadataFilter::annotation_bytes`].
    pub annotations: Texts,
    /// Number of requested annotations that do not fit into [`MetadataFilter::annotation_bytes`].
    pub annotations_left_out: u32,
    /// `metadata.ownerReferences` in order.
    pub owners: Vec<Owner>,
    /// `spec.overhead`: resources of the runtime class in addition to those of the containers.
    pub overhead: Amounts,
    /// `spec.resources.requests` (pod level, Kubernetes 1.32), as the scheduler counts them during a resize.
    pub requests: Amounts,
    /// `spec.resources.limits` (pod level), as applied.
    pub limits: Amounts,
    /// All containers: main containers first, then init containers and sidecars, then ephemeral ones, each in the pod's
    /// order.
    pub containers: Vec<Container>,
}

/// An owner reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Kind, such as `ReplicaSet`.
    pub kind: Box<str>,
    /// Name.
    pub name: Box<str>,
}

/// Amounts of CPU and memory; absent if not set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Thousandths of a core, rounded up.
    pub cpu_millicores: Option<u64>,
    /// Bytes, rounded up.
    pub memory_bytes: Option<u64>,
}

/// A container of a pod.
#[derive(Clone, Debug, PartialEq)]
pub struct Container {
    /// Name, unique in the pod.
    pub name: Box<str>,
    /// Role of the container in the pod.
    pub kind: ContainerKind,
    /// Image from the pod's specification, or the running image if the specification has none.
    pub image: Option<Box<str>>,
    /// Runtime, the part of `containerID` before `://`: `containerd`, `cri-o`, `docker`.
    pub runtime: Option<Box<str>>,
    /// Id of the newest container of this name under that runtime; absent before the first start.
    pub id: Option<Box<str>>,
    /// State; absent if the kubelet has no status for it yet.
    pub state: Option<ContainerState>,
    /// `state.running.startedAt` in milliseconds since the Unix epoch.
    pub started_unix_ms: Option<i64>,
    /// `lastState.terminated.reason`: the reason why the previous container of this name ended.
    pub last_termination_reason: Option<Box<str>>,
    /// `restartCount`; absent if the kubelet has no status for it yet.
    pub restarts: Option<u64>,
    /// `resources.requests`, as the scheduler counts them during an in-place resize.
    pub requests: Amounts,
    /// `resources.limits`, as applied: from the container's status if present there, else from the specification.
    pub limits: Amounts,
    /// `resources.limits` of `ephemeral-storage` in the specification, bytes, rounded up. It cannot be resized in place.
    pub ephemeral_storage_limit_bytes: Option<u64>,
}

/// Role of a container in its pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerKind {
    /// One of `spec.containers`.
    Main,
    /// Runs to completion before the main containers start.
    Init,
    /// An init container with `restartPolicy: Always`: starts in the order of the init containers and keeps running.
    Sidecar,
    /// Added to the running pod for debugging.
    Ephemeral,
}

impl ContainerKind {
    /// Returns the value of the attribute `container.kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Init => "init",
            Self::Sidecar => "sidecar",
            Self::Ephemeral => "ephemeral",
        }
    }
}

/// State of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerState {
    /// The container runs.
    Running,
    /// The container does not run yet, or not again; with the reason (`CrashLoopBackOff`, `ErrImagePull`), if given.
    Waiting(Option<Box<str>>),
    /// The container ended; with the reason (`Completed`, `Error`, `OOMKilled`), if given.
    Terminated(Option<Box<str>>),
}

impl ContainerState {
    /// Returns the value of the attribute `container.state`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting(_) => "waiting",
            Self::Terminated(_) => "terminated",
        }
    }

    /// Returns the reason why the container waits or ended.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Running => None,
            Self::Waiting(reason) | Self::Terminated(reason) => reason.as_deref(),
        }
    }
}
