//! View of nodes.

use alloc::vec::Vec;

use super::{Pod, Task, view};

view! {
    /// A node: the agent's own, described by the machine and the root cgroup, or one of the nodes in the batch of a cluster.
    Node = "node";

    /// Name of the node.
    text name = "node.name";
    /// Orchestrator: `eks`, `kubernetes` or `ecs`.
    text orchestrator = "orchestrator";
    /// Name of the cluster.
    text cluster_name = "cluster.name";
    /// Version of the cgroup hierarchy: `1` or `2`.
    text cgroup_version = "cgroup.version";
    /// Reason why the kubelet's data is missing or old.
    text kubelet_error = "kubelet.error";
    /// Reason why the ECS agent's list of tasks is missing or old.
    text ecs_error = "ecs.error";

    /// Number of CPUs.
    gauge cpu_count = "node.cpu_count";
    /// Total memory of the machine, bytes.
    gauge memory_total_bytes = "node.memory_total_bytes";
    /// Memory available to programs without swapping, estimated by the kernel, bytes.
    gauge memory_available_bytes = "node.memory_available_bytes";
    /// Memory used by all processes and caches, bytes.
    gauge memory_usage_bytes = "memory.usage_bytes";
    /// Age of the kubelet's data, milliseconds; 0 if fresh.
    gauge kubelet_age_ms = "kubelet.age_ms";
    /// Age of the ECS agent's list of tasks, milliseconds; 0 if fresh.
    gauge ecs_age_ms = "ecs.age_ms";
    /// Pod capacity of the node.
    gauge capacity_pods = "node.capacity_pods";
    /// Number of pods that may be scheduled onto the node.
    gauge allocatable_pods = "node.allocatable_pods";

    /// CPU time of all processes, nanoseconds.
    counter cpu_usage_ns = "cpu.usage_ns";
    /// CPU time in user mode, nanoseconds.
    counter cpu_user_ns = "cpu.user_ns";
    /// CPU time in kernel mode, nanoseconds.
    counter cpu_system_ns = "cpu.system_ns";
}

impl<'a> Node<'a> {
    /// Returns a condition of the node, such as `Ready`: 1 true, 0 false, -1 unknown. Gauge `node.condition.TYPE`.
    pub fn condition(self, condition: &str) -> Option<f64> {
        self.gauge(&["node.condition.", condition].concat())
    }

    /// Returns the pods on this node.
    pub fn pods(self) -> Vec<Pod<'a>> {
        Pod::all(self.children_of_kind(Pod::KIND))
    }

    /// Returns the ECS tasks on this node.
    pub fn tasks(self) -> Vec<Task<'a>> {
        Task::all(self.children_of_kind(Task::KIND))
    }
}
