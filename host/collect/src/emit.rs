//! Writes readings into a batch under the raw metric names.

mod optional;

use insights_batch::{Builder, EntityId, StringId};

use crate::cgroup::reading::{At, CgroupBounds, PRESSURES, Reading};
use crate::counter_cache::Counters;
use crate::device::IoOperations;
use crate::filesystems::Sizes;
use crate::proc::net_dev::Interface;
use crate::proc::pressure::Pressure;

macro_rules! raw_metrics {
    ($($name:ident = $text:literal,)*) => {
        /// A value with a raw metric name; see docs/raw-metrics.md.
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum RawMetric { $($name,)* }

        const NAMES: &[&str] = &[$($text,)*];
    };
}

raw_metrics! {
    CpuUsage = "cpu.usage_ns",
    CpuUser = "cpu.user_ns",
    CpuSystem = "cpu.system_ns",
    CpuPeriods = "cpu.periods",
    CpuThrottledPeriods = "cpu.throttled_periods",
    CpuThrottled = "cpu.throttled_ns",
    CpuQuota = "cpu.quota_millicores",
    CpuShares = "cpu.shares",
    CpuWeight = "cpu.weight",
    CpuCount = "node.cpu_count",
    MemoryUsage = "memory.usage_bytes",
    MemoryMaxUsage = "memory.max_usage_bytes",
    MemoryFailcnt = "memory.failcnt",
    MemoryCache = "memory.cache_bytes",
    MemoryRss = "memory.rss_bytes",
    MemoryMappedFile = "memory.mapped_file_bytes",
    MemorySwap = "memory.swap_bytes",
    MemoryInactiveFile = "memory.inactive_file_bytes",
    MemoryPgfault = "memory.pgfault",
    MemoryPgmajfault = "memory.pgmajfault",
    MemoryHierarchicalPgfault = "memory.hierarchical_pgfault",
    MemoryHierarchicalPgmajfault = "memory.hierarchical_pgmajfault",
    MemoryLimit = "memory.limit_bytes",
    MemorySoftLimit = "memory.soft_limit_bytes",
    MemoryOomKills = "memory.oom_kills",
    MemoryTotal = "node.memory_total_bytes",
    MemoryAvailable = "node.memory_available_bytes",
    IoReadBytes = "io.read_bytes",
    IoWriteBytes = "io.write_bytes",
    IoSyncBytes = "io.sync_bytes",
    IoAsyncBytes = "io.async_bytes",
    IoTotalBytes = "io.total_bytes",
    IoReads = "io.reads",
    IoWrites = "io.writes",
    IoSyncs = "io.syncs",
    IoAsyncs = "io.asyncs",
    IoTotalOps = "io.total_ops",
    RxBytes = "network.rx_bytes",
    RxPackets = "network.rx_packets",
    RxErrors = "network.rx_errors",
    RxDropped = "network.rx_dropped",
    TxBytes = "network.tx_bytes",
    TxPackets = "network.tx_packets",
    TxErrors = "network.tx_errors",
    TxDropped = "network.tx_dropped",
    FsCapacity = "fs.capacity_bytes",
    FsFree = "fs.free_bytes",
    FsAvailable = "fs.available_bytes",
    FsInodes = "fs.inodes",
    FsInodesFree = "fs.inodes_free",
    PsiCpuSome = "psi.cpu.some_us",
    PsiCpuFull = "psi.cpu.full_us",
    PsiMemorySome = "psi.memory.some_us",
    PsiMemoryFull = "psi.memory.full_us",
    PsiIoSome = "psi.io.some_us",
    PsiIoFull = "psi.io.full_us",
    PidsCurrent = "pids.current",
    PidsLimit = "pids.limit",
    CpuTimeUser = "cputime.user_ns",
    CpuTimeNice = "cputime.nice_ns",
    CpuTimeSystem = "cputime.system_ns",
    CpuTimeIdle = "cputime.idle_ns",
    CpuTimeIowait = "cputime.iowait_ns",
    CpuTimeIrq = "cputime.irq_ns",
    CpuTimeSoftirq = "cputime.softirq_ns",
    CpuTimeSteal = "cputime.steal_ns",
    DiskReadsCompleted = "diskstats.reads_completed",
    DiskReadsMerged = "diskstats.reads_merged",
    DiskReadBytes = "diskstats.read_bytes",
    DiskReadTime = "diskstats.read_time_ms",
    DiskWritesCompleted = "diskstats.writes_completed",
    DiskWritesMerged = "diskstats.writes_merged",
    DiskWriteBytes = "diskstats.write_bytes",
    DiskWriteTime = "diskstats.write_time_ms",
    DiskIoNow = "diskstats.io_now",
    DiskIoTime = "diskstats.io_time_ms",
    DiskIoTimeWeighted = "diskstats.io_time_weighted_ms",
    DiskDiscardsCompleted = "diskstats.discards_completed",
    DiskDiscardsMerged = "diskstats.discards_merged",
    DiskDiscardBytes = "diskstats.discard_bytes",
    DiskDiscardTime = "diskstats.discard_time_ms",
    DiskFlushesCompleted = "diskstats.flushes_completed",
    DiskFlushTime = "diskstats.flush_time_ms",
    Load1 = "load.1m",
    Load5 = "load.5m",
    Load15 = "load.15m",
    StartBoot = "start.boot_unix_ms",
}

/// PSI names as (some, full), in the order of [`PRESSURES`].
const PSI: [(RawMetric, RawMetric); PRESSURES.len()] = [
    (RawMetric::PsiCpuSome, RawMetric::PsiCpuFull),
    (RawMetric::PsiMemorySome, RawMetric::PsiMemoryFull),
    (RawMetric::PsiIoSome, RawMetric::PsiIoFull),
];

/// Appends to one batch. Each name is interned once per batch, and only if it occurs.
pub(crate) struct Emitter<'b> {
    pub(crate) builder: &'b mut Builder,
    /// Entities of the node's file systems and disks.
    pub(crate) devices: Vec<EntityId>,
    ids: [Option<StringId>; NAMES.len()],
}

impl<'b> Emitter<'b> {
    pub(crate) fn new(builder: &'b mut Builder) -> Self {
        Self { builder, devices: Vec::new(), ids: [None; NAMES.len()] }
    }

    fn name(&mut self, metric: RawMetric) -> StringId {
        let index = metric as usize;
        *self.ids[index].get_or_insert_with(|| self.builder.intern(NAMES[index]))
    }

    pub(crate) fn gauge(&mut self, entity: EntityId, metric: RawMetric, value: Option<f64>) {
        if let Some(value) = value {
            let name = self.name(metric);
            self.builder.gauge_id(entity, name, value);
        }
    }

    fn integer_gauge(&mut self, entity: EntityId, metric: RawMetric, value: Option<u64>) {
        self.gauge(entity, metric, value.map(|value| value as f64));
    }

    fn counter(
        &mut self,
        entity: EntityId,
        counters: &mut Counters<'_>,
        metric: RawMetric,
        value: Option<At<u64>>,
    ) {
        if let Some(At { value, read_at_ns }) = value {
            let previous = counters.record(NAMES[metric as usize], value, read_at_ns);
            let name = self.name(metric);
            self.builder.counter_id(entity, name, value, previous);
        }
    }

    /// Emits a cgroup reading without block I/O.
    pub(crate) fn reading(&mut self, entity: EntityId, counters: &mut Counters<'_>, reading: &Reading) {
        use RawMetric as M;
        self.counter(entity, counters, M::CpuUsage, reading.cpu_usage_ns);
        self.counter(entity, counters, M::CpuUser, reading.cpu_user_ns);
        self.counter(entity, counters, M::CpuSystem, reading.cpu_system_ns);
        self.integer_gauge(entity, M::MemoryUsage, reading.memory_usage);
        self.integer_gauge(entity, M::MemoryMaxUsage, reading.memory_max_usage);
        let (memory, at) = (&reading.memory.value, reading.memory.read_at_ns);
        self.integer_gauge(entity, M::MemoryCache, memory.cache);
        self.integer_gauge(entity, M::MemoryRss, memory.rss);
        self.integer_gauge(entity, M::MemoryMappedFile, memory.mapped_file);
        self.integer_gauge(entity, M::MemorySwap, memory.swap);
        self.integer_gauge(entity, M::MemoryInactiveFile, memory.inactive_file);
        let mut memory_counter = |metric, value: Option<u64>| {
            self.counter(entity, counters, metric, value.map(|value| At { value, read_at_ns: at }));
        };
        memory_counter(M::MemoryPgfault, memory.pgfault);
        memory_counter(M::MemoryPgmajfault, memory.pgmajfault);
        memory_counter(M::MemoryHierarchicalPgfault, memory.hierarchical_pgfault);
        memory_counter(M::MemoryHierarchicalPgmajfault, memory.hierarchical_pgmajfault);
        self.counter(entity, counters, M::MemoryFailcnt, reading.memory_failcnt);
        for ((some, full), pressure) in PSI.into_iter().zip(reading.pressure) {
            self.pressure(entity, counters, (some, full), pressure);
        }
    }

    /// Emits the values that only pod and container cgroups have.
    pub(crate) fn cgroup_only(&mut self, entity: EntityId, counters: &mut Counters<'_>, reading: &Reading) {
        use RawMetric as M;
        self.counter(entity, counters, M::CpuPeriods, reading.cpu_periods);
        self.counter(entity, counters, M::CpuThrottledPeriods, reading.cpu_throttled_periods);
        self.counter(entity, counters, M::CpuThrottled, reading.cpu_throttled_ns);
        self.counter(entity, counters, M::MemoryOomKills, reading.oom_kills);
        self.integer_gauge(entity, M::PidsCurrent, reading.pids);
    }

    pub(crate) fn bounds(&mut self, entity: EntityId, bounds: &CgroupBounds) {
        self.gauge(entity, RawMetric::CpuQuota, bounds.cpu_quota_millicores);
        self.integer_gauge(entity, RawMetric::CpuShares, bounds.cpu_shares);
        self.integer_gauge(entity, RawMetric::CpuWeight, bounds.cpu_weight);
        self.integer_gauge(entity, RawMetric::MemoryLimit, bounds.memory_limit);
        self.integer_gauge(entity, RawMetric::MemorySoftLimit, bounds.memory_soft_limit);
        self.integer_gauge(entity, RawMetric::PidsLimit, bounds.pids);
    }

    /// Emits bytes of one device or of the sum over all devices.
    pub(crate) fn io_bytes(
        &mut self,
        entity: EntityId,
        counters: &mut Counters<'_>,
        bytes: &IoOperations,
        read_at_ns: u64,
    ) {
        use RawMetric as M;
        let metrics = [M::IoReadBytes, M::IoWriteBytes, M::IoSyncBytes, M::IoAsyncBytes, M::IoTotalBytes];
        self.operations(entity, counters, metrics, bytes, read_at_ns);
    }

    /// Emits request counts, as [`Emitter::io_bytes`] does bytes.
    pub(crate) fn io_requests(
        &mut self,
        entity: EntityId,
        counters: &mut Counters<'_>,
        requests: &IoOperations,
        read_at_ns: u64,
    ) {
        use RawMetric as M;
        let metrics = [M::IoReads, M::IoWrites, M::IoSyncs, M::IoAsyncs, M::IoTotalOps];
        self.operations(entity, counters, metrics, requests, read_at_ns);
    }

    fn operations(
        &mut self,
        entity: EntityId,
        counters: &mut Counters<'_>,
        metrics: [RawMetric; 5],
        operations: &IoOperations,
        read_at_ns: u64,
    ) {
        let IoOperations { read, write, sync, r#async, total } = *operations;
        for (metric, value) in metrics.into_iter().zip([read, write, sync, r#async, total]) {
            self.counter(entity, counters, metric, value.map(|value| At { value, read_at_ns }));
        }
    }

    pub(crate) fn interface(
        &mut self,
        entity: EntityId,
        counters: &mut Counters<'_>,
        interface: &Interface<'_>,
        read_at_ns: u64,
    ) {
        use RawMetric as M;
        for (metric, value) in [
            (M::RxBytes, interface.rx_bytes),
            (M::RxPackets, interface.rx_packets),
            (M::RxErrors, interface.rx_errors),
            (M::RxDropped, interface.rx_dropped),
            (M::TxBytes, interface.tx_bytes),
            (M::TxPackets, interface.tx_packets),
            (M::TxErrors, interface.tx_errors),
            (M::TxDropped, interface.tx_dropped),
        ] {
            self.counter(entity, counters, metric, Some(At { value, read_at_ns }));
        }
    }

    pub(crate) fn filesystem(&mut self, entity: EntityId, sizes: &Sizes) {
        self.integer_gauge(entity, RawMetric::FsCapacity, sizes.capacity);
        self.integer_gauge(entity, RawMetric::FsFree, sizes.free);
        self.integer_gauge(entity, RawMetric::FsAvailable, sizes.available);
        self.integer_gauge(entity, RawMetric::FsInodes, sizes.inodes);
        self.integer_gauge(entity, RawMetric::FsInodesFree, sizes.inodes_free);
    }

    fn pressure(
        &mut self,
        entity: EntityId,
        counters: &mut Counters<'_>,
        (some, full): (RawMetric, RawMetric),
        pressure: Option<At<Pressure>>,
    ) {
        if let Some(pressure) = pressure {
            self.counter(entity, counters, some, pressure.map(|pressure| pressure.some_us).transpose());
            self.counter(entity, counters, full, pressure.map(|pressure| pressure.full_us).transpose());
        }
    }
}
