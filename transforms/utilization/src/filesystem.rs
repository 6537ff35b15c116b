//! File systems of the node, and containers' writable layers.

use insights_sdk::Entity;

use crate::core_set::percent;
use crate::metric::{Metric, Publisher};

/// Publishes a file system of the node.
pub(crate) fn publish(to: &Publisher<'_>, filesystem: Entity<'_>) {
    let (capacity, free) = (filesystem.gauge("fs.capacity_bytes"), filesystem.gauge("fs.free_bytes"));
    let usage = capacity.zip(free).map(|(capacity, free)| capacity - free);
    publish_bytes(to, filesystem, capacity, usage);
    to.put(filesystem, Metric::FilesystemInodes, filesystem.gauge("fs.inodes"));
    to.put(filesystem, Metric::FilesystemInodesFree, filesystem.gauge("fs.inodes_free"));
}

/// Publishes a container's writable layer: what it takes of the file system that it lies on. That one's inodes are the
/// node's business.
pub(crate) fn publish_layer(to: &Publisher<'_>, layer: Entity<'_>) {
    publish_bytes(to, layer, layer.gauge("fs.capacity_bytes"), layer.gauge("fs.used_bytes"));
}

fn publish_bytes(to: &Publisher<'_>, filesystem: Entity<'_>, capacity: Option<f64>, usage: Option<f64>) {
    to.put(filesystem, Metric::FilesystemUsage, usage);
    to.put(filesystem, Metric::FilesystemCapacity, capacity);
    to.put(filesystem, Metric::FilesystemAvailable, filesystem.gauge("fs.available_bytes"));
    to.put(filesystem, Metric::FilesystemUtilization, percent(usage, capacity));
}
