//! Metrics of network interfaces and of file systems, which have a row for each.

use super::raw_metric::Unit;

/// Raw names of an interface's counters, in the order of emission.
pub(super) const NETWORK: [&str; 8] = [
    "network.rx_bytes",
    "network.rx_packets",
    "network.rx_errors",
    "network.rx_dropped",
    "network.tx_bytes",
    "network.tx_packets",
    "network.tx_errors",
    "network.tx_dropped",
];

/// Returns the index of a metric in [`NETWORK`].
pub(super) fn network(metric: &str) -> Option<usize> {
    Some(match metric {
        "container_network_receive_bytes_total" => 0,
        "container_network_receive_packets_total" => 1,
        "container_network_receive_errors_total" => 2,
        "container_network_receive_packets_dropped_total" => 3,
        "container_network_transmit_bytes_total" => 4,
        "container_network_transmit_packets_total" => 5,
        "container_network_transmit_errors_total" => 6,
        "container_network_transmit_packets_dropped_total" => 7,
        _ => return None,
    })
}

/// Raw names of a file system's gauges, in the order of emission.
pub(super) const FILESYSTEM: [&str; 4] =
    ["fs.capacity_bytes", "fs.used_bytes", "fs.inodes", "fs.inodes_free"];

/// Returns the index of a metric in [`FILESYSTEM`], and its unit: a capacity of 0 means that it is unknown.
pub(super) fn filesystem(metric: &str) -> Option<(usize, Unit)> {
    Some(match metric {
        "container_fs_limit_bytes" => (0, Unit::Positive),
        "container_fs_usage_bytes" => (1, Unit::Number),
        "container_fs_inodes_total" => (2, Unit::Positive),
        "container_fs_inodes_free" => (3, Unit::Number),
        _ => return None,
    })
}
