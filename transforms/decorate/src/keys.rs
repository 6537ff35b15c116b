//! Names used on many entities, looked up once per call.

use insights_sdk::{Batch, Entity, Name};

macro_rules! keys {
    ($($field:ident = $text:literal,)*) => {
        /// Handles of attribute keys.
        pub(crate) struct Keys {
            $(pub(crate) $field: Name,)*
        }

        impl Keys {
            pub(crate) fn new(batch: &Batch) -> Self {
                // A loop over a table takes half of the code of a call for each name.
                const TEXTS: &[&str] = &[$($text,)*];
                let mut names = [batch.name(TEXTS[0]); TEXTS.len()];
                for (name, text) in names.iter_mut().zip(TEXTS) {
                    *name = batch.name(text);
                }
                let [$($field,)*] = names;
                Self { $($field,)* }
            }
        }
    };
}

keys! {
    kind = "Type",
    sources = "Sources",
    cluster_name = "ClusterName",
    raw_cluster_name = "cluster.name",
    node_name = "NodeName",
    instance_id = "InstanceId",
    instance_type = "InstanceType",
    autoscaling_group = "AutoScalingGroupName",
    container_instance_id = "ContainerInstanceId",
    launch_type = "LaunchType",
    raw_node_name = "node.name",
    stream_node_name = "k8s.node.name",
    raw_instance_type = "node.instance_type",
    raw_health_status = "label.sagemaker.amazonaws.com/node-health-status",
    fstype = "fstype",
    filesystem_type = "filesystem_type",
    raw_fs_type = "fs.type",
    device = "device",
    ebs_id = "EBSVolumeId",
    raw_ebs_id = "volume.ebs_id",
    persistent_ebs_id = "ebs_volume_id",
    raw_persistent_ebs_id = "volume.persistent_ebs_id",
    namespace = "Namespace",
    pod_name = "PodName",
    full_pod_name = "FullPodName",
    service = "Service",
    raw_service = "service.name",
    raw_service_namespace = "service.namespace",
    raw_namespace = "namespace.name",
    pod_status = "pod_status",
    raw_pod_uid = "pod.uid",
    raw_pod_name = "pod.name",
    raw_pod_namespace = "pod.namespace",
    raw_pod_phase = "pod.phase",
    raw_host_network = "pod.host_network",
    network_host = "network.host",
    cgroup_role = "cgroup.role",
    cgroup_path = "cgroup.path",
    cpu_usage = "cpu.usage_ns",
    cpu_nanocores = "cpu.usage_nanocores",
    memory_usage = "memory.usage_bytes",
    memory_working_set = "memory.working_set_bytes",
    container_name = "ContainerName",
    container_status = "container_status",
    container_status_reason = "container_status_reason",
    container_last_termination_reason = "container_last_termination_reason",
    raw_container_name = "container.name",
    raw_container_id = "container.id",
    raw_container_runtime = "container.runtime",
    raw_container_kind = "container.kind",
    raw_container_state = "container.state",
    raw_container_state_reason = "container.state.reason",
    raw_last_termination_reason = "container.last_termination_reason",
    workload_kind = "workload.kind",
    workload_name = "workload.name",
    workload_namespace = "workload.namespace",
    template_hash = "label.pod-template-hash",
    rollout_hash = "label.rollouts-pod-template-hash",
}

// Each lookup walks a chain of rows. As separate functions the lookups are in the component once instead of at each call
// site.

/// Returns the text of an attribute.
#[inline(never)]
pub(crate) fn attribute<'b>(entity: Entity<'b>, key: Name) -> Option<&'b str> {
    entity.attribute(key)
}

/// Returns the text of an attribute as a handle.
#[inline(never)]
pub(crate) fn value(entity: Entity<'_>, key: Name) -> Option<Name> {
    entity.attribute_name(key)
}

/// Sets an attribute to a text.
#[inline(never)]
pub(crate) fn set(entity: Entity<'_>, key: Name, value: Name) {
    entity.set_attribute_name(key, value);
}

/// Copies an attribute, if it is there.
pub(crate) fn copy(from: Entity<'_>, key: Name, to: Entity<'_>, new_key: Name) {
    if let Some(value) = value(from, key) {
        set(to, new_key, value);
    }
}

/// Copies an attribute unless it is missing or empty.
pub(crate) fn copy_text(from: Entity<'_>, key: Name, to: Entity<'_>, new_key: Name) {
    if let Some(value) = value(from, key).filter(|&value| !from.batch().text(value).is_empty()) {
        set(to, new_key, value);
    }
}
