//! The published names and their units.

use alloc::string::String;
use core::cell::Cell;

use insights_sdk::{Batch, Entity, Name, Unit};

macro_rules! metrics {
    ($($variant:ident = $suffix:literal, $unit:ident;)*) => {
        /// A published figure: its name without the prefix of the event's type, and its unit.
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Metric { $($variant,)* }

        const METRICS: &[(&str, Unit)] = &[$(($suffix, Unit::$unit),)*];
    };
}

// Millicores have no unit: CloudWatch knows none.
metrics! {
    CpuUsageTotal = "cpu_usage_total", None;
    CpuUsageUser = "cpu_usage_user", None;
    CpuUsageSystem = "cpu_usage_system", None;
    CpuUtilization = "cpu_utilization", Percent;
    CpuLimit = "cpu_limit", None;
    CpuRequest = "cpu_request", None;
    CpuReservedCapacity = "cpu_reserved_capacity", Percent;
    CpuOverPodLimit = "cpu_utilization_over_pod_limit", Percent;
    CpuOverContainerLimit = "cpu_utilization_over_container_limit", Percent;
    MemoryUsage = "memory_usage", Bytes;
    MemoryCache = "memory_cache", Bytes;
    MemoryRss = "memory_rss", Bytes;
    MemoryMaxUsage = "memory_max_usage", Bytes;
    MemorySwap = "memory_swap", Bytes;
    MemoryFailcnt = "memory_failcnt", Count;
    MemoryMappedFile = "memory_mapped_file", Bytes;
    MemoryWorkingSet = "memory_working_set", Bytes;
    MemoryPgfault = "memory_pgfault", CountPerSecond;
    MemoryPgmajfault = "memory_pgmajfault", CountPerSecond;
    MemoryHierarchicalPgfault = "memory_hierarchical_pgfault", CountPerSecond;
    MemoryHierarchicalPgmajfault = "memory_hierarchical_pgmajfault", CountPerSecond;
    MemoryFailuresTotal = "memory_failures_total", CountPerSecond;
    MemoryUtilization = "memory_utilization", Percent;
    MemoryLimit = "memory_limit", Bytes;
    MemoryRequest = "memory_request", Bytes;
    MemoryReservedCapacity = "memory_reserved_capacity", Percent;
    MemoryOverPodLimit = "memory_utilization_over_pod_limit", Percent;
    MemoryOverContainerLimit = "memory_utilization_over_container_limit", Percent;
    NetworkRxBytes = "network_rx_bytes", BytesPerSecond;
    NetworkTxBytes = "network_tx_bytes", BytesPerSecond;
    NetworkRxPackets = "network_rx_packets", CountPerSecond;
    NetworkTxPackets = "network_tx_packets", CountPerSecond;
    NetworkRxDropped = "network_rx_dropped", CountPerSecond;
    NetworkTxDropped = "network_tx_dropped", CountPerSecond;
    NetworkRxErrors = "network_rx_errors", CountPerSecond;
    NetworkTxErrors = "network_tx_errors", CountPerSecond;
    NetworkTotalBytes = "network_total_bytes", BytesPerSecond;
    NetworkExternalRxBytes = "network_external_rx_bytes", BytesPerSecond;
    NetworkExternalTxBytes = "network_external_tx_bytes", BytesPerSecond;
    NetworkExternalTotalBytes = "network_external_total_bytes", BytesPerSecond;
    DiskReadBytes = "diskio_io_service_bytes_read", BytesPerSecond;
    DiskWriteBytes = "diskio_io_service_bytes_write", BytesPerSecond;
    DiskSyncBytes = "diskio_io_service_bytes_sync", BytesPerSecond;
    DiskAsyncBytes = "diskio_io_service_bytes_async", BytesPerSecond;
    DiskTotalBytes = "diskio_io_service_bytes_total", BytesPerSecond;
    DiskReads = "diskio_io_serviced_read", CountPerSecond;
    DiskWrites = "diskio_io_serviced_write", CountPerSecond;
    DiskSyncs = "diskio_io_serviced_sync", CountPerSecond;
    DiskAsyncs = "diskio_io_serviced_async", CountPerSecond;
    DiskTotalOps = "diskio_io_serviced_total", CountPerSecond;
    FilesystemUsage = "filesystem_usage", Bytes;
    FilesystemCapacity = "filesystem_capacity", Bytes;
    FilesystemAvailable = "filesystem_available", Bytes;
    FilesystemUtilization = "filesystem_utilization", Percent;
    FilesystemInodes = "filesystem_inodes", Count;
    FilesystemInodesFree = "filesystem_inodes_free", Count;
    RunningPods = "number_of_running_pods", Count;
    RunningContainers = "number_of_running_containers", Count;
    RunningTasks = "number_of_running_tasks", Count;
    Containers = "number_of_containers", Count;
    Restarts = "number_of_container_restarts", Count;
    StatusPending = "status_pending", Count;
    StatusRunning = "status_running", Count;
    StatusSucceeded = "status_succeeded", Count;
    StatusFailed = "status_failed", Count;
    StatusReady = "status_ready", Count;
    StatusScheduled = "status_scheduled", Count;
    StatusUnknown = "status_unknown", Count;
    ContainerStatusRunning = "container_status_running", Count;
    ContainerStatusWaiting = "container_status_waiting", Count;
    ContainerStatusTerminated = "container_status_terminated", Count;
    WaitingCrashLoop = "container_status_waiting_reason_crash_loop_back_off", Count;
    WaitingImagePull = "container_status_waiting_reason_image_pull_error", Count;
    WaitingStart = "container_status_waiting_reason_start_error", Count;
    WaitingCreate = "container_status_waiting_reason_create_container_error", Count;
    WaitingConfig = "container_status_waiting_reason_create_container_config_error", Count;
    TerminatedOomKilled = "container_status_terminated_reason_oom_killed", Count;
    ConditionReady = "status_condition_ready", Count;
    ConditionDiskPressure = "status_condition_disk_pressure", Count;
    ConditionMemoryPressure = "status_condition_memory_pressure", Count;
    ConditionPidPressure = "status_condition_pid_pressure", Count;
    ConditionNetworkUnavailable = "status_condition_network_unavailable", Count;
    ConditionUnknown = "status_condition_unknown", Count;
    CapacityPods = "status_capacity_pods", Count;
    AllocatablePods = "status_allocatable_pods", Count;
}

/// Publishes under the prefix of one type of events; a name is put together once a call.
pub(crate) struct Publisher<'a> {
    batch: &'a Batch,
    prefix: &'static str,
    names: [Cell<Option<Name>>; METRICS.len()],
}

impl<'a> Publisher<'a> {
    /// For events whose metrics begin with `prefix`, such as `pod_`.
    pub(crate) fn new(batch: &'a Batch, prefix: &'static str) -> Self {
        Self { batch, prefix, names: [const { Cell::new(None) }; METRICS.len()] }
    }

    /// Publishes a figure unless there is none.
    pub(crate) fn put(&self, entity: Entity<'_>, metric: Metric, value: Option<f64>) {
        let Some(value) = value else { return };
        let (suffix, unit) = METRICS[metric as usize];
        let name = self.names[metric as usize].get().unwrap_or_else(|| {
            let mut text = String::with_capacity(self.prefix.len() + suffix.len());
            text.push_str(self.prefix);
            text.push_str(suffix);
            let name = self.batch.name(&text);
            self.names[metric as usize].set(Some(name));
            name
        });
        entity.publish(name, value, unit);
    }
}
