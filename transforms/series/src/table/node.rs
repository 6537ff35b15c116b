//! Families of node_exporter, as far as the batch has the facts.

use super::{NO_LABELS, family, row};
use crate::family::{Family, Kind, On, Row, Rows, Source};
use crate::value::Value::{self, *};

const NODE: &[On] = &[On::Node];

const fn counter(
    name: &'static str,
    on: &'static [On],
    rows: &'static [Row],
    help: &'static str,
) -> Family<'static> {
    family(Kind::Counter, Source::NodeExporter, name, on, rows, help)
}

const fn gauge(
    name: &'static str,
    on: &'static [On],
    rows: &'static [Row],
    help: &'static str,
) -> Family<'static> {
    family(Kind::Gauge, Source::NodeExporter, name, on, rows, help)
}

const fn one(value: Value) -> Row {
    row(value, NO_LABELS)
}

const fn traffic(name: &'static str, rows: &'static [Row], help: &'static str) -> Family<'static> {
    counter(name, &[On::NodeInterface], rows, help)
}

const fn filesystem(name: &'static str, rows: &'static [Row], help: &'static str) -> Family<'static> {
    gauge(name, &[On::NodeFs], rows, help)
}

const fn disk(name: &'static str, rows: &'static [Row], help: &'static str) -> Family<'static> {
    counter(name, &[On::NodeDisk], rows, help)
}

const fn mode(name: &'static str, labels: &'static [(&'static str, &'static str)]) -> Row {
    row(Counter(name, 1e9), labels)
}

pub(super) static FAMILIES: &[Family<'static>] = &[
    counter(
        "node_cpu_seconds_total",
        &[On::NodeCpu],
        &[
            mode("cputime.user_ns", &[("mode", "user")]),
            mode("cputime.nice_ns", &[("mode", "nice")]),
            mode("cputime.system_ns", &[("mode", "system")]),
            mode("cputime.idle_ns", &[("mode", "idle")]),
            mode("cputime.iowait_ns", &[("mode", "iowait")]),
            mode("cputime.irq_ns", &[("mode", "irq")]),
            mode("cputime.softirq_ns", &[("mode", "softirq")]),
            mode("cputime.steal_ns", &[("mode", "steal")]),
        ],
        "Time of the CPU by mode, in seconds.",
    ),
    gauge("node_load1", NODE, &[one(Gauge("load.1m", 1.0))], "Load average over 1 minute."),
    gauge("node_load5", NODE, &[one(Gauge("load.5m", 1.0))], "Load average over 5 minutes."),
    gauge("node_load15", NODE, &[one(Gauge("load.15m", 1.0))], "Load average over 15 minutes."),
    gauge(
        "node_boot_time_seconds",
        NODE,
        &[one(Gauge("start.boot_unix_ms", 1e3))],
        "Time of boot, in seconds since the Unix epoch.",
    ),
    gauge(
        "node_memory_MemTotal_bytes",
        NODE,
        &[one(Gauge("node.memory_total_bytes", 1.0))],
        "MemTotal of /proc/meminfo.",
    ),
    gauge(
        "node_memory_MemAvailable_bytes",
        NODE,
        &[one(Gauge("node.memory_available_bytes", 1.0))],
        "MemAvailable of /proc/meminfo.",
    ),
    Family {
        rows: Rows::Each("meminfo."),
        ..gauge("node_memory_NAME", NODE, &[], "A row of /proc/meminfo.")
    },
    counter(
        "node_pressure_cpu_waiting_seconds_total",
        NODE,
        &[one(Counter("psi.cpu.some_us", 1e6))],
        "Time during which processes waited for the CPU, in seconds.",
    ),
    counter(
        "node_pressure_memory_waiting_seconds_total",
        NODE,
        &[one(Counter("psi.memory.some_us", 1e6))],
        "Time during which processes waited for memory, in seconds.",
    ),
    counter(
        "node_pressure_memory_stalled_seconds_total",
        NODE,
        &[one(Counter("psi.memory.full_us", 1e6))],
        "Time during which no process could make progress for lack of memory, in seconds.",
    ),
    counter(
        "node_pressure_io_waiting_seconds_total",
        NODE,
        &[one(Counter("psi.io.some_us", 1e6))],
        "Time during which processes waited for I/O, in seconds.",
    ),
    counter(
        "node_pressure_io_stalled_seconds_total",
        NODE,
        &[one(Counter("psi.io.full_us", 1e6))],
        "Time during which no process could make progress because of I/O, in seconds.",
    ),
    traffic(
        "node_network_receive_bytes_total",
        &[one(Counter("network.rx_bytes", 1.0))],
        "Bytes received, of /proc/net/dev.",
    ),
    traffic(
        "node_network_receive_packets_total",
        &[one(Counter("network.rx_packets", 1.0))],
        "Packets received, of /proc/net/dev.",
    ),
    traffic(
        "node_network_receive_errs_total",
        &[one(Counter("network.rx_errors", 1.0))],
        "Errors while receiving, of /proc/net/dev.",
    ),
    traffic(
        "node_network_receive_drop_total",
        &[one(Counter("network.rx_dropped", 1.0))],
        "Packets dropped while receiving, of /proc/net/dev.",
    ),
    traffic(
        "node_network_transmit_bytes_total",
        &[one(Counter("network.tx_bytes", 1.0))],
        "Bytes transmitted, of /proc/net/dev.",
    ),
    traffic(
        "node_network_transmit_packets_total",
        &[one(Counter("network.tx_packets", 1.0))],
        "Packets transmitted, of /proc/net/dev.",
    ),
    traffic(
        "node_network_transmit_errs_total",
        &[one(Counter("network.tx_errors", 1.0))],
        "Errors while transmitting, of /proc/net/dev.",
    ),
    traffic(
        "node_network_transmit_drop_total",
        &[one(Counter("network.tx_dropped", 1.0))],
        "Packets dropped while transmitting, of /proc/net/dev.",
    ),
    filesystem(
        "node_filesystem_size_bytes",
        &[one(Gauge("fs.capacity_bytes", 1.0))],
        "Size of the file system.",
    ),
    filesystem(
        "node_filesystem_free_bytes",
        &[one(Gauge("fs.free_bytes", 1.0))],
        "Free space of the file system.",
    ),
    filesystem(
        "node_filesystem_avail_bytes",
        &[one(Gauge("fs.available_bytes", 1.0))],
        "Space that is available to other users than root.",
    ),
    filesystem(
        "node_filesystem_files",
        &[one(Gauge("fs.inodes", 1.0))],
        "Number of inodes of the file system.",
    ),
    filesystem(
        "node_filesystem_files_free",
        &[one(Gauge("fs.inodes_free", 1.0))],
        "Number of free inodes of the file system.",
    ),
    disk(
        "node_disk_read_bytes_total",
        &[one(CounterElse("diskstats.read_bytes", "io.read_bytes", 1.0))],
        "Bytes read successfully.",
    ),
    disk(
        "node_disk_written_bytes_total",
        &[one(CounterElse("diskstats.write_bytes", "io.write_bytes", 1.0))],
        "Bytes written successfully.",
    ),
    disk(
        "node_disk_reads_completed_total",
        &[one(CounterElse("diskstats.reads_completed", "io.reads", 1.0))],
        "Reads completed successfully.",
    ),
    disk(
        "node_disk_writes_completed_total",
        &[one(CounterElse("diskstats.writes_completed", "io.writes", 1.0))],
        "Writes completed successfully.",
    ),
    disk(
        "node_disk_reads_merged_total",
        &[one(Counter("diskstats.reads_merged", 1.0))],
        "Reads merged with another one.",
    ),
    disk(
        "node_disk_writes_merged_total",
        &[one(Counter("diskstats.writes_merged", 1.0))],
        "Writes merged with another one.",
    ),
    disk(
        "node_disk_read_time_seconds_total",
        &[one(Counter("diskstats.read_time_ms", 1e3))],
        "Time of all reads, in seconds.",
    ),
    disk(
        "node_disk_write_time_seconds_total",
        &[one(Counter("diskstats.write_time_ms", 1e3))],
        "Time of all writes, in seconds.",
    ),
    gauge(
        "node_disk_io_now",
        &[On::NodeDisk],
        &[one(Gauge("diskstats.io_now", 1.0))],
        "Requests in progress.",
    ),
    disk(
        "node_disk_io_time_seconds_total",
        &[one(Counter("diskstats.io_time_ms", 1e3))],
        "Time with I/O in progress, in seconds.",
    ),
    disk(
        "node_disk_io_time_weighted_seconds_total",
        &[one(Counter("diskstats.io_time_weighted_ms", 1e3))],
        "Time with I/O in progress, weighted by the number of requests, in seconds.",
    ),
    disk(
        "node_disk_discards_completed_total",
        &[one(Counter("diskstats.discards_completed", 1.0))],
        "Discards completed successfully.",
    ),
    disk(
        "node_disk_discards_merged_total",
        &[one(Counter("diskstats.discards_merged", 1.0))],
        "Discards merged with another one.",
    ),
    disk(
        "node_disk_discarded_sectors_total",
        &[one(Counter("diskstats.discard_bytes", 512.0))],
        "Sectors of 512 bytes discarded successfully.",
    ),
    disk(
        "node_disk_discard_time_seconds_total",
        &[one(Counter("diskstats.discard_time_ms", 1e3))],
        "Time of all discards, in seconds.",
    ),
    disk(
        "node_disk_flush_requests_total",
        &[one(Counter("diskstats.flushes_completed", 1.0))],
        "Flushes completed successfully.",
    ),
    disk(
        "node_disk_flush_requests_time_seconds_total",
        &[one(Counter("diskstats.flush_time_ms", 1e3))],
        "Time of all flushes, in seconds.",
    ),
];
