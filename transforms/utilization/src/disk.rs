//! Block devices.

use insights_sdk::Entity;

use crate::metric::{Metric, Publisher};

/// Publishes the rates of a device. Where the kernel does not count a total (cgroup v2), it is read plus written.
pub(crate) fn publish(to: &Publisher<'_>, disk: Entity<'_>) {
    let rate = |name: &str| disk.counter(name).and_then(|counter| counter.per_second());
    let sum = |a: Option<f64>, b: Option<f64>| Some(a? + b?);
    let (read_bytes, write_bytes) = (rate("io.read_bytes"), rate("io.write_bytes"));
    to.put(disk, Metric::DiskReadBytes, read_bytes);
    to.put(disk, Metric::DiskWriteBytes, write_bytes);
    to.put(disk, Metric::DiskSyncBytes, rate("io.sync_bytes"));
    to.put(disk, Metric::DiskAsyncBytes, rate("io.async_bytes"));
    let total_bytes = if disk.counter("io.total_bytes").is_some() {
        rate("io.total_bytes")
    } else {
        sum(read_bytes, write_bytes)
    };
    to.put(disk, Metric::DiskTotalBytes, total_bytes);

    let (reads, writes) = (rate("io.reads"), rate("io.writes"));
    to.put(disk, Metric::DiskReads, reads);
    to.put(disk, Metric::DiskWrites, writes);
    to.put(disk, Metric::DiskSyncs, rate("io.syncs"));
    to.put(disk, Metric::DiskAsyncs, rate("io.asyncs"));
    let total_ops =
        if disk.counter("io.total_ops").is_some() { rate("io.total_ops") } else { sum(reads, writes) };
    to.put(disk, Metric::DiskTotalOps, total_ops);
}
