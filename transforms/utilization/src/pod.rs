//! Metrics of pods and containers.

use alloc::vec::Vec;

use insights_sdk::{Batch, Entity};

use crate::counts::Counts;
use crate::demand::{Demand, capped};
use crate::metrics::{Metric, Prefix, Publisher, percent};
use crate::network;
use crate::options::Options;
use crate::raw::{Raw, attribute, counter, gauge};
use crate::status;
use crate::usage::{self, Capacity, Faults};

/// A pod with the totals of its containers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pod<'b> {
    pub(crate) entity: Entity<'b>,
    pub(crate) phase: Option<&'b str>,
    pub(crate) demand: Demand,
    pub(crate) counts: Counts,
}

/// Returns all pods that the kubelet lists, in the order of their entities.
pub(crate) fn all<'b>(batch: &'b Batch, raw: &Raw) -> Vec<Pod<'b>> {
    let is_fargate = batch.node().is_some_and(|node| node.attribute("node.compute_type").is_some());
    let pods = batch.of_kind("pod").into_iter();
    pods.map(|entity| {
        let containers = entity.children_of_kind("container");
        let mut demand = Demand::new(entity, &containers, raw);
        if is_fargate {
            // The bounds of the pod's cgroup, as in the Fargate pipeline of ADOT.
            demand.cpu_limit = gauge(entity, raw.cpu_quota).or(demand.cpu_limit);
            demand.memory_limit = gauge(entity, raw.memory_limit).or(demand.memory_limit);
        }
        Pod { entity, phase: attribute(entity, raw.phase), demand, counts: Counts::new(&containers, raw) }
    })
    .collect()
}

/// Publishes the metrics of a pod.
pub(crate) fn publish(
    out: &mut Publisher<'_>,
    pod: &Pod<'_>,
    raw: &Raw,
    capacity: Capacity,
    options: &Options,
) {
    let (entity, prefix) = (pod.entity, Prefix::Pod);
    let usage = usage::publish(out, entity, prefix, raw, capacity, Faults::Below);
    network::publish_sum(out, entity, prefix, raw);

    let known = |value: Option<f64>, capacity| capped(value.filter(|&value| value > 0.0), capacity);
    let cpu_request = known(pod.demand.cpu_request, capacity.cpu);
    let cpu_limit = known(pod.demand.cpu_limit, capacity.cpu);
    let memory_request = known(pod.demand.memory_request, capacity.memory);
    let memory_limit = known(pod.demand.memory_limit, capacity.memory);
    out.publish_all(
        entity,
        prefix,
        &[
            (Metric::CpuRequest, cpu_request),
            (Metric::CpuLimit, cpu_limit),
            (Metric::CpuReservedCapacity, percent(cpu_request, capacity.cpu)),
            (Metric::CpuOverPodLimit, percent(usage.cpu, cpu_limit)),
            (Metric::MemoryRequest, memory_request),
            (Metric::MemoryLimit, memory_limit),
            (Metric::MemoryReservedCapacity, percent(memory_request, capacity.memory)),
            (Metric::MemoryOverPodLimit, percent(usage.working_set, memory_limit)),
            (Metric::Containers, Some(f64::from(pod.counts.all))),
            (Metric::RunningContainers, Some(f64::from(pod.counts.running))),
            (Metric::Restarts, pod.counts.restarts),
        ],
    );
    if options.enhanced {
        status::publish_phase(out, entity, raw);
        status::publish_containers(out, pod);
    }
}

/// Publishes the metrics of a container.
pub(crate) fn publish_container(
    out: &mut Publisher<'_>,
    container: Entity<'_>,
    raw: &Raw,
    capacity: Capacity,
    options: &Options,
) {
    let prefix = Prefix::Container;
    let usage = usage::publish(out, container, prefix, raw, capacity, Faults::Own);
    let cpu_limit = gauge(container, raw.container_limit_cpu);
    let memory_limit = gauge(container, raw.container_limit_memory);
    out.publish_all(
        container,
        prefix,
        &[
            (Metric::CpuRequest, gauge(container, raw.container_request_cpu)),
            (Metric::CpuLimit, cpu_limit),
            (Metric::MemoryRequest, gauge(container, raw.container_request_memory)),
            (Metric::MemoryLimit, memory_limit),
        ],
    );
    let restarts = counter(container, raw.restarts).and_then(|restarts| restarts.delta());
    out.publish(container, Prefix::Bare, Metric::Restarts, restarts);
    if options.enhanced {
        out.publish(container, prefix, Metric::CpuOverContainerLimit, percent(usage.cpu, cpu_limit));
        let memory = percent(usage.working_set, memory_limit);
        out.publish(container, prefix, Metric::MemoryOverContainerLimit, memory);
    }
}
