//! The node.

use alloc::vec::Vec;

use super::{Pod, view};

view! {
    /// This node: what the machine and the root cgroup say; in a cluster's batch one of its nodes.
    Node = "node";

    /// Name of the node.
    text name = "node.name";
    /// `eks`, `kubernetes` or `ecs`.
    text orchestrator = "orchestrator";
    /// Name of the cluster.
    text cluster_name = "cluster.name";
    /// Version of the cgroup hierarchy: `1` or `2`.
    text cgroup_version = "cgroup.version";
    /// Why the kubelet's data is missing or old.
    text kubelet_error = "kubelet.error";

    /// Processors.
    gauge cpu_count = "node.cpu_count";
    /// Memory of the machine, bytes.
    gauge memory_total_bytes = "node.memory_total_bytes";
    /// Memory that programs could still get without swapping, as the kernel estimates it, bytes.
    gauge memory_available_bytes = "node.memory_available_bytes";
    /// Memory that all processes and caches take, bytes.
    gauge memory_usage_bytes = "memory.usage_bytes";
    /// Age of the kubelet's data, milliseconds; 0 when fresh.
    gauge kubelet_age_ms = "kubelet.age_ms";
    /// Pods that the node has room for.
    gauge capacity_pods = "node.capacity_pods";
    /// Pods that may be scheduled onto the node.
    gauge allocatable_pods = "node.allocatable_pods";

    /// CPU time of all processes, nanoseconds.
    counter cpu_usage_ns = "cpu.usage_ns";
    /// CPU time outside of the kernel, nanoseconds.
    counter cpu_user_ns = "cpu.user_ns";
    /// CPU time in the kernel, nanoseconds.
    counter cpu_system_ns = "cpu.system_ns";
}

impl<'a> Node<'a> {
    /// A condition of the node, such as `Ready`: 1 true, 0 false, -1 unknown. Gauge `node.condition.TYPE`.
    pub fn condition(self, condition: &str) -> Option<f64> {
        self.gauge(&["node.condition.", condition].concat())
    }

    /// The pods on this node.
    pub fn pods(self) -> Vec<Pod<'a>> {
        Pod::all(self.children_of_kind(Pod::KIND))
    }
}
