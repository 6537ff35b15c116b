//! What a pod may take and what the scheduler sets aside for it.

use insights_sdk::views::{Container, Pod};

use crate::node::Capacity;

/// Requests and limits of a whole pod; none where nothing is asked for, or where something has no limit.
pub(crate) struct Reserve {
    pub(crate) cpu_request: Option<f64>,
    pub(crate) memory_request: Option<f64>,
    pub(crate) cpu_limit: Option<f64>,
    pub(crate) memory_limit: Option<f64>,
}

impl Reserve {
    /// As the scheduler computes it, and never more than the node has.
    pub(crate) fn of(pod: Pod<'_>, containers: &[Container<'_>], capacity: &Capacity) -> Self {
        let cpu_overhead = pod.cpu_overhead_millicores().unwrap_or(0.0);
        let memory_overhead = pod.memory_overhead_bytes().unwrap_or(0.0);
        let request = |whole: Option<f64>, of: fn(&Container<'_>) -> Option<f64>, overhead: f64| {
            whole.unwrap_or_else(|| effective(containers, of)) + overhead
        };
        let limit = |whole: Option<f64>, of: fn(&Container<'_>) -> Option<f64>, overhead: f64| {
            let sum = whole.or_else(|| bounded(containers, of).then(|| effective(containers, of)))?;
            Some(if sum > 0.0 { sum + overhead } else { sum })
        };
        let cpu = |value: Option<f64>| cap(value, capacity.cpu_millicores);
        let memory = |value: Option<f64>| cap(value, capacity.memory_bytes);
        Self {
            cpu_request: cpu(Some(request(pod.cpu_request_millicores(), cpu_request, cpu_overhead))),
            memory_request: memory(Some(request(
                pod.memory_request_bytes(),
                memory_request,
                memory_overhead,
            ))),
            cpu_limit: cpu(limit(pod.cpu_limit_millicores(), cpu_limit, cpu_overhead)),
            memory_limit: memory(limit(pod.memory_limit_bytes(), memory_limit, memory_overhead)),
        }
    }
}

fn cpu_request(container: &Container<'_>) -> Option<f64> {
    container.cpu_request_millicores()
}

fn memory_request(container: &Container<'_>) -> Option<f64> {
    container.memory_request_bytes()
}

fn cpu_limit(container: &Container<'_>) -> Option<f64> {
    container.cpu_limit_millicores()
}

fn memory_limit(container: &Container<'_>) -> Option<f64> {
    container.memory_limit_bytes()
}

/// Most that the pod takes at any time of its life. Init containers run one after the other, before the others; a sidecar
/// (an init container that always restarts) runs from its place in that order to the pod's end.
fn effective(containers: &[Container<'_>], of: fn(&Container<'_>) -> Option<f64>) -> f64 {
    let (mut together, mut sidecars, mut starting) = (0.0, 0.0, 0.0f64);
    for container in containers {
        let value = of(container).unwrap_or(0.0);
        match container.container_kind() {
            Some("main") => together += value,
            Some("sidecar") => {
                together += value;
                sidecars += value;
                starting = starting.max(sidecars);
            }
            Some("init") => starting = starting.max(sidecars + value),
            _ => {}
        }
    }
    starting.max(together)
}

/// Whether every container that runs for the pod's life has a value.
fn bounded(containers: &[Container<'_>], of: fn(&Container<'_>) -> Option<f64>) -> bool {
    let mut lasting =
        containers.iter().filter(|container| matches!(container.container_kind(), Some("main" | "sidecar")));
    lasting.all(|container| of(container).is_some())
}

/// Nothing asked for is no figure; more than the node has cannot be had.
fn cap(value: Option<f64>, capacity: Option<f64>) -> Option<f64> {
    let value = value.filter(|&value| value > 0.0)?;
    Some(capacity.filter(|&capacity| capacity > 0.0).map_or(value, |capacity| value.min(capacity)))
}
