//! I/O metrics of block devices.

use insights_sdk::{Entity, Name};

use crate::metrics::{Metric, Prefix, Publisher};
use crate::raw::{Raw, counter, per_second};

/// Publishes reads and writes of one device.
pub(crate) fn publish(out: &mut Publisher<'_>, disk: Entity<'_>, prefix: Prefix, raw: &Raw) {
    for (metric, rate) in [
        (Metric::IoBytesRead, per_second(disk, raw.read_bytes)),
        (Metric::IoBytesWrite, per_second(disk, raw.write_bytes)),
        (Metric::IoBytesSync, per_second(disk, raw.sync_bytes)),
        (Metric::IoBytesAsync, per_second(disk, raw.async_bytes)),
        (Metric::IoBytesTotal, total(disk, raw.total_bytes, [raw.read_bytes, raw.write_bytes])),
        (Metric::IoServicedRead, per_second(disk, raw.reads)),
        (Metric::IoServicedWrite, per_second(disk, raw.writes)),
        (Metric::IoServicedSync, per_second(disk, raw.syncs)),
        (Metric::IoServicedAsync, per_second(disk, raw.asyncs)),
        (Metric::IoServicedTotal, total(disk, raw.total_ops, [raw.reads, raw.writes])),
    ] {
        out.publish(disk, prefix, metric, rate);
    }
}

/// Returns the total rate. cgroup v1 has a counter for it; on v2 it is the sum of reads and writes.
#[inline(never)]
fn total(disk: Entity<'_>, total: Name, [reads, writes]: [Name; 2]) -> Option<f64> {
    match counter(disk, total) {
        Some(counter) => counter.per_second(),
        None => Some(per_second(disk, reads)? + per_second(disk, writes)?),
    }
}
