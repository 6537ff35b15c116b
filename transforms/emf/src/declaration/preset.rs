//! Declarations of the Container Insights agents: basic and enhanced EKS, EKS on Fargate, ECS instances, tasks and
//! containers.
//!
//! Excluded are names that nothing publishes, and names of accelerators and volumes, which no shipped transform produces.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::{Declarations, Only};

struct Preset {
    /// Masks of [`DIMENSIONS`].
    sets: &'static [u16],
    /// Names separated by blanks. A word that ends in `*` is the prefix of all names up to the next such word.
    metrics: &'static str,
}

/// The dimensions in use, in byte order. A set of them is a bit mask of positions.
const DIMENSIONS: [&str; 13] = [
    "ClusterName",
    "ContainerInstanceId",
    "ContainerName",
    "FullPodName",
    "InstanceId",
    "LaunchType",
    "Namespace",
    "NodeName",
    "PodName",
    "Service",
    "ServiceName",
    "TaskDefinitionFamily",
    "TaskId",
];

const CLUSTER: u16 = 1;
const CONTAINER_INSTANCE_ID: u16 = 1 << 1;
const CONTAINER_NAME: u16 = 1 << 2;
const FULL_POD_NAME: u16 = 1 << 3;
const INSTANCE_ID: u16 = 1 << 4;
const LAUNCH_TYPE: u16 = 1 << 5;
const NAMESPACE_NAME: u16 = 1 << 6;
const NODE_NAME: u16 = 1 << 7;
const POD_NAME: u16 = 1 << 8;
const SERVICE_NAME: u16 = 1 << 9;
const ECS_SERVICE_NAME: u16 = 1 << 10;
const FAMILY_NAME: u16 = 1 << 11;
const TASK_ID: u16 = 1 << 12;

const NAMESPACE: u16 = CLUSTER | NAMESPACE_NAME;
const NODE: u16 = CLUSTER | INSTANCE_ID | NODE_NAME;
const POD: u16 = NAMESPACE | POD_NAME;
const FULL_POD: u16 = POD | FULL_POD_NAME;
const SERVICE: u16 = NAMESPACE | SERVICE_NAME;
const CONTAINER: u16 = POD | CONTAINER_NAME;
const FULL_CONTAINER: u16 = FULL_POD | CONTAINER_NAME;
const INSTANCE: u16 = CLUSTER | CONTAINER_INSTANCE_ID | INSTANCE_ID;
const LAUNCH: u16 = CLUSTER | LAUNCH_TYPE;
const LAUNCH_NAMESPACE: u16 = NAMESPACE | LAUNCH_TYPE;
const LAUNCH_POD: u16 = POD | LAUNCH_TYPE;
const FAMILY: u16 = CLUSTER | FAMILY_NAME;
const ECS_SERVICE: u16 = CLUSTER | ECS_SERVICE_NAME;
const FAMILY_TASK: u16 = FAMILY | TASK_ID;
const SERVICE_TASK: u16 = ECS_SERVICE | TASK_ID;
const FAMILY_CONTAINER: u16 = FAMILY | CONTAINER_NAME;
const SERVICE_CONTAINER: u16 = ECS_SERVICE | CONTAINER_NAME;
const FAMILY_TASK_CONTAINER: u16 = FAMILY_TASK | CONTAINER_NAME;
const SERVICE_TASK_CONTAINER: u16 = SERVICE_TASK | CONTAINER_NAME;

const POD_USAGE: &str = "pod_* cpu_utilization cpu_utilization_over_pod_limit memory_utilization \
    memory_utilization_over_pod_limit network_rx_bytes network_tx_bytes";

/// First words of the presets that apply only to cluster events.
const OF_CLUSTER: [&str; 4] = ["cluster_* ", "namespace_* ", "service_* ", "* replicas_"];

const BASIC: &[Preset] = &[
    Preset {
        sets: &[NODE, CLUSTER],
        metrics: "node_* cpu_reserved_capacity cpu_utilization heartbeat memory_reserved_capacity memory_utilization \
                  network_total_bytes number_of_running_containers number_of_running_pods",
    },
    Preset { sets: &[CLUSTER], metrics: "node_* cpu_limit cpu_usage_total memory_limit memory_working_set" },
    Preset { sets: &[POD, CLUSTER, SERVICE, NAMESPACE], metrics: POD_USAGE },
    Preset { sets: &[POD], metrics: "pod_* number_of_container_restarts" },
    Preset { sets: &[POD, CLUSTER], metrics: "pod_* cpu_reserved_capacity memory_reserved_capacity" },
    Preset { sets: &[NODE, CLUSTER], metrics: "node_* filesystem_utilization" },
    Preset { sets: &[SERVICE, CLUSTER], metrics: "service_* number_of_running_pods" },
    Preset { sets: &[NAMESPACE, CLUSTER], metrics: "namespace_* number_of_running_pods" },
    Preset { sets: &[CLUSTER], metrics: "cluster_* failed_node_count heartbeat node_count" },
];

const ENHANCED: &[Preset] = &[
    Preset {
        sets: &[CLUSTER, FULL_CONTAINER, CONTAINER],
        metrics: "container_* cpu_limit cpu_request cpu_utilization cpu_utilization_over_container_limit \
                  filesystem_available filesystem_usage filesystem_utilization memory_failures_total memory_limit \
                  memory_request memory_utilization memory_utilization_over_container_limit",
    },
    Preset { sets: &[POD, CLUSTER, SERVICE, NAMESPACE, FULL_POD], metrics: POD_USAGE },
    Preset {
        sets: &[POD, CLUSTER, FULL_POD, SERVICE],
        metrics: "pod_container_status_* running terminated terminated_reason_oom_killed waiting \
                  pod_container_status_waiting_reason_* crash_loop_back_off create_container_config_error \
                  create_container_error image_pull_error start_error pod_* cpu_limit cpu_request \
                  cpu_reserved_capacity cpu_usage_total memory_limit memory_request memory_reserved_capacity \
                  memory_working_set number_of_container_restarts number_of_containers number_of_running_containers \
                  pod_status_* failed pending ready running scheduled succeeded unknown",
    },
    Preset {
        sets: &[FULL_POD, POD, NAMESPACE, CLUSTER],
        metrics: "pod_* interface_network_rx_dropped interface_network_tx_dropped",
    },
    Preset {
        sets: &[NODE, CLUSTER],
        metrics: "node_* cpu_limit cpu_reserved_capacity cpu_usage_total cpu_utilization heartbeat memory_limit \
                  memory_reserved_capacity memory_utilization memory_working_set network_total_bytes \
                  number_of_running_containers number_of_running_pods status_allocatable_pods status_capacity_pods \
                  node_status_condition_* disk_pressure memory_pressure network_unavailable pid_pressure ready unknown",
    },
    Preset {
        sets: &[NODE, CLUSTER],
        metrics: "hyperpod_node_health_status_* schedulable unschedulable unschedulable_pending_reboot \
                  unschedulable_pending_replacement node_* diskio_io_service_bytes_total diskio_io_serviced_total \
                  interface_network_rx_dropped interface_network_tx_dropped",
    },
    Preset {
        sets: &[NODE, CLUSTER],
        metrics: "node_* filesystem_inodes filesystem_inodes_free filesystem_utilization",
    },
    Preset { sets: &[SERVICE, CLUSTER], metrics: "service_* number_of_running_pods" },
    Preset {
        sets: &[POD, CLUSTER],
        metrics: "* replicas_desired replicas_ready status_replicas_available status_replicas_unavailable",
    },
    Preset { sets: &[NAMESPACE, CLUSTER], metrics: "namespace_* number_of_running_pods" },
    Preset {
        sets: &[CLUSTER],
        metrics: "cluster_* failed_node_count heartbeat node_count number_of_running_pods",
    },
];

const FARGATE: &[Preset] = &[Preset {
    sets: &[LAUNCH, LAUNCH_NAMESPACE, LAUNCH_POD],
    metrics: "pod_* cpu_limit cpu_usage_total cpu_utilization_over_pod_limit memory_limit \
              memory_utilization_over_pod_limit memory_working_set network_rx_bytes network_tx_bytes",
}];

const ECS: &[Preset] = &[
    Preset {
        sets: &[INSTANCE, CLUSTER],
        metrics: "instance_* cpu_reserved_capacity cpu_utilization filesystem_utilization heartbeat \
                  memory_reserved_capacity memory_utilization network_total_bytes number_of_running_tasks",
    },
    Preset {
        sets: &[CLUSTER],
        metrics: "instance_* cpu_limit cpu_usage_total memory_limit memory_working_set",
    },
];

const TASKS: &[Preset] = &[Preset {
    sets: &[CLUSTER, FAMILY, ECS_SERVICE],
    metrics: "CpuReserved CpuUtilized EphemeralStorageReserved EphemeralStorageUtilized MemoryReserved MemoryUtilized \
              NetworkRxBytes NetworkTxBytes StorageReadBytes StorageWriteBytes",
}];

const ENHANCED_TASKS: &[Preset] = &[Preset {
    sets: &[CLUSTER, FAMILY, ECS_SERVICE, SERVICE_TASK, FAMILY_TASK],
    metrics: "CpuReserved CpuUtilized EphemeralStorageReserved EphemeralStorageUtilized MemoryReserved MemoryUtilized \
              NetworkRxBytes NetworkTxBytes StorageReadBytes StorageWriteBytes Task* CpuUtilization \
              EphemeralStorageUtilization MemoryUtilization",
}];

const ENHANCED_CONTAINERS: &[Preset] = &[
    Preset {
        sets: &[CLUSTER, SERVICE_TASK_CONTAINER, FAMILY_TASK_CONTAINER, FAMILY_CONTAINER, SERVICE_CONTAINER],
        metrics: "Container* CpuReserved CpuUtilization CpuUtilized MemoryReserved MemoryUtilization MemoryUtilized \
                  StorageReadBytes StorageWriteBytes * UnHealthyContainerHealthStatus",
    },
    Preset {
        sets: &[CLUSTER, FAMILY, ECS_SERVICE, SERVICE_TASK, FAMILY_TASK],
        metrics: "Container* NetworkRxBytes NetworkTxBytes",
    },
    Preset {
        sets: &[
            CLUSTER,
            ECS_SERVICE,
            FAMILY,
            SERVICE_TASK,
            FAMILY_TASK,
            SERVICE_CONTAINER,
            SERVICE_TASK_CONTAINER,
            FAMILY_CONTAINER,
            FAMILY_TASK_CONTAINER,
        ],
        metrics: "RestartCount",
    },
];

/// Adds the declarations used if none are configured. The names of EKS and ECS do not overlap, so all can be active
/// together.
pub(crate) fn add(enhanced: bool, declarations: &mut Declarations) {
    let (pods, tasks, containers) = match enhanced {
        true => (ENHANCED, ENHANCED_TASKS, ENHANCED_CONTAINERS),
        false => (BASIC, TASKS, &[][..]),
    };
    for (list, only) in [
        (pods, Only::Others),
        (ECS, Only::Others),
        (FARGATE, Only::Fargate),
        (tasks, Only::Tasks),
        (containers, Only::Containers),
    ] {
        for preset in list {
            declarations.begin(false);
            let is_of_cluster = OF_CLUSTER.iter().any(|start| preset.metrics.starts_with(start));
            declarations.only(if is_of_cluster { Only::Cluster } else { only });
            for &set in preset.sets {
                let mut names = Vec::new();
                for (at, &name) in DIMENSIONS.iter().enumerate() {
                    if set >> at & 1 == 1 {
                        names.push(Cow::Borrowed(name));
                    }
                }
                declarations.add_set(names);
            }
            let mut prefix = "";
            for word in preset.metrics.split(' ') {
                match word.strip_suffix('*') {
                    Some(stands_before) => prefix = stands_before,
                    None => declarations.add_name([prefix, word].concat()),
                }
            }
        }
    }
}
