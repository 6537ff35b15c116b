//! States of nodes and pods as metrics, for `enhanced`.

use insights_sdk::Entity;

use crate::metrics::{Metric, Prefix, Publisher};
use crate::pod::Pod;
use crate::raw::{Raw, attribute};

fn flag(condition: bool) -> Option<f64> {
    Some(if condition { 1.0 } else { 0.0 })
}

/// Publishes phase and conditions of a pod.
pub(crate) fn publish_phase(out: &mut Publisher<'_>, entity: Entity<'_>, raw: &Raw) {
    if let Some(phase) = attribute(entity, raw.phase) {
        let ready = attribute(entity, raw.condition_ready);
        let scheduled = attribute(entity, raw.condition_scheduled);
        for (metric, value) in [
            (Metric::StatusPending, phase == "Pending"),
            (Metric::StatusRunning, phase == "Running"),
            (Metric::StatusSucceeded, phase == "Succeeded"),
            (Metric::StatusFailed, phase == "Failed"),
            (Metric::StatusReady, ready == Some("True")),
            (Metric::StatusScheduled, scheduled == Some("True")),
            (Metric::StatusUnknown, ready == Some("Unknown") || scheduled == Some("Unknown")),
        ] {
            out.publish(entity, Prefix::Pod, metric, flag(value));
        }
    }
}

/// Publishes the counts of a pod's containers by state.
pub(crate) fn publish_containers(out: &mut Publisher<'_>, pod: &Pod<'_>) {
    let (entity, prefix, counts) = (pod.entity, Prefix::Pod, &pod.counts);
    for (metric, count, always) in [
        (Metric::ContainersRunning, counts.running, true),
        (Metric::ContainersWaiting, counts.waiting, true),
        (Metric::ContainersTerminated, counts.terminated, true),
        (Metric::WaitingCrashLoop, counts.waiting_crash_loop, false),
        (Metric::WaitingImagePull, counts.waiting_image_pull, false),
        (Metric::WaitingStart, counts.waiting_start, false),
        (Metric::WaitingCreate, counts.waiting_create, false),
        (Metric::WaitingCreateConfig, counts.waiting_create_config, false),
        (Metric::TerminatedOom, counts.last_oom, false),
    ] {
        out.publish(entity, prefix, metric, (always || count > 0).then(|| f64::from(count)));
    }
}

/// Values of `node.health_status`, taken from the HyperPod label of a node.
const HEALTH: [(Metric, &str); 4] = [
    (Metric::Schedulable, "Schedulable"),
    (Metric::Unschedulable, "Unschedulable"),
    (Metric::PendingReplacement, "UnschedulablePendingReplacement"),
    (Metric::PendingReboot, "UnschedulablePendingReboot"),
];

/// Publishes the health of a HyperPod node; publishes nothing for an unknown state.
pub(crate) fn publish_health(out: &mut Publisher<'_>, node: Entity<'_>) {
    let status = node.attribute("node.health_status").unwrap_or_default();
    if HEALTH.iter().any(|(_, known)| *known == status) {
        for (metric, known) in HEALTH {
            out.publish(node, Prefix::HyperPod, metric, flag(known == status));
        }
    }
}

/// Publishes conditions and pod capacity of a node, if the API server reported them.
pub(crate) fn publish_node(out: &mut Publisher<'_>, node: Entity<'_>) {
    let prefix = Prefix::Node;
    for (metric, name) in [
        (Metric::ConditionReady, "node.condition.Ready"),
        (Metric::ConditionDiskPressure, "node.condition.DiskPressure"),
        (Metric::ConditionMemoryPressure, "node.condition.MemoryPressure"),
        (Metric::ConditionPidPressure, "node.condition.PIDPressure"),
        (Metric::ConditionNetworkUnavailable, "node.condition.NetworkUnavailable"),
    ] {
        let value = node.gauge(name).and_then(|value| flag(value == 1.0));
        out.publish(node, prefix, metric, value);
    }
    let mut unknown = None;
    for (name, value) in node.gauges() {
        if name.starts_with("node.condition.") {
            unknown = flag(unknown == Some(1.0) || value == -1.0);
        }
    }
    out.publish(node, prefix, Metric::ConditionUnknown, unknown);
    out.publish(node, prefix, Metric::CapacityPods, node.gauge("node.capacity_pods"));
    out.publish(node, prefix, Metric::AllocatablePods, node.gauge("node.allocatable_pods"));
}
