//! Volumes with a persistent volume claim, as events of their own.

use alloc::vec::Vec;

use insights_sdk::{Batch, Entity, Name, Unit};

use crate::names::{percent, publish};

/// `Type` of the events.
const TYPE: &str = "PodVolume";

/// `Sources` of the events, JSON.
const SOURCES: &str = r#"["kubelet","calculated"]"#;

/// Attributes that `decorate` sets on everything below a pod.
const COPIED: [&str; 15] = [
    "AutoScalingGroupName",
    "ClusterName",
    "FullPodName",
    "InstanceId",
    "InstanceType",
    "LaunchType",
    "Namespace",
    "NodeName",
    "PodName",
    "Service",
    "node.name",
    "pod.name",
    "pod.namespace",
    "pod.uid",
    "service.name",
];

/// Beginnings of the names of further such attributes.
const COPIED_PREFIXES: [&str; 2] = ["label.", "owner."];

/// Handles of the names that volumes need.
pub(crate) struct Names {
    kind: Name,
    sources: Name,
    claim: Name,
    claim_name: Name,
    capacity: Name,
    used: Name,
    /// Raw and published names of the gauges that are published as they are.
    same: [(Name, Name, Unit); 6],
    utilization: Name,
}

impl Names {
    /// Looks up all names.
    pub(crate) fn new(batch: &Batch) -> Self {
        Self {
            kind: batch.name("Type"),
            sources: batch.name("Sources"),
            claim: batch.name("volume.claim"),
            claim_name: batch.name("PersistentVolumeClaimName"),
            capacity: batch.name("fs.capacity_bytes"),
            used: batch.name("fs.used_bytes"),
            same: [
                ("fs.capacity_bytes", "pod_volume_capacity", Unit::Bytes),
                ("fs.used_bytes", "pod_volume_used", Unit::Bytes),
                ("fs.available_bytes", "pod_volume_available", Unit::Bytes),
                ("fs.inodes", "pod_volume_inodes", Unit::Count),
                ("fs.inodes_free", "pod_volume_inodes_free", Unit::Count),
                ("fs.inodes_used", "pod_volume_inodes_used", Unit::Count),
            ]
            .map(|(raw, published, unit)| (batch.name(raw), batch.name(published), unit)),
            utilization: batch.name("pod_volume_utilization"),
        }
    }
}

/// Turns the volumes of a pod that have a claim into events.
pub(crate) fn publish_all(pod: Entity<'_>, names: &Names) {
    let mut copied: Option<Vec<(Name, Name)>> = None;
    for volume in pod.children_of_kind("volume") {
        let Some(claim) = volume.attribute_name(names.claim) else { continue };
        if !names.same.iter().any(|&(raw, ..)| volume.gauge(raw).is_some()) {
            // The kubelet has not measured it, and an event without metrics is useless.
            continue;
        }
        for &(key, value) in copied.get_or_insert_with(|| attributes(pod)).iter() {
            volume.set_attribute_name(key, value);
        }
        volume.set_attribute(names.kind, TYPE);
        volume.set_attribute(names.sources, SOURCES);
        volume.set_attribute_name(names.claim_name, claim);
        for (raw, published, unit) in names.same {
            publish(volume, published, volume.gauge(raw), unit);
        }
        let utilization = percent(volume.gauge(names.used), volume.gauge(names.capacity));
        publish(volume, names.utilization, utilization, Unit::Percent);
    }
}

/// Returns the attributes of a pod that its volumes get.
fn attributes(pod: Entity<'_>) -> Vec<(Name, Name)> {
    let batch = pod.batch();
    let mut copied = pod.attribute_names();
    copied.retain(|&(key, _)| {
        let key = batch.text(key);
        COPIED.contains(&key) || COPIED_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
    });
    copied
}
