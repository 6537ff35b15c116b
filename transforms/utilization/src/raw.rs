//! Names of raw metrics and attributes, looked up once per call.

use insights_sdk::{Batch, Counter, Entity, Name};

use crate::joined;

/// Defines a struct of handles.
macro_rules! raw {
    ($(#[$doc:meta])* $raw:ident: $($field:ident = $text:literal,)*) => {
        $(#[$doc])*
        pub(crate) struct $raw {
            $(pub(crate) $field: Name,)*
        }

        impl $raw {
            pub(crate) fn new(batch: &Batch) -> Self {
                // A loop over a table takes half of the code of a call for each name.
                const TEXT: &str = concat!($($text),*);
                const ENDS: &[u16] = &joined::ends(&[$($text.len(),)*]);
                let mut names = [batch.name(joined::part(TEXT, ENDS, 0)); ENDS.len()];
                for (at, name) in names.iter_mut().enumerate() {
                    *name = batch.name(joined::part(TEXT, ENDS, at));
                }
                let [$($field,)*] = names;
                Self { $($field,)* }
            }
        }
    };
}

raw! {
    /// Handles of raw names.
    Raw:
    kind = "Type",
    interface = "interface",
    interface_kind = "interface.kind",
    interface_master = "interface.master",
    interface_over = "interface.over",
    cpu_usage = "cpu.usage_ns",
    cpu_nanocores = "cpu.usage_nanocores",
    cpu_user = "cpu.user_ns",
    cpu_system = "cpu.system_ns",
    cpu_quota = "cpu.quota_millicores",
    memory_usage = "memory.usage_bytes",
    memory_max_usage = "memory.max_usage_bytes",
    memory_failcnt = "memory.failcnt",
    memory_cache = "memory.cache_bytes",
    memory_rss = "memory.rss_bytes",
    memory_mapped_file = "memory.mapped_file_bytes",
    memory_swap = "memory.swap_bytes",
    memory_working_set = "memory.working_set_bytes",
    memory_inactive_file = "memory.inactive_file_bytes",
    memory_limit = "memory.limit_bytes",
    pgfault = "memory.pgfault",
    pgmajfault = "memory.pgmajfault",
    hierarchical_pgfault = "memory.hierarchical_pgfault",
    hierarchical_pgmajfault = "memory.hierarchical_pgmajfault",
    rx_bytes = "network.rx_bytes",
    rx_packets = "network.rx_packets",
    rx_errors = "network.rx_errors",
    rx_dropped = "network.rx_dropped",
    tx_bytes = "network.tx_bytes",
    tx_packets = "network.tx_packets",
    tx_errors = "network.tx_errors",
    tx_dropped = "network.tx_dropped",
    read_bytes = "io.read_bytes",
    write_bytes = "io.write_bytes",
    sync_bytes = "io.sync_bytes",
    async_bytes = "io.async_bytes",
    total_bytes = "io.total_bytes",
    reads = "io.reads",
    writes = "io.writes",
    syncs = "io.syncs",
    asyncs = "io.asyncs",
    total_ops = "io.total_ops",
    fs_capacity = "fs.capacity_bytes",
    fs_free = "fs.free_bytes",
    fs_available = "fs.available_bytes",
    fs_used = "fs.used_bytes",
    fs_inodes = "fs.inodes",
    fs_inodes_free = "fs.inodes_free",
    container_kind = "container.kind",
    container_state = "container.state",
    container_state_reason = "container.state.reason",
    container_last_reason = "container.last_termination_reason",
    restarts = "container.restarts",
    container_request_cpu = "container.request_cpu_millicores",
    container_request_memory = "container.request_memory_bytes",
    container_limit_cpu = "container.limit_cpu_millicores",
    container_limit_memory = "container.limit_memory_bytes",
    pod_request_cpu = "pod.request_cpu_millicores",
    pod_request_memory = "pod.request_memory_bytes",
    pod_limit_cpu = "pod.limit_cpu_millicores",
    pod_limit_memory = "pod.limit_memory_bytes",
    overhead_cpu = "pod.overhead_cpu_millicores",
    overhead_memory = "pod.overhead_memory_bytes",
    phase = "pod.phase",
    condition_ready = "pod.condition.Ready",
    condition_scheduled = "pod.condition.PodScheduled",
    heartbeat = "agent.heartbeat",
    pods_running = "pods.phase.running",
    endpoints_ready = "endpoints.ready",
    replicas_desired = "replicas.desired",
    replicas_ready = "replicas.ready",
    replicas_available = "replicas.available",
    replicas_unavailable = "replicas.unavailable",
}

raw! {
    /// Handles of the raw names that only tasks of ECS use.
    TaskRaw:
    status = "task.status",
    limit_cpu = "task.limit_cpu_millicores",
    limit_memory = "task.limit_memory_bytes",
    storage_reserved = "task.ephemeral_storage_reserved_bytes",
    storage_used = "task.ephemeral_storage_used_bytes",
    container_limit_cpu = "container.limit_cpu_shares",
    container_health = "container.health",
    network_mode = "network.mode",
    cpu_shares = "cpu.shares",
    cpu_weight = "cpu.weight",
    memory_soft_limit = "memory.soft_limit_bytes",
}

// Each lookup walks a chain of rows. As separate functions the lookups are in the component once instead of at each of the
// hundred call sites.

/// Returns the value of a gauge.
#[inline(never)]
pub(crate) fn gauge(entity: Entity<'_>, name: Name) -> Option<f64> {
    entity.gauge(name)
}

/// Returns a counter.
#[inline(never)]
pub(crate) fn counter(entity: Entity<'_>, name: Name) -> Option<Counter> {
    entity.counter(name)
}

/// Returns the growth of a counter per second.
#[inline(never)]
pub(crate) fn per_second(entity: Entity<'_>, name: Name) -> Option<f64> {
    entity.counter(name)?.per_second()
}

/// Returns the text of an attribute.
#[inline(never)]
pub(crate) fn attribute<'b>(entity: Entity<'b>, key: Name) -> Option<&'b str> {
    entity.attribute(key)
}
