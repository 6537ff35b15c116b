//! Names of the published metrics, and their units.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use insights_sdk::{Batch, Entity, Name, Unit};

use crate::joined;

/// First part of a metric's name: its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prefix {
    Node,
    NodeInterface,
    Instance,
    InstanceInterface,
    Pod,
    PodInterface,
    Container,
    Cluster,
    Namespace,
    Service,
    HyperPod,
    /// Ratios of an ECS task.
    EcsTask,
    /// Metrics of an ECS container under the names of enhanced Container Insights.
    EcsContainer,
    /// No prefix.
    Bare,
}

const PREFIXES: [&str; 14] = [
    "node_",
    "node_interface_",
    "instance_",
    "instance_interface_",
    "pod_",
    "pod_interface_",
    "container_",
    "cluster_",
    "namespace_",
    "service_",
    "hyperpod_node_health_status_",
    "Task",
    "Container",
    "",
];

macro_rules! metrics {
    ($($metric:ident = $text:literal $unit:ident,)*) => {
        /// Second part of a metric's name: the measured quantity.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Metric { $($metric,)* }

        /// Names of all metrics in one text: a table of them takes four times the space.
        const TEXT: &str = concat!($($text),*);
        /// End of each name in [`TEXT`].
        const ENDS: &[u16] = &joined::ends(&[$($text.len(),)*]);
        const UNITS: &[Unit] = &[$(Unit::$unit,)*];
    };
}

metrics! {
    CpuUsageTotal = "cpu_usage_total" None,
    CpuUsageUser = "cpu_usage_user" None,
    CpuUsageSystem = "cpu_usage_system" None,
    CpuUtilization = "cpu_utilization" Percent,
    CpuLimit = "cpu_limit" None,
    CpuRequest = "cpu_request" None,
    CpuReservedCapacity = "cpu_reserved_capacity" Percent,
    CpuOverPodLimit = "cpu_utilization_over_pod_limit" Percent,
    CpuOverContainerLimit = "cpu_utilization_over_container_limit" Percent,
    MemoryUsage = "memory_usage" Bytes,
    MemoryCache = "memory_cache" Bytes,
    MemoryRss = "memory_rss" Bytes,
    MemoryMaxUsage = "memory_max_usage" Bytes,
    MemorySwap = "memory_swap" Bytes,
    MemoryFailcnt = "memory_failcnt" Count,
    MemoryMappedFile = "memory_mapped_file" Bytes,
    MemoryWorkingSet = "memory_working_set" Bytes,
    MemoryPgfault = "memory_pgfault" CountPerSecond,
    MemoryPgmajfault = "memory_pgmajfault" CountPerSecond,
    MemoryHierarchicalPgfault = "memory_hierarchical_pgfault" CountPerSecond,
    MemoryHierarchicalPgmajfault = "memory_hierarchical_pgmajfault" CountPerSecond,
    MemoryFailuresTotal = "memory_failures_total" CountPerSecond,
    MemoryUtilization = "memory_utilization" Percent,
    MemoryLimit = "memory_limit" Bytes,
    MemoryRequest = "memory_request" Bytes,
    MemoryReservedCapacity = "memory_reserved_capacity" Percent,
    MemoryOverPodLimit = "memory_utilization_over_pod_limit" Percent,
    MemoryOverContainerLimit = "memory_utilization_over_container_limit" Percent,
    NetworkRxBytes = "network_rx_bytes" BytesPerSecond,
    NetworkRxPackets = "network_rx_packets" CountPerSecond,
    NetworkRxErrors = "network_rx_errors" CountPerSecond,
    NetworkRxDropped = "network_rx_dropped" CountPerSecond,
    NetworkTxBytes = "network_tx_bytes" BytesPerSecond,
    NetworkTxPackets = "network_tx_packets" CountPerSecond,
    NetworkTxErrors = "network_tx_errors" CountPerSecond,
    NetworkTxDropped = "network_tx_dropped" CountPerSecond,
    NetworkTotalBytes = "network_total_bytes" BytesPerSecond,
    UplinkRxBytes = "network_uplink_rx_bytes" BytesPerSecond,
    UplinkRxPackets = "network_uplink_rx_packets" CountPerSecond,
    UplinkRxErrors = "network_uplink_rx_errors" CountPerSecond,
    UplinkRxDropped = "network_uplink_rx_dropped" CountPerSecond,
    UplinkTxBytes = "network_uplink_tx_bytes" BytesPerSecond,
    UplinkTxPackets = "network_uplink_tx_packets" CountPerSecond,
    UplinkTxErrors = "network_uplink_tx_errors" CountPerSecond,
    UplinkTxDropped = "network_uplink_tx_dropped" CountPerSecond,
    UplinkTotalBytes = "network_uplink_total_bytes" BytesPerSecond,
    IoBytesRead = "diskio_io_service_bytes_read" BytesPerSecond,
    IoBytesWrite = "diskio_io_service_bytes_write" BytesPerSecond,
    IoBytesSync = "diskio_io_service_bytes_sync" BytesPerSecond,
    IoBytesAsync = "diskio_io_service_bytes_async" BytesPerSecond,
    IoBytesTotal = "diskio_io_service_bytes_total" BytesPerSecond,
    IoServicedRead = "diskio_io_serviced_read" CountPerSecond,
    IoServicedWrite = "diskio_io_serviced_write" CountPerSecond,
    IoServicedSync = "diskio_io_serviced_sync" CountPerSecond,
    IoServicedAsync = "diskio_io_serviced_async" CountPerSecond,
    IoServicedTotal = "diskio_io_serviced_total" CountPerSecond,
    FilesystemUsage = "filesystem_usage" Bytes,
    FilesystemCapacity = "filesystem_capacity" Bytes,
    FilesystemAvailable = "filesystem_available" Bytes,
    FilesystemUtilization = "filesystem_utilization" Percent,
    FilesystemInodes = "filesystem_inodes" Count,
    FilesystemInodesFree = "filesystem_inodes_free" Count,
    RunningPods = "number_of_running_pods" Count,
    RunningContainers = "number_of_running_containers" Count,
    RunningTasks = "number_of_running_tasks" Count,
    Containers = "number_of_containers" Count,
    Restarts = "number_of_container_restarts" Count,
    StatusPending = "status_pending" Count,
    StatusRunning = "status_running" Count,
    StatusSucceeded = "status_succeeded" Count,
    StatusFailed = "status_failed" Count,
    StatusReady = "status_ready" Count,
    StatusScheduled = "status_scheduled" Count,
    StatusUnknown = "status_unknown" Count,
    ContainersRunning = "container_status_running" Count,
    ContainersWaiting = "container_status_waiting" Count,
    ContainersTerminated = "container_status_terminated" Count,
    WaitingCrashLoop = "container_status_waiting_reason_crash_loop_back_off" Count,
    WaitingImagePull = "container_status_waiting_reason_image_pull_error" Count,
    WaitingStart = "container_status_waiting_reason_start_error" Count,
    WaitingCreate = "container_status_waiting_reason_create_container_error" Count,
    WaitingCreateConfig = "container_status_waiting_reason_create_container_config_error" Count,
    TerminatedOom = "container_status_terminated_reason_oom_killed" Count,
    ConditionReady = "status_condition_ready" Count,
    ConditionDiskPressure = "status_condition_disk_pressure" Count,
    ConditionMemoryPressure = "status_condition_memory_pressure" Count,
    ConditionPidPressure = "status_condition_pid_pressure" Count,
    ConditionNetworkUnavailable = "status_condition_network_unavailable" Count,
    ConditionUnknown = "status_condition_unknown" Count,
    CapacityPods = "status_capacity_pods" Count,
    AllocatablePods = "status_allocatable_pods" Count,
    Heartbeat = "heartbeat" Count,
    KubeletAge = "kubelet_age" Milliseconds,
    ApiAge = "api_age" Milliseconds,
    Nodes = "node_count" Count,
    FailedNodes = "failed_node_count" Count,
    ReplicasDesired = "replicas_desired" Count,
    ReplicasReady = "replicas_ready" Count,
    ReplicasAvailable = "status_replicas_available" Count,
    ReplicasUnavailable = "status_replicas_unavailable" Count,
    Schedulable = "schedulable" Count,
    Unschedulable = "unschedulable" Count,
    PendingReplacement = "unschedulable_pending_replacement" Count,
    PendingReboot = "unschedulable_pending_reboot" Count,
    EcsCpuUtilized = "CpuUtilized" None,
    EcsCpuReserved = "CpuReserved" None,
    EcsCpuUtilization = "CpuUtilization" Percent,
    EcsMemoryUtilized = "MemoryUtilized" Megabytes,
    EcsMemoryReserved = "MemoryReserved" Megabytes,
    EcsMemoryUtilization = "MemoryUtilization" Percent,
    EcsStorageReadBytes = "StorageReadBytes" Bytes,
    EcsStorageWriteBytes = "StorageWriteBytes" Bytes,
    EcsEphemeralStorageReserved = "EphemeralStorageReserved" Gigabytes,
    EcsEphemeralStorageUtilized = "EphemeralStorageUtilized" Gigabytes,
    EcsEphemeralStorageUtilization = "EphemeralStorageUtilization" Percent,
    EcsNetworkRxBytes = "NetworkRxBytes" BytesPerSecond,
    EcsNetworkRxPackets = "NetworkRxPackets" CountPerSecond,
    EcsNetworkRxErrors = "NetworkRxErrors" CountPerSecond,
    EcsNetworkRxDropped = "NetworkRxDropped" CountPerSecond,
    EcsNetworkTxBytes = "NetworkTxBytes" BytesPerSecond,
    EcsNetworkTxPackets = "NetworkTxPackets" CountPerSecond,
    EcsNetworkTxErrors = "NetworkTxErrors" CountPerSecond,
    EcsNetworkTxDropped = "NetworkTxDropped" CountPerSecond,
    EcsRestartCount = "RestartCount" Count,
    EcsUnhealthy = "UnHealthyContainerHealthStatus" Count,
}

/// A publisher of metrics; each name is built when it is first needed.
pub(crate) struct Publisher<'b> {
    batch: &'b Batch,
    names: Vec<Option<Name>>,
    text: String,
    count: usize,
}

impl<'b> Publisher<'b> {
    pub(crate) fn new(batch: &'b Batch) -> Self {
        let names = vec![None; PREFIXES.len() * UNITS.len()];
        Self { batch, names, text: String::new(), count: 0 }
    }

    /// Publishes a metric; unknown values and values that are not finite are left out.
    #[inline(never)]
    pub(crate) fn publish(&mut self, entity: Entity<'_>, prefix: Prefix, metric: Metric, value: Option<f64>) {
        let Some(value) = value.filter(|value| value.is_finite()) else { return };
        entity.publish(self.name(prefix, metric), value, UNITS[metric as usize]);
        self.count += 1;
    }

    /// Publishes metrics with their values; unknown values are left out.
    #[inline(never)]
    pub(crate) fn publish_all(
        &mut self,
        entity: Entity<'_>,
        prefix: Prefix,
        values: &[(Metric, Option<f64>)],
    ) {
        for &(metric, value) in values {
            self.publish(entity, prefix, metric, value);
        }
    }

    /// Publishes `values`, each under the metric at the same position; unknown values are left out.
    #[inline(never)]
    pub(crate) fn publish_each(
        &mut self,
        entity: Entity<'_>,
        prefix: Prefix,
        metrics: &[Metric],
        values: &[Option<f64>],
    ) {
        for (&metric, &value) in metrics.iter().zip(values) {
            self.publish(entity, prefix, metric, value);
        }
    }

    fn name(&mut self, prefix: Prefix, metric: Metric) -> Name {
        let slot = &mut self.names[prefix as usize * UNITS.len() + metric as usize];
        let (scratch, batch) = (&mut self.text, self.batch);
        *slot.get_or_insert_with(|| {
            scratch.clear();
            scratch.push_str(PREFIXES[prefix as usize]);
            scratch.push_str(joined::part(TEXT, ENDS, metric as usize));
            batch.name(scratch)
        })
    }

    /// Publishes a raw gauge unchanged. Its row is renamed and reused, unless raw metrics are kept.
    pub(crate) fn publish_raw(
        &mut self,
        entity: Entity<'_>,
        raw: Name,
        prefix: Prefix,
        metric: Metric,
        keep_raw: bool,
    ) {
        let value = entity.gauge(raw);
        if !keep_raw {
            let name = self.name(prefix, metric);
            entity.rename_gauge(raw, name);
        }
        self.publish(entity, prefix, metric, value);
    }

    /// Returns the number of metrics published so far.
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}

/// Returns `part` in percent of `whole`, or `None` without a positive `whole`: a limit of 0 means no limit.
pub(crate) fn percent(part: Option<f64>, whole: Option<f64>) -> Option<f64> {
    let whole = whole.filter(|&whole| whole > 0.0)?;
    Some(part? / whole * 100.0)
}
