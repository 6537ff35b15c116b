//! I/O metrics of block devices.

use insights_sdk::{Entity, Name};

use crate::metrics::{Metric, Prefix, Publisher};
use crate::raw::{Raw, counter, per_second};

/// Publishes reads and writes of one device.
pub(crate) fn publish(out: &mut Publisher<'_>, disk: Entity<'_>, prefix: Prefix, raw: &Raw) {
    for (metric, name) in [
        (Metric::IoBytesRead, raw.read_bytes),
        (Metric::IoBytesWrite, raw.write_bytes),
        (Metric::IoBytesSync, raw.sync_bytes),
        (Metric::IoBytesAsync, raw.async_bytes),
        (Metric::IoServicedRead, raw.reads),
        (Metric::IoServicedWrite, raw.writes),
        (Metric::IoServicedSync, raw.syncs),
        (Metric::IoServicedAsync, raw.asyncs),
    ] {
        out.publish(disk, prefix, metric, per_second(disk, name));
    }
    let bytes = total(disk, raw.total_bytes, [raw.read_bytes, raw.write_bytes]);
    let operations = total(disk, raw.total_ops, [raw.reads, raw.writes]);
    out.publish_each(disk, prefix, &[Metric::IoBytesTotal, Metric::IoServicedTotal], &[bytes, operations]);
}

/// Returns the total rate. cgroup v1 has a counter for it; on v2 it is the sum of reads and writes.
#[inline(never)]
fn total(disk: Entity<'_>, total: Name, [reads, writes]: [Name; 2]) -> Option<f64> {
    match counter(disk, total) {
        Some(counter) => counter.per_second(),
        None => Some(per_second(disk, reads)? + per_second(disk, writes)?),
    }
}
