//! Families of the kubelet: volumes with a claim.

use super::{NO_LABELS, family, row};
use crate::family::{Family, Kind, On, Row, Source};
use crate::value::Value::Gauge;

const fn gauge(name: &'static str, rows: &'static [Row], help: &'static str) -> Family<'static> {
    family(Kind::Gauge, Source::Kubelet, name, &[On::Volume], rows, help)
}

const fn one(raw: &'static str) -> Row {
    row(Gauge(raw, 1.0), NO_LABELS)
}

pub(super) static FAMILIES: &[Family<'static>] = &[
    gauge("kubelet_volume_stats_capacity_bytes", &[one("fs.capacity_bytes")], "Capacity of the volume."),
    gauge(
        "kubelet_volume_stats_available_bytes",
        &[one("fs.available_bytes")],
        "Bytes available in the volume.",
    ),
    gauge("kubelet_volume_stats_used_bytes", &[one("fs.used_bytes")], "Bytes used in the volume."),
    gauge("kubelet_volume_stats_inodes", &[one("fs.inodes")], "Maximum number of inodes in the volume."),
    gauge(
        "kubelet_volume_stats_inodes_free",
        &[one("fs.inodes_free")],
        "Number of free inodes in the volume.",
    ),
    gauge(
        "kubelet_volume_stats_inodes_used",
        &[one("fs.inodes_used")],
        "Number of used inodes in the volume.",
    ),
];
