//! Metrics of the node's file systems and of the writable layers of containers.

use insights_sdk::Entity;

use crate::metrics::{Metric, Prefix, Publisher, percent};
use crate::raw::{Raw, gauge};

/// Publishes a file system of the node.
pub(crate) fn publish(out: &mut Publisher<'_>, filesystem: Entity<'_>, prefix: Prefix, raw: &Raw) {
    let capacity = gauge(filesystem, raw.fs_capacity);
    let free = gauge(filesystem, raw.fs_free);
    let usage = capacity.zip(free).map(|(capacity, free)| capacity - free).filter(|&usage| usage >= 0.0);
    publish_space(out, filesystem, prefix, raw, usage);
    out.publish(filesystem, prefix, Metric::FilesystemInodes, gauge(filesystem, raw.fs_inodes));
    out.publish(filesystem, prefix, Metric::FilesystemInodesFree, gauge(filesystem, raw.fs_inodes_free));
}

/// Publishes a container's writable layer. Its inode counts are not published: they are those of the whole underlying file
/// system.
pub(crate) fn publish_layer(out: &mut Publisher<'_>, layer: Entity<'_>, raw: &Raw) {
    publish_space(out, layer, Prefix::Container, raw, gauge(layer, raw.fs_used));
}

fn publish_space(
    out: &mut Publisher<'_>,
    filesystem: Entity<'_>,
    prefix: Prefix,
    raw: &Raw,
    usage: Option<f64>,
) {
    let capacity = gauge(filesystem, raw.fs_capacity);
    out.publish(filesystem, prefix, Metric::FilesystemUsage, usage);
    out.publish(filesystem, prefix, Metric::FilesystemCapacity, capacity);
    out.publish(filesystem, prefix, Metric::FilesystemAvailable, gauge(filesystem, raw.fs_available));
    out.publish(filesystem, prefix, Metric::FilesystemUtilization, percent(usage, capacity));
}
