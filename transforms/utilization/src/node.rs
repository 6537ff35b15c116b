//! Metrics of nodes and of ECS instances.

use insights_sdk::Entity;

use crate::demand::capped;
use crate::metrics::{Metric, Prefix, Publisher, percent};
use crate::network;
use crate::options::Options;
use crate::pod::Pod;
use crate::raw::{Raw, gauge};
use crate::status;
use crate::task::Tasks;
use crate::usage::{self, Capacity, Faults};

/// ECS counts a core as 1024 CPU shares, CPU limits count it as 1000 millicores.
const SHARES_A_MILLICORE: f64 = 1.024;

/// Publishes the metrics of a node.
pub(crate) fn publish(
    out: &mut Publisher<'_>,
    node: Entity<'_>,
    pods: &[Pod<'_>],
    raw: &Raw,
    capacity: Capacity,
    options: &Options,
) {
    let prefix = Prefix::Node;
    publish_machine(out, node, prefix, raw, capacity, options);
    // Without the kubelet the numbers of pods are unknown, not 0.
    let age = node.gauge("kubelet.age_ms");
    out.publish(node, prefix, Metric::KubeletAge, age);
    if age.is_some() {
        let running = |pod: &&Pod<'_>| pod.phase == Some("Running");
        let containers: u32 = pods.iter().map(|pod| pod.counts.running).sum();
        let cpu = requests(pods, capacity.cpu, |pod| pod.demand.cpu_request);
        let memory = requests(pods, capacity.memory, |pod| pod.demand.memory_request);
        out.publish_all(
            node,
            prefix,
            &[
                (Metric::RunningPods, Some(pods.iter().filter(running).count() as f64)),
                (Metric::RunningContainers, Some(f64::from(containers))),
                (Metric::CpuRequest, cpu),
                (Metric::CpuReservedCapacity, percent(cpu, capacity.cpu)),
                (Metric::MemoryRequest, memory),
                (Metric::MemoryReservedCapacity, percent(memory, capacity.memory)),
            ],
        );
    }
    if options.enhanced {
        status::publish_node(out, node);
    }
}

/// Publishes the metrics of an ECS instance.
pub(crate) fn publish_instance(
    out: &mut Publisher<'_>,
    node: Entity<'_>,
    tasks: Option<&Tasks<'_, '_>>,
    raw: &Raw,
    capacity: Capacity,
    options: &Options,
) {
    let prefix = Prefix::Instance;
    publish_machine(out, node, prefix, raw, capacity, options);
    // Without the ECS agent's list the number of tasks is unknown, not 0.
    if node.gauge("ecs.age_ms").is_none() {
        return;
    }
    let (count, cpu, memory) = tasks.map(Tasks::running).unwrap_or_default();
    let shares = capacity.cpu.map(|millicores| millicores * SHARES_A_MILLICORE);
    out.publish_all(
        node,
        prefix,
        &[
            (Metric::CpuReservedCapacity, percent(Some(cpu), shares)),
            (Metric::MemoryReservedCapacity, percent(Some(memory), capacity.memory)),
            (Metric::RunningTasks, Some(count)),
        ],
    );
}

fn publish_machine(
    out: &mut Publisher<'_>,
    node: Entity<'_>,
    prefix: Prefix,
    raw: &Raw,
    capacity: Capacity,
    options: &Options,
) {
    usage::publish(out, node, prefix, raw, capacity, Faults::Below);
    network::publish_node_sum(out, node, prefix, raw, options);
    out.publish(node, prefix, Metric::Heartbeat, gauge(node, raw.heartbeat));
    out.publish(node, prefix, Metric::CpuLimit, capacity.cpu);
    out.publish(node, prefix, Metric::MemoryLimit, capacity.memory);
}

/// Sums the requests of all pods that have not ended, each capped at the capacity.
fn requests(
    pods: &[Pod<'_>],
    capacity: Option<f64>,
    request: impl Fn(&Pod<'_>) -> Option<f64>,
) -> Option<f64> {
    let pods = pods.iter().filter(|pod| !matches!(pod.phase, Some("Succeeded" | "Failed")));
    Some(pods.filter_map(|pod| capped(request(pod), capacity)).fold(0.0, |sum, request| sum + request))
}
