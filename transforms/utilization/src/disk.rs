//! Input and output of block devices.

use insights_sdk::Entity;

use crate::metrics::{Metric, Prefix, Publisher};

/// Counters of one direction or kind: bytes, operations, and what each is published as.
const COUNTERS: [(&str, Metric); 8] = [
    ("io.read_bytes", Metric::IoBytesRead),
    ("io.write_bytes", Metric::IoBytesWrite),
    ("io.sync_bytes", Metric::IoBytesSync),
    ("io.async_bytes", Metric::IoBytesAsync),
    ("io.reads", Metric::IoServicedRead),
    ("io.writes", Metric::IoServicedWrite),
    ("io.syncs", Metric::IoServicedSync),
    ("io.asyncs", Metric::IoServicedAsync),
];

/// Publishes what was read from and written to one device.
pub(crate) fn publish(out: &mut Publisher<'_>, disk: Entity<'_>, prefix: Prefix) {
    for (name, metric) in COUNTERS {
        out.publish(disk, prefix, metric, rate(disk, name));
    }
    let bytes = total(disk, "io.total_bytes", ["io.read_bytes", "io.write_bytes"]);
    out.publish(disk, prefix, Metric::IoBytesTotal, bytes);
    let operations = total(disk, "io.total_ops", ["io.reads", "io.writes"]);
    out.publish(disk, prefix, Metric::IoServicedTotal, operations);
}

/// cgroup v1 counts the total; on v2 it is what was read and what was written.
fn total(disk: Entity<'_>, total: &str, [reads, writes]: [&str; 2]) -> Option<f64> {
    match disk.counter(total) {
        Some(counter) => counter.per_second(),
        None => Some(rate(disk, reads)? + rate(disk, writes)?),
    }
}

fn rate(disk: Entity<'_>, name: &str) -> Option<f64> {
    disk.counter(name)?.per_second()
}
