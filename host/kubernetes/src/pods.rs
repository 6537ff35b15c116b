//! The kubelet's `/pods`: a v1 `PodList`, less all that nothing is made of.
//!
//! An answer of 250 pods is some megabytes of JSON; what is kept of it is a tenth. The document is read pod by pod while it
//! arrives: each pod is read into borrowed fields, what counts is copied into a [`Pod`], and the rest is dropped.

mod build;
mod keep;
mod read;
mod resize;
#[cfg(test)]
mod tests;
pub(crate) mod wire;

use crate::problem::Problems;

pub use keep::Keep;
pub use read::{PodReader, parse, parse_keeping};

/// The pods of a node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodList {
    /// By namespace, name and uid: the kubelet's own order is that of a hash map.
    pub pods: Vec<Pod>,
    /// Pods and fields that were left out because they are malformed.
    pub problems: Problems,
    /// Pods that were left out because there are more than a node can have, or more than fit in memory. Those that ended are
    /// the first to be left out, then the last ones by namespace, name and uid.
    pub left_out: u64,
}

/// Keys and values.
pub type Texts = Vec<(Box<str>, Box<str>)>;

/// A pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pod {
    /// `metadata.uid`. The kubelet gives static pods a uid of its own, the same as `config_hash`.
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
    /// Annotation `kubernetes.io/config.hash`, which only static pods have: the uid that names their cgroup.
    pub config_hash: Option<Box<str>>,
    /// `spec.hostNetwork`.
    pub host_network: bool,
    /// `status.startTime`, milliseconds since the Unix epoch: when the kubelet accepted the pod.
    pub start_unix_ms: Option<i64>,
    /// `status.conditions`: type and status.
    pub conditions: Texts,
    /// `metadata.labels` by key, bounded.
    pub labels: Texts,
    /// Labels that do not fit into [`Keep::label_bytes`]: the largest.
    pub labels_left_out: u32,
    /// `metadata.annotations` whose key was asked for, by key, bounded.
    pub annotations: Texts,
    /// Annotations that were asked for and do not fit into [`Keep::annotation_bytes`].
    pub annotations_left_out: u32,
    /// `metadata.ownerReferences` in order.
    pub owners: Vec<Owner>,
    /// `spec.overhead`: what the runtime class takes beside the containers.
    pub overhead: Amounts,
    /// `spec.resources.requests` (pod level, Kubernetes 1.32), as the scheduler counts them during a resize.
    pub requests: Amounts,
    /// `spec.resources.limits` (pod level), as applied.
    pub limits: Amounts,
    /// All containers: main ones first, then init containers and sidecars, then ephemeral ones, each in the pod's order.
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

/// Resources that are set somewhere.
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
    /// What it is for.
    pub kind: Kind,
    /// The image as the pod's author wrote it; the one that runs where the spec has none.
    pub image: Option<Box<str>>,
    /// Runtime, the part of `containerID` before `://`: `containerd`, `cri-o`, `docker`.
    pub runtime: Option<Box<str>>,
    /// Id under that runtime; absent before the first start. Of the newest container under this name.
    pub id: Option<Box<str>>,
    /// What it does; absent when the kubelet has no status for it yet.
    pub state: Option<State>,
    /// `lastState.terminated.reason`: why the container before this one ended.
    pub last_termination_reason: Option<Box<str>>,
    /// `restartCount`; absent when the kubelet has no status for it yet.
    pub restarts: Option<u64>,
    /// `resources.requests`, as the scheduler counts them during a resize in place.
    pub requests: Amounts,
    /// `resources.limits`, as applied: of the container's status where it has them, else of the specification.
    pub limits: Amounts,
}

/// What a container is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One of `spec.containers`.
    Main,
    /// Runs to its end before the main ones start.
    Init,
    /// An init container with `restartPolicy: Always`: starts in their order and stays.
    Sidecar,
    /// Added to the running pod for debugging.
    Ephemeral,
}

impl Kind {
    /// Value of the attribute `container.kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Init => "init",
            Self::Sidecar => "sidecar",
            Self::Ephemeral => "ephemeral",
        }
    }
}

/// What a container does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It runs.
    Running,
    /// It does not run yet, or not again; the reason (`CrashLoopBackOff`, `ErrImagePull`) where there is one.
    Waiting(Option<Box<str>>),
    /// It ended; the reason (`Completed`, `Error`, `OOMKilled`) where there is one.
    Terminated(Option<Box<str>>),
}

impl State {
    /// Value of the attribute `container.state`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting(_) => "waiting",
            Self::Terminated(_) => "terminated",
        }
    }

    /// Why it waits, or why it ended.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Running => None,
            Self::Waiting(reason) | Self::Terminated(reason) => reason.as_deref(),
        }
    }
}
