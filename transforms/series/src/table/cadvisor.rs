//! Families of cAdvisor: usage of pods and containers, and of the root cgroup.

use super::{NO_LABELS, family, row};
use crate::family::{Family, Kind, On, Row, Source};
use crate::value::Value::{self, *};

const ALL: &[On] = &[On::Root, On::Pod, On::Container];
const PODS: &[On] = &[On::Pod, On::Container];
const NODE: &[On] = &[On::Node];
const LAYER: &[On] = &[On::ContainerFs];

const fn counter(
    name: &'static str,
    on: &'static [On],
    rows: &'static [Row],
    help: &'static str,
) -> Family<'static> {
    family(Kind::Counter, Source::Cadvisor, name, on, rows, help)
}

const fn gauge(
    name: &'static str,
    on: &'static [On],
    rows: &'static [Row],
    help: &'static str,
) -> Family<'static> {
    family(Kind::Gauge, Source::Cadvisor, name, on, rows, help)
}

const fn one(value: Value) -> Row {
    row(value, NO_LABELS)
}

const fn traffic(name: &'static str, rows: &'static [Row], help: &'static str) -> Family<'static> {
    counter(name, &[On::PodInterface], rows, help)
}

pub(super) static FAMILIES: &[Family<'static>] = &[
    counter(
        "container_cpu_usage_seconds_total",
        ALL,
        &[row(Counter("cpu.usage_ns", 1e9), &[("cpu", "total")])],
        "Cumulative CPU time consumed, in seconds.",
    ),
    counter(
        "container_cpu_user_seconds_total",
        ALL,
        &[one(Counter("cpu.user_ns", 1e9))],
        "Cumulative CPU time in user mode, in seconds.",
    ),
    counter(
        "container_cpu_system_seconds_total",
        ALL,
        &[one(Counter("cpu.system_ns", 1e9))],
        "Cumulative CPU time in kernel mode, in seconds.",
    ),
    counter(
        "container_cpu_cfs_periods_total",
        PODS,
        &[one(Throttle("cpu.periods", 1.0))],
        "Number of elapsed enforcement periods.",
    ),
    counter(
        "container_cpu_cfs_throttled_periods_total",
        PODS,
        &[one(Throttle("cpu.throttled_periods", 1.0))],
        "Number of periods in which the limit was reached.",
    ),
    counter(
        "container_cpu_cfs_throttled_seconds_total",
        PODS,
        &[one(Throttle("cpu.throttled_ns", 1e9))],
        "Time during which the container was throttled, in seconds.",
    ),
    gauge(
        "container_memory_usage_bytes",
        ALL,
        &[one(Gauge("memory.usage_bytes", 1.0))],
        "Memory usage including all memory, whenever it was accessed.",
    ),
    gauge(
        "container_memory_working_set_bytes",
        ALL,
        &[one(WorkingSet)],
        "Memory usage without inactive file pages.",
    ),
    gauge("container_memory_rss", ALL, &[one(Gauge("memory.rss_bytes", 1.0))], "Anonymous memory, in bytes."),
    gauge("container_memory_cache", ALL, &[one(Gauge("memory.cache_bytes", 1.0))], "Page cache, in bytes."),
    gauge(
        "container_memory_mapped_file",
        ALL,
        &[one(Gauge("memory.mapped_file_bytes", 1.0))],
        "Memory-mapped files, in bytes.",
    ),
    gauge("container_memory_swap", ALL, &[one(Gauge("memory.swap_bytes", 1.0))], "Swap usage, in bytes."),
    gauge(
        "container_memory_max_usage_bytes",
        ALL,
        &[one(Gauge("memory.max_usage_bytes", 1.0))],
        "Largest memory usage so far.",
    ),
    gauge(
        "container_memory_total_inactive_file_bytes",
        ALL,
        &[one(Gauge("memory.inactive_file_bytes", 1.0))],
        "File pages that were not used recently.",
    ),
    counter(
        "container_memory_failcnt",
        ALL,
        &[one(Counter("memory.failcnt", 1.0))],
        "Number of times that memory usage hit the limit.",
    ),
    counter(
        "container_memory_failures_total",
        ALL,
        &[
            row(Counter("memory.pgfault", 1.0), &[("failure_type", "pgfault"), ("scope", "container")]),
            row(Counter("memory.pgmajfault", 1.0), &[("failure_type", "pgmajfault"), ("scope", "container")]),
            row(
                Counter("memory.hierarchical_pgfault", 1.0),
                &[("failure_type", "pgfault"), ("scope", "hierarchy")],
            ),
            row(
                Counter("memory.hierarchical_pgmajfault", 1.0),
                &[("failure_type", "pgmajfault"), ("scope", "hierarchy")],
            ),
        ],
        "Cumulative count of memory allocation failures.",
    ),
    counter(
        "container_oom_events_total",
        PODS,
        &[one(Counter("memory.oom_kills", 1.0))],
        "Count of processes killed for lack of memory.",
    ),
    counter(
        "container_fs_reads_bytes_total",
        PODS,
        &[one(Counter("io.read_bytes", 1.0))],
        "Cumulative count of bytes read.",
    ),
    counter(
        "container_fs_writes_bytes_total",
        PODS,
        &[one(Counter("io.write_bytes", 1.0))],
        "Cumulative count of bytes written.",
    ),
    counter(
        "container_fs_reads_total",
        PODS,
        &[one(Counter("io.reads", 1.0))],
        "Cumulative count of reads completed.",
    ),
    counter(
        "container_fs_writes_total",
        PODS,
        &[one(Counter("io.writes", 1.0))],
        "Cumulative count of writes completed.",
    ),
    gauge(
        "container_fs_limit_bytes",
        LAYER,
        &[one(Gauge("fs.capacity_bytes", 1.0))],
        "Size of the file system of the container.",
    ),
    gauge(
        "container_fs_usage_bytes",
        LAYER,
        &[one(Sum("fs.used_bytes", "fs.logs_used_bytes"))],
        "Bytes that the container consumes on this file system.",
    ),
    gauge("container_fs_inodes_total", LAYER, &[one(Gauge("fs.inodes", 1.0))], "Number of inodes."),
    gauge(
        "container_fs_inodes_free",
        LAYER,
        &[one(Gauge("fs.inodes_free", 1.0))],
        "Number of available inodes.",
    ),
    traffic(
        "container_network_receive_bytes_total",
        &[one(Counter("network.rx_bytes", 1.0))],
        "Cumulative count of bytes received.",
    ),
    traffic(
        "container_network_receive_packets_total",
        &[one(Counter("network.rx_packets", 1.0))],
        "Cumulative count of packets received.",
    ),
    traffic(
        "container_network_receive_packets_dropped_total",
        &[one(Counter("network.rx_dropped", 1.0))],
        "Cumulative count of packets dropped while receiving.",
    ),
    traffic(
        "container_network_receive_errors_total",
        &[one(Counter("network.rx_errors", 1.0))],
        "Cumulative count of errors encountered while receiving.",
    ),
    traffic(
        "container_network_transmit_bytes_total",
        &[one(Counter("network.tx_bytes", 1.0))],
        "Cumulative count of bytes transmitted.",
    ),
    traffic(
        "container_network_transmit_packets_total",
        &[one(Counter("network.tx_packets", 1.0))],
        "Cumulative count of packets transmitted.",
    ),
    traffic(
        "container_network_transmit_packets_dropped_total",
        &[one(Counter("network.tx_dropped", 1.0))],
        "Cumulative count of packets dropped while transmitting.",
    ),
    traffic(
        "container_network_transmit_errors_total",
        &[one(Counter("network.tx_errors", 1.0))],
        "Cumulative count of errors encountered while transmitting.",
    ),
    counter(
        "container_pressure_cpu_waiting_seconds_total",
        PODS,
        &[one(Counter("psi.cpu.some_us", 1e6))],
        "Time during which tasks waited for the CPU, in seconds.",
    ),
    counter(
        "container_pressure_cpu_stalled_seconds_total",
        PODS,
        &[one(Counter("psi.cpu.full_us", 1e6))],
        "Time during which all tasks waited for the CPU, in seconds.",
    ),
    counter(
        "container_pressure_memory_waiting_seconds_total",
        PODS,
        &[one(Counter("psi.memory.some_us", 1e6))],
        "Time during which tasks waited for memory, in seconds.",
    ),
    counter(
        "container_pressure_memory_stalled_seconds_total",
        PODS,
        &[one(Counter("psi.memory.full_us", 1e6))],
        "Time during which all tasks waited for memory, in seconds.",
    ),
    counter(
        "container_pressure_io_waiting_seconds_total",
        PODS,
        &[one(Counter("psi.io.some_us", 1e6))],
        "Time during which tasks waited for I/O, in seconds.",
    ),
    counter(
        "container_pressure_io_stalled_seconds_total",
        PODS,
        &[one(Counter("psi.io.full_us", 1e6))],
        "Time during which all tasks waited for I/O, in seconds.",
    ),
    gauge("container_threads", PODS, &[one(Gauge("pids.current", 1.0))], "Number of threads."),
    gauge(
        "container_threads_max",
        PODS,
        &[one(Gauge("pids.limit", 1.0))],
        "Maximum number of threads allowed.",
    ),
    gauge("container_spec_cpu_quota", PODS, &[one(Quota)], "CPU quota of a period, in microseconds."),
    gauge("container_spec_cpu_period", PODS, &[one(Period)], "CPU period of the quota, in microseconds."),
    gauge("container_spec_cpu_shares", PODS, &[one(Shares)], "CPU shares."),
    gauge(
        "container_spec_memory_limit_bytes",
        PODS,
        &[one(Gauge("memory.limit_bytes", 1.0))],
        "Memory limit.",
    ),
    gauge(
        "container_spec_memory_reservation_limit_bytes",
        PODS,
        &[one(Gauge("memory.soft_limit_bytes", 1.0))],
        "Memory reservation limit.",
    ),
    gauge(
        "container_start_time_seconds",
        PODS,
        &[one(GaugeElse("start.container_unix_ms", "pod.start_unix_ms", 1e3))],
        "Start time, in seconds since the Unix epoch.",
    ),
    gauge("machine_cpu_cores", NODE, &[one(Gauge("node.cpu_count", 1.0))], "Number of logical CPUs."),
    gauge(
        "machine_memory_bytes",
        NODE,
        &[one(Gauge("node.memory_total_bytes", 1.0))],
        "Memory of the machine.",
    ),
];
