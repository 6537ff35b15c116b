//! Ephemeral storage of pods: writable layers, logs and `emptyDir` volumes, against the limit at which the kubelet evicts the pod.

use insights_sdk::{Entity, Unit};

use crate::names::{Raw, percent, publish};

/// Publishes the use of a pod with a limit.
pub(crate) fn publish_pod(entity: Entity<'_>, containers: &[Entity<'_>], raw: &Raw) {
    let Some(limit) = limit(containers, raw) else { return };
    let batch = entity.batch();
    let used = entity.gauge(raw.storage_used);
    publish(entity, batch.name("pod_ephemeral_storage_usage"), used, Unit::Bytes);
    publish(entity, batch.name("pod_ephemeral_storage_limit"), Some(limit), Unit::Bytes);
    let utilization = percent(used, Some(limit));
    publish(entity, batch.name("pod_ephemeral_storage_utilization"), utilization, Unit::Percent);
}

/// Returns the limit that the kubelet enforces for the pod: the larger of the sum over main containers and sidecars, and of each
/// init container with the sidecars before it. A container without a limit adds nothing: unlike CPU and memory, the sum of the
/// others is enforced for the whole pod.
fn limit(containers: &[Entity<'_>], raw: &Raw) -> Option<f64> {
    let (mut main, mut sidecars, mut init) = (None, None, None);
    for container in containers {
        let Some(value) = container.gauge(raw.storage_limit) else { continue };
        match container.attribute(raw.container_kind) {
            Some("ephemeral") => {}
            Some("init") => init = larger(init, plus(sidecars, value)),
            Some("sidecar") => sidecars = plus(sidecars, value),
            _ => main = plus(main, value),
        }
    }
    let together = match (main, sidecars) {
        (Some(main), Some(sidecars)) => Some(main + sidecars),
        (main, sidecars) => main.or(sidecars),
    };
    larger(together, init)
}

fn plus(sum: Option<f64>, value: f64) -> Option<f64> {
    Some(sum.unwrap_or(0.0) + value)
}

fn larger(left: Option<f64>, right: Option<f64>) -> Option<f64> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.max(right)),
        (left, right) => left.or(right),
    }
}
