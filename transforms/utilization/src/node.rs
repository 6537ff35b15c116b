//! The node, or the instance.

use insights_sdk::Batch;
use insights_sdk::views::Node;

use crate::core_set::{self, Faults, percent};
use crate::metric::{Metric, Publisher};
use crate::raw::Raw;
use crate::{disk, filesystem, network, reserve};

/// What ratios are taken of.
pub(crate) struct Capacity {
    /// Processors times 1000.
    pub(crate) cpu_millicores: Option<f64>,
    /// Memory of the machine.
    pub(crate) memory_bytes: Option<f64>,
}

impl Capacity {
    /// From the node's own figures.
    pub(crate) fn of(node: Node<'_>) -> Self {
        Self {
            cpu_millicores: node.cpu_count().map(|count| count * 1000.0),
            memory_bytes: node.memory_total_bytes(),
        }
    }
}

/// Publishes the node's own figures and those of its disks, file systems and interfaces.
pub(crate) fn publish(batch: &Batch, node: Node<'_>, raw: &Raw, capacity: &Capacity, enhanced: bool) {
    let (ecs, prefix, interface_prefix) = match node.attribute("Type") {
        Some("Node") => (false, "node_", "node_interface_"),
        Some("Instance") => (true, "instance_", "instance_interface_"),
        _ => return,
    };
    let to = Publisher::new(batch, prefix);
    core_set::publish(&to, *node, raw, Faults::Hierarchy, capacity);
    to.put(*node, Metric::CpuLimit, capacity.cpu_millicores);
    to.put(*node, Metric::MemoryLimit, capacity.memory_bytes);
    if ecs {
        publish_tasks(batch, node, &to, capacity);
    } else {
        publish_pods(batch, node, &to, capacity);
    }
    if enhanced && !ecs {
        publish_conditions(node, &to);
    }

    let of_interface = Publisher::new(batch, interface_prefix);
    let mut sum = network::Sum::default();
    let mut external = network::Sum::default();
    for child in node.children() {
        match child.kind() {
            "filesystem" => filesystem::publish(&to, child),
            "disk" => disk::publish(&to, child),
            "interface" => {
                let rates = network::publish(&of_interface, child, raw);
                sum.add(&rates);
                if network::is_external(child.id()) {
                    external.add(&rates);
                }
            }
            _ => {}
        }
    }
    sum.publish(&to, *node);
    external.publish_external(&to, *node);
}

/// Sums over the pods. Without a pod list from the kubelet there are none: not zero pods, unknown.
fn publish_pods(batch: &Batch, node: Node<'_>, to: &Publisher<'_>, capacity: &Capacity) {
    let pods = batch.pods();
    if pods.is_empty() && node.kubelet_age_ms().is_none() {
        return;
    }
    let (mut cpu, mut memory) = (0.0, 0.0);
    let (mut running_pods, mut running_containers) = (0u32, 0u32);
    for pod in pods {
        running_pods += u32::from(pod.phase() == Some("Running"));
        let containers = pod.containers();
        let running = |container: &&insights_sdk::views::Container<'_>| {
            container.container_kind() == Some("main") && container.state() == Some("running")
        };
        running_containers += containers.iter().filter(running).count() as u32;
        if !matches!(pod.phase(), Some("Succeeded" | "Failed")) {
            let reserve = reserve::Reserve::of(pod, &containers, capacity);
            cpu += reserve.cpu_request.unwrap_or(0.0);
            memory += reserve.memory_request.unwrap_or(0.0);
        }
    }
    to.put(*node, Metric::RunningPods, Some(f64::from(running_pods)));
    to.put(*node, Metric::RunningContainers, Some(f64::from(running_containers)));
    to.put(*node, Metric::CpuRequest, Some(cpu));
    to.put(*node, Metric::MemoryRequest, Some(memory));
    to.put(*node, Metric::CpuReservedCapacity, percent(Some(cpu), capacity.cpu_millicores));
    to.put(*node, Metric::MemoryReservedCapacity, percent(Some(memory), capacity.memory_bytes));
}

/// What ECS tasks reserve: shares are 1024ths of a core.
fn publish_tasks(batch: &Batch, node: Node<'_>, to: &Publisher<'_>, capacity: &Capacity) {
    let Some(instance) = batch.instance() else { return };
    to.put(*node, Metric::RunningTasks, instance.tasks_running());
    let shares = capacity.cpu_millicores.map(|millicores| millicores * 1.024);
    to.put(*node, Metric::CpuReservedCapacity, percent(instance.reserved_cpu_shares(), shares));
    let memory = percent(instance.reserved_memory_bytes(), capacity.memory_bytes);
    to.put(*node, Metric::MemoryReservedCapacity, memory);
}

fn publish_conditions(node: Node<'_>, to: &Publisher<'_>) {
    let mut known = false;
    let mut unknown = false;
    for (metric, condition) in [
        (Metric::ConditionReady, "Ready"),
        (Metric::ConditionDiskPressure, "DiskPressure"),
        (Metric::ConditionMemoryPressure, "MemoryPressure"),
        (Metric::ConditionPidPressure, "PIDPressure"),
        (Metric::ConditionNetworkUnavailable, "NetworkUnavailable"),
    ] {
        let Some(status) = node.condition(condition) else { continue };
        known = true;
        unknown |= status < 0.0;
        to.put(*node, metric, Some(if status > 0.0 { 1.0 } else { 0.0 }));
    }
    to.put(*node, Metric::ConditionUnknown, known.then_some(if unknown { 1.0 } else { 0.0 }));
    to.put(*node, Metric::CapacityPods, node.capacity_pods());
    to.put(*node, Metric::AllocatablePods, node.allocatable_pods());
}
