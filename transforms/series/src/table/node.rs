//! Families of node_exporter, as far as the batch has the facts.

use super::{NO_LABELS, family, row};
use crate::family::{Family, Kind, On, Row, Source};
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

pub(super) static FAMILIES: &[Family<'static>] = &[
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
    disk("node_disk_read_bytes_total", &[one(Counter("io.read_bytes", 1.0))], "Bytes read successfully."),
    disk(
        "node_disk_written_bytes_total",
        &[one(Counter("io.write_bytes", 1.0))],
        "Bytes written successfully.",
    ),
    disk(
        "node_disk_reads_completed_total",
        &[one(Counter("io.reads", 1.0))],
        "Reads completed successfully.",
    ),
    disk(
        "node_disk_writes_completed_total",
        &[one(Counter("io.writes", 1.0))],
        "Writes completed successfully.",
    ),
];
