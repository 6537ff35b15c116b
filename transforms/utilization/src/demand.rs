//! Requests and limits of a pod, computed as by the scheduler and the kubelet.

use insights_sdk::{Entity, Name};

use crate::raw::{Raw, attribute, gauge};

/// Requests and limits of a pod; CPU in thousandths of a core, memory in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Demand {
    pub(crate) cpu_request: Option<f64>,
    pub(crate) cpu_limit: Option<f64>,
    pub(crate) memory_request: Option<f64>,
    pub(crate) memory_limit: Option<f64>,
}

impl Demand {
    /// Computes the demand of a pod with these containers, in the order of its specification.
    pub(crate) fn new(pod: Entity<'_>, containers: &[Entity<'_>], raw: &Raw) -> Self {
        let request = |container, whole, overhead| {
            let of_containers = peak(containers, container, raw, false);
            let sum = gauge(pod, whole).or(of_containers);
            plus(sum, gauge(pod, overhead))
        };
        let limit = |container, whole, overhead| {
            let of_containers = || peak(containers, container, raw, true);
            let sum = gauge(pod, whole).or_else(of_containers)?;
            plus(Some(sum), gauge(pod, overhead))
        };
        Self {
            cpu_request: request(raw.container_request_cpu, raw.pod_request_cpu, raw.overhead_cpu),
            cpu_limit: limit(raw.container_limit_cpu, raw.pod_limit_cpu, raw.overhead_cpu),
            memory_request: request(
                raw.container_request_memory,
                raw.pod_request_memory,
                raw.overhead_memory,
            ),
            memory_limit: limit(raw.container_limit_memory, raw.pod_limit_memory, raw.overhead_memory),
        }
    }
}

/// Returns the maximum over time of the sum over containers that run together. Init containers run one after the other
/// before the main ones, each beside the sidecars started before it; main containers run beside all sidecars.
///
/// With `all`, returns `None` unless every main container and every sidecar has a value above 0: one without a limit may use
/// any amount. An init container without a value is ignored, because it has ended when the pod runs.
fn peak(containers: &[Entity<'_>], name: Name, raw: &Raw, all: bool) -> Option<f64> {
    let (mut main, mut sidecars, mut init) = (None, None, None);
    for container in containers {
        let value = gauge(*container, name).filter(|&value| !all || value > 0.0);
        match attribute(*container, raw.container_kind) {
            Some("ephemeral") => {}
            Some("init") => {
                if let Some(value) = value {
                    init = largest(init, plus(Some(value), sidecars));
                }
            }
            kind => {
                if all && value.is_none() {
                    return None;
                }
                let sum = if kind == Some("sidecar") { &mut sidecars } else { &mut main };
                *sum = plus(*sum, value);
            }
        }
    }
    if all && main.is_none() {
        return None;
    }
    largest(plus(main, sidecars), init)
}

fn plus(left: Option<f64>, right: Option<f64>) -> Option<f64> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left + right),
        (left, right) => left.or(right),
    }
}

fn largest(left: Option<f64>, right: Option<f64>) -> Option<f64> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.max(right)),
        (left, right) => left.or(right),
    }
}

/// Returns `value`, capped at the node's capacity.
pub(crate) fn capped(value: Option<f64>, capacity: Option<f64>) -> Option<f64> {
    let value = value?;
    Some(capacity.map_or(value, |capacity| value.min(capacity)))
}
