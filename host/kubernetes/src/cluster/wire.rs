//! Fields of the API server's objects. All are optional: Go's encoder does not distinguish absent, null and empty.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::pods::wire::{Owner, Time};
use crate::text::{List, Object, Pairs, Text};

/// An object of which only the names are read.
#[derive(Deserialize)]
pub(super) struct Named<'a> {
    #[serde(borrow)]
    pub(super) metadata: Option<Object<Names<'a>>>,
}

#[derive(Deserialize)]
pub(super) struct Namespace<'a> {
    #[serde(borrow)]
    pub(super) metadata: Option<Object<NamespaceMetadata<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NamespaceMetadata<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    pub(super) deletion_timestamp: Option<Text<'a>>,
}

/// Names that identify an object.
#[derive(Deserialize)]
pub(super) struct Names<'a> {
    #[serde(borrow)]
    pub(super) uid: Option<Text<'a>>,
    pub(super) name: Option<Text<'a>>,
    pub(super) namespace: Option<Text<'a>>,
}

/// An object of which the names and the phase are read.
#[derive(Deserialize)]
pub(super) struct Phased<'a> {
    #[serde(borrow)]
    pub(super) metadata: Option<Object<Names<'a>>>,
    pub(super) status: Option<Object<PhaseStatus<'a>>>,
}

#[derive(Deserialize)]
pub(super) struct PhaseStatus<'a> {
    #[serde(borrow)]
    pub(super) phase: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Pod<'a> {
    #[serde(borrow)]
    pub(super) metadata: Option<Object<PodMetadata<'a>>>,
    pub(super) spec: Option<Object<PodSpec<'a>>>,
    pub(super) status: Option<Object<PodStatus<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodMetadata<'a> {
    #[serde(borrow)]
    pub(super) uid: Option<Text<'a>>,
    pub(super) name: Option<Text<'a>>,
    pub(super) namespace: Option<Text<'a>>,
    pub(super) labels: Option<Pairs<'a>>,
    pub(super) owner_references: Option<List<Object<Owner<'a>>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodSpec<'a> {
    #[serde(borrow)]
    pub(super) node_name: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodStatus<'a> {
    #[serde(borrow)]
    pub(super) phase: Option<Text<'a>>,
    pub(super) qos_class: Option<Text<'a>>,
    pub(super) conditions: Option<List<Object<Condition<'a>>>>,
}

#[derive(Deserialize)]
pub(super) struct Condition<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<Text<'a>>,
    pub(super) status: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Node<'a> {
    #[serde(borrow)]
    pub(super) metadata: Option<Object<NodeMetadata<'a>>>,
    pub(super) status: Option<Object<NodeStatus<'a>>>,
}

#[derive(Deserialize)]
pub(super) struct NodeMetadata<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    pub(super) labels: Option<Pairs<'a>>,
}

#[derive(Deserialize)]
pub(super) struct NodeStatus<'a> {
    #[serde(borrow)]
    pub(super) conditions: Option<List<Object<Condition<'a>>>>,
}

#[derive(Deserialize)]
pub(super) struct EndpointSlice<'a> {
    #[serde(borrow)]
    pub(super) metadata: Option<Object<SliceMetadata<'a>>>,
    pub(super) endpoints: Option<List<Object<Endpoint<'a>>>>,
}

#[derive(Deserialize)]
pub(super) struct SliceMetadata<'a> {
    #[serde(borrow)]
    pub(super) uid: Option<Text<'a>>,
    pub(super) namespace: Option<Text<'a>>,
    pub(super) labels: Option<SliceLabels<'a>>,
}

#[derive(Deserialize)]
pub(super) struct SliceLabels<'a> {
    #[serde(borrow, rename = "kubernetes.io/service-name")]
    pub(super) service: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Endpoint<'a> {
    pub(super) conditions: Option<Object<EndpointConditions>>,
    #[serde(borrow)]
    pub(super) target_ref: Option<Object<Target<'a>>>,
}

#[derive(Deserialize)]
pub(super) struct EndpointConditions {
    pub(super) ready: Option<bool>,
}

#[derive(Deserialize)]
pub(super) struct Target<'a> {
    #[serde(borrow)]
    pub(super) kind: Option<Text<'a>>,
    pub(super) namespace: Option<Text<'a>>,
    pub(super) name: Option<Text<'a>>,
}

/// A Deployment, DaemonSet, StatefulSet or ReplicaSet: the union of their fields.
#[derive(Deserialize)]
pub(super) struct Workload<'a> {
    #[serde(borrow)]
    pub(super) metadata: Option<Object<WorkloadMetadata<'a>>>,
    pub(super) spec: Option<Object<WorkloadSpec>>,
    pub(super) status: Option<Object<WorkloadStatus>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WorkloadMetadata<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    pub(super) namespace: Option<Text<'a>>,
    pub(super) owner_references: Option<List<Object<Owner<'a>>>>,
}

#[derive(Clone, Copy, Deserialize)]
pub(super) struct WorkloadSpec {
    pub(super) replicas: Option<u32>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WorkloadStatus {
    pub(super) replicas: Option<u32>,
    pub(super) ready_replicas: Option<u32>,
    pub(super) available_replicas: Option<u32>,
    pub(super) unavailable_replicas: Option<u32>,
    pub(super) desired_number_scheduled: Option<u32>,
    pub(super) current_number_scheduled: Option<u32>,
    pub(super) number_ready: Option<u32>,
    pub(super) number_available: Option<u32>,
    pub(super) number_unavailable: Option<u32>,
}

#[derive(Deserialize)]
pub(super) struct Job<'a> {
    #[serde(borrow)]
    pub(super) metadata: Option<Object<JobMetadata<'a>>>,
    pub(super) spec: Option<Object<JobSpec>>,
    pub(super) status: Option<Object<JobStatus<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobMetadata<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    pub(super) namespace: Option<Text<'a>>,
    pub(super) owner_references: Option<List<Object<OwnerReference<'a>>>>,
}

#[derive(Deserialize)]
pub(super) struct OwnerReference<'a> {
    #[serde(borrow)]
    pub(super) kind: Option<Text<'a>>,
    pub(super) name: Option<Text<'a>>,
    pub(super) controller: Option<bool>,
}

#[derive(Deserialize)]
pub(super) struct JobSpec {
    pub(super) completions: Option<u32>,
    pub(super) parallelism: Option<u32>,
    pub(super) suspend: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobStatus<'a> {
    pub(super) active: Option<u32>,
    pub(super) succeeded: Option<u32>,
    pub(super) failed: Option<u32>,
    pub(super) start_time: Option<Time>,
    pub(super) completion_time: Option<Time>,
    #[serde(borrow)]
    pub(super) conditions: Option<List<Object<JobCondition<'a>>>>,
}

#[derive(Deserialize)]
pub(super) struct JobCondition<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<Text<'a>>,
    pub(super) status: Option<Text<'a>>,
    pub(super) reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct CronJob<'a> {
    #[serde(borrow)]
    pub(super) metadata: Option<Object<Names<'a>>>,
    pub(super) spec: Option<Object<CronJobSpec<'a>>>,
    pub(super) status: Option<Object<CronJobStatus>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CronJobSpec<'a> {
    #[serde(borrow)]
    pub(super) schedule: Option<Text<'a>>,
    pub(super) time_zone: Option<Text<'a>>,
    pub(super) concurrency_policy: Option<Text<'a>>,
    pub(super) suspend: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CronJobStatus {
    pub(super) active: Option<List<IgnoredAny>>,
    pub(super) last_schedule_time: Option<Time>,
    pub(super) last_successful_time: Option<Time>,
}
