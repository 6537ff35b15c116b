//! The declarations of the Container Insights agents: basic and enhanced EKS, ECS instances.
//!
//! Not among them are names that nothing publishes, or that belong to accelerators and volumes, which no shipped
//! transform knows.

use alloc::borrow::Cow;

use super::Declarations;

struct Preset {
    sets: &'static [&'static [&'static str]],
    metrics: &'static [&'static str],
}

const CLUSTER: &[&str] = &["ClusterName"];
const NAMESPACE: &[&str] = &["ClusterName", "Namespace"];
const NODE: &[&str] = &["ClusterName", "InstanceId", "NodeName"];
const POD: &[&str] = &["ClusterName", "Namespace", "PodName"];
const FULL_POD: &[&str] = &["ClusterName", "FullPodName", "Namespace", "PodName"];
const SERVICE: &[&str] = &["ClusterName", "Namespace", "Service"];
const CONTAINER: &[&str] = &["ClusterName", "ContainerName", "Namespace", "PodName"];
const FULL_CONTAINER: &[&str] = &["ClusterName", "ContainerName", "FullPodName", "Namespace", "PodName"];
const INSTANCE: &[&str] = &["ClusterName", "ContainerInstanceId", "InstanceId"];

const POD_USAGE: &[&str] = &[
    "pod_cpu_utilization",
    "pod_cpu_utilization_over_pod_limit",
    "pod_memory_utilization",
    "pod_memory_utilization_over_pod_limit",
    "pod_network_rx_bytes",
    "pod_network_tx_bytes",
];

const BASIC: &[Preset] = &[
    Preset {
        sets: &[NODE, CLUSTER],
        metrics: &[
            "node_cpu_reserved_capacity",
            "node_cpu_utilization",
            "node_heartbeat",
            "node_memory_reserved_capacity",
            "node_memory_utilization",
            "node_network_total_bytes",
            "node_number_of_running_containers",
            "node_number_of_running_pods",
        ],
    },
    Preset {
        sets: &[CLUSTER],
        metrics: &["node_cpu_limit", "node_cpu_usage_total", "node_memory_limit", "node_memory_working_set"],
    },
    Preset { sets: &[POD, CLUSTER, SERVICE, NAMESPACE], metrics: POD_USAGE },
    Preset { sets: &[POD], metrics: &["pod_number_of_container_restarts"] },
    Preset { sets: &[POD, CLUSTER], metrics: &["pod_cpu_reserved_capacity", "pod_memory_reserved_capacity"] },
    Preset { sets: &[NODE, CLUSTER], metrics: &["node_filesystem_utilization"] },
    Preset { sets: &[SERVICE, CLUSTER], metrics: &["service_number_of_running_pods"] },
    Preset { sets: &[NAMESPACE, CLUSTER], metrics: &["namespace_number_of_running_pods"] },
    Preset {
        sets: &[CLUSTER],
        metrics: &["cluster_failed_node_count", "cluster_heartbeat", "cluster_node_count"],
    },
];

const ENHANCED: &[Preset] = &[
    Preset {
        sets: &[CLUSTER, FULL_CONTAINER, CONTAINER],
        metrics: &[
            "container_cpu_limit",
            "container_cpu_request",
            "container_cpu_utilization",
            "container_cpu_utilization_over_container_limit",
            "container_filesystem_available",
            "container_filesystem_usage",
            "container_filesystem_utilization",
            "container_memory_failures_total",
            "container_memory_limit",
            "container_memory_request",
            "container_memory_utilization",
            "container_memory_utilization_over_container_limit",
        ],
    },
    Preset { sets: &[POD, CLUSTER, SERVICE, NAMESPACE, FULL_POD], metrics: POD_USAGE },
    Preset {
        sets: &[POD, CLUSTER, FULL_POD, SERVICE],
        metrics: &[
            "pod_container_status_running",
            "pod_container_status_terminated",
            "pod_container_status_terminated_reason_oom_killed",
            "pod_container_status_waiting",
            "pod_container_status_waiting_reason_crash_loop_back_off",
            "pod_container_status_waiting_reason_create_container_config_error",
            "pod_container_status_waiting_reason_create_container_error",
            "pod_container_status_waiting_reason_image_pull_error",
            "pod_container_status_waiting_reason_start_error",
            "pod_cpu_limit",
            "pod_cpu_request",
            "pod_cpu_reserved_capacity",
            "pod_cpu_usage_total",
            "pod_memory_limit",
            "pod_memory_request",
            "pod_memory_reserved_capacity",
            "pod_memory_working_set",
            "pod_number_of_container_restarts",
            "pod_number_of_containers",
            "pod_number_of_running_containers",
            "pod_status_failed",
            "pod_status_pending",
            "pod_status_ready",
            "pod_status_running",
            "pod_status_scheduled",
            "pod_status_succeeded",
            "pod_status_unknown",
        ],
    },
    Preset {
        sets: &[FULL_POD, POD, NAMESPACE, CLUSTER],
        metrics: &["pod_interface_network_rx_dropped", "pod_interface_network_tx_dropped"],
    },
    Preset {
        sets: &[NODE, CLUSTER],
        metrics: &[
            "node_cpu_limit",
            "node_cpu_reserved_capacity",
            "node_cpu_usage_total",
            "node_cpu_utilization",
            "node_heartbeat",
            "node_memory_limit",
            "node_memory_reserved_capacity",
            "node_memory_utilization",
            "node_memory_working_set",
            "node_network_total_bytes",
            "node_number_of_running_containers",
            "node_number_of_running_pods",
            "node_status_allocatable_pods",
            "node_status_capacity_pods",
            "node_status_condition_disk_pressure",
            "node_status_condition_memory_pressure",
            "node_status_condition_network_unavailable",
            "node_status_condition_pid_pressure",
            "node_status_condition_ready",
            "node_status_condition_unknown",
        ],
    },
    Preset {
        sets: &[NODE, CLUSTER],
        metrics: &[
            "hyperpod_node_health_status_schedulable",
            "hyperpod_node_health_status_unschedulable",
            "hyperpod_node_health_status_unschedulable_pending_reboot",
            "hyperpod_node_health_status_unschedulable_pending_replacement",
            "node_diskio_io_service_bytes_total",
            "node_diskio_io_serviced_total",
            "node_interface_network_rx_dropped",
            "node_interface_network_tx_dropped",
        ],
    },
    Preset {
        sets: &[NODE, CLUSTER],
        metrics: &["node_filesystem_inodes", "node_filesystem_inodes_free", "node_filesystem_utilization"],
    },
    Preset { sets: &[SERVICE, CLUSTER], metrics: &["service_number_of_running_pods"] },
    Preset {
        sets: &[POD, CLUSTER],
        metrics: &[
            "replicas_desired",
            "replicas_ready",
            "status_replicas_available",
            "status_replicas_unavailable",
        ],
    },
    Preset { sets: &[NAMESPACE, CLUSTER], metrics: &["namespace_number_of_running_pods"] },
    Preset {
        sets: &[CLUSTER],
        metrics: &[
            "cluster_failed_node_count",
            "cluster_heartbeat",
            "cluster_node_count",
            "cluster_number_of_running_pods",
        ],
    },
];

const ECS: &[Preset] = &[
    Preset {
        sets: &[INSTANCE, CLUSTER],
        metrics: &[
            "instance_cpu_reserved_capacity",
            "instance_cpu_utilization",
            "instance_filesystem_utilization",
            "instance_heartbeat",
            "instance_memory_reserved_capacity",
            "instance_memory_utilization",
            "instance_network_total_bytes",
            "instance_number_of_running_tasks",
        ],
    },
    Preset {
        sets: &[CLUSTER],
        metrics: &[
            "instance_cpu_limit",
            "instance_cpu_usage_total",
            "instance_memory_limit",
            "instance_memory_working_set",
        ],
    },
];

/// The declarations that hold where none are configured. The names of EKS and ECS have nothing in common, so both can
/// stand beside each other.
pub(crate) fn declarations(enhanced: bool) -> Declarations {
    let mut declarations = Declarations::default();
    for preset in if enhanced { ENHANCED } else { BASIC }.iter().chain(ECS) {
        declarations.begin();
        for set in preset.sets {
            declarations.add_set(set.iter().copied().map(Cow::Borrowed).collect());
        }
        for name in preset.metrics {
            declarations.add_name(Cow::Borrowed(name));
        }
    }
    declarations.finish();
    declarations
}
