//! Writes readings into a batch under the raw metric names.

use insights_batch::{Builder, EntityId, StringId};

use crate::cgroup::files::IoOperations;
use crate::cgroup::reading::{At, Bounds, PRESSURES, Reading};
use crate::filesystems::Sizes;
use crate::pairing::Counters;
use crate::proc::net_dev::Interface;
use crate::proc::pressure::Pressure;

macro_rules! figures {
    ($($name:ident = $text:literal,)*) => {
        /// A value with a raw metric name; see docs/raw-metrics.md.
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Figure { $($name,)* }

        const NAMES: &[&str] = &[$($text,)*];
    };
}

figures! {
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
}

/// PSI names as (some, full), in the order of [`PRESSURES`].
const PSI: [(Figure, Figure); PRESSURES.len()] = [
    (Figure::PsiCpuSome, Figure::PsiCpuFull),
    (Figure::PsiMemorySome, Figure::PsiMemoryFull),
    (Figure::PsiIoSome, Figure::PsiIoFull),
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

    fn name(&mut self, figure: Figure) -> StringId {
        let index = figure as usize;
        *self.ids[index].get_or_insert_with(|| self.builder.intern(NAMES[index]))
    }

    pub(crate) fn gauge(&mut self, entity: EntityId, figure: Figure, value: Option<f64>) {
        if let Some(value) = value {
            let name = self.name(figure);
            self.builder.gauge_id(entity, name, value);
        }
    }

    fn whole(&mut self, entity: EntityId, figure: Figure, value: Option<u64>) {
        self.gauge(entity, figure, value.map(|value| value as f64));
    }

    fn counter(
        &mut self,
        entity: EntityId,
        counters: &mut Counters<'_>,
        figure: Figure,
        value: Option<At<u64>>,
    ) {
        if let Some(At { value, read_at_ns }) = value {
            let previous = counters.pair(NAMES[figure as usize], value, read_at_ns);
            let name = self.name(figure);
            self.builder.counter_id(entity, name, value, previous);
        }
    }

    /// Emits a cgroup reading without block I/O.
    pub(crate) fn reading(&mut self, entity: EntityId, counters: &mut Counters<'_>, reading: &Reading) {
        use Figure as F;
        self.counter(entity, counters, F::CpuUsage, reading.cpu_usage_ns);
        self.counter(entity, counters, F::CpuUser, reading.cpu_user_ns);
        self.counter(entity, counters, F::CpuSystem, reading.cpu_system_ns);
        self.whole(entity, F::MemoryUsage, reading.memory_usage);
        self.whole(entity, F::MemoryMaxUsage, reading.memory_max_usage);
        let (memory, at) = (&reading.memory.value, reading.memory.read_at_ns);
        self.whole(entity, F::MemoryCache, memory.cache);
        self.whole(entity, F::MemoryRss, memory.rss);
        self.whole(entity, F::MemoryMappedFile, memory.mapped_file);
        self.whole(entity, F::MemorySwap, memory.swap);
        self.whole(entity, F::MemoryInactiveFile, memory.inactive_file);
        let mut memory_counter = |figure, value: Option<u64>| {
            self.counter(entity, counters, figure, value.map(|value| At { value, read_at_ns: at }));
        };
        memory_counter(F::MemoryPgfault, memory.pgfault);
        memory_counter(F::MemoryPgmajfault, memory.pgmajfault);
        memory_counter(F::MemoryHierarchicalPgfault, memory.hierarchical_pgfault);
        memory_counter(F::MemoryHierarchicalPgmajfault, memory.hierarchical_pgmajfault);
        self.counter(entity, counters, F::MemoryFailcnt, reading.memory_failcnt);
        for ((some, full), pressure) in PSI.into_iter().zip(reading.pressure) {
            self.pressure(entity, counters, (some, full), pressure);
        }
    }

    /// Emits the values that only pod and container cgroups have.
    pub(crate) fn cgroup_only(&mut self, entity: EntityId, counters: &mut Counters<'_>, reading: &Reading) {
        use Figure as F;
        self.counter(entity, counters, F::CpuPeriods, reading.cpu_periods);
        self.counter(entity, counters, F::CpuThrottledPeriods, reading.cpu_throttled_periods);
        self.counter(entity, counters, F::CpuThrottled, reading.cpu_throttled_ns);
        self.counter(entity, counters, F::MemoryOomKills, reading.oom_kills);
        self.whole(entity, F::PidsCurrent, reading.pids);
    }

    pub(crate) fn bounds(&mut self, entity: EntityId, bounds: &Bounds) {
        self.gauge(entity, Figure::CpuQuota, bounds.cpu_quota_millicores);
        self.whole(entity, Figure::CpuShares, bounds.cpu_shares);
        self.whole(entity, Figure::CpuWeight, bounds.cpu_weight);
        self.whole(entity, Figure::MemoryLimit, bounds.memory_limit);
        self.whole(entity, Figure::MemorySoftLimit, bounds.memory_soft_limit);
        self.whole(entity, Figure::PidsLimit, bounds.pids);
    }

    /// Emits bytes of one device or of the sum over all devices.
    pub(crate) fn io_bytes(
        &mut self,
        entity: EntityId,
        counters: &mut Counters<'_>,
        bytes: &IoOperations,
        read_at_ns: u64,
    ) {
        use Figure as F;
        let figures = [F::IoReadBytes, F::IoWriteBytes, F::IoSyncBytes, F::IoAsyncBytes, F::IoTotalBytes];
        self.operations(entity, counters, figures, bytes, read_at_ns);
    }

    /// Emits request counts, as [`Emitter::io_bytes`] does bytes.
    pub(crate) fn io_requests(
        &mut self,
        entity: EntityId,
        counters: &mut Counters<'_>,
        requests: &IoOperations,
        read_at_ns: u64,
    ) {
        use Figure as F;
        let figures = [F::IoReads, F::IoWrites, F::IoSyncs, F::IoAsyncs, F::IoTotalOps];
        self.operations(entity, counters, figures, requests, read_at_ns);
    }

    fn operations(
        &mut self,
        entity: EntityId,
        counters: &mut Counters<'_>,
        figures: [Figure; 5],
        operations: &IoOperations,
        read_at_ns: u64,
    ) {
        let IoOperations { read, write, sync, r#async, total } = *operations;
        for (figure, value) in figures.into_iter().zip([read, write, sync, r#async, total]) {
            self.counter(entity, counters, figure, value.map(|value| At { value, read_at_ns }));
        }
    }

    pub(crate) fn interface(
        &mut self,
        entity: EntityId,
        counters: &mut Counters<'_>,
        interface: &Interface<'_>,
        read_at_ns: u64,
    ) {
        use Figure as F;
        for (figure, value) in [
            (F::RxBytes, interface.rx_bytes),
            (F::RxPackets, interface.rx_packets),
            (F::RxErrors, interface.rx_errors),
            (F::RxDropped, interface.rx_dropped),
            (F::TxBytes, interface.tx_bytes),
            (F::TxPackets, interface.tx_packets),
            (F::TxErrors, interface.tx_errors),
            (F::TxDropped, interface.tx_dropped),
        ] {
            self.counter(entity, counters, figure, Some(At { value, read_at_ns }));
        }
    }

    pub(crate) fn filesystem(&mut self, entity: EntityId, sizes: &Sizes) {
        self.whole(entity, Figure::FsCapacity, sizes.capacity);
        self.whole(entity, Figure::FsFree, sizes.free);
        self.whole(entity, Figure::FsAvailable, sizes.available);
        self.whole(entity, Figure::FsInodes, sizes.inodes);
        self.whole(entity, Figure::FsInodesFree, sizes.inodes_free);
    }

    fn pressure(
        &mut self,
        entity: EntityId,
        counters: &mut Counters<'_>,
        (some, full): (Figure, Figure),
        pressure: Option<At<Pressure>>,
    ) {
        if let Some(pressure) = pressure {
            self.counter(entity, counters, some, pressure.map(|pressure| pressure.some_us).transpose());
            self.counter(entity, counters, full, pressure.map(|pressure| pressure.full_us).transpose());
        }
    }
}
