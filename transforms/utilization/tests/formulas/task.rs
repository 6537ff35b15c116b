//! Functions for tasks of ECS and their containers.

use super::batch::Entity;
use super::evaluate::Evaluator;

impl Evaluator<'_> {
    /// Returns the CPU (1024ths of a vCPU) or memory (bytes) reserved for a task or container.
    ///
    /// A sidecar knows the limits of the task definition. On an instance the limits of the cgroups tell them: the quota of a
    /// task that has a CPU size, the shares of any other.
    pub(crate) fn reserved(&self, resource: &str, entity: &Entity) -> Option<f64> {
        let gauge = |name: &str| entity.gauges.get(name).copied();
        let is_task = entity.kind == "task";
        let is_sidecar = self.entities.first("node").is_none();
        let own = match (resource, is_sidecar) {
            ("cpu", true) if is_task => {
                gauge("task.limit_cpu_millicores").map(|limit| (limit * 1024.0 / 1000.0 - 1e-6).ceil())
            }
            ("cpu", true) => gauge("container.limit_cpu_shares").filter(|&shares| shares > 2.0),
            ("cpu", false) => {
                let quota = gauge("cpu.quota_millicores").filter(|_| is_task);
                let of_quota = |quota: f64| (quota * 1024.0 / 1000.0 - 1e-6).ceil();
                let of_weight = |weight: f64| (2.0 + (weight - 1.0) * 262_142.0 / 9999.0).round();
                let shares = gauge("cpu.shares").or(gauge("cpu.weight").map(of_weight));
                let units = quota.map(of_quota).or(shares);
                if units.is_some_and(|units| units <= 2.0) {
                    return None;
                }
                units
            }
            ("memory", true) if is_task => gauge("task.limit_memory_bytes"),
            ("memory", true) => gauge("container.limit_memory_bytes"),
            ("memory", false) if is_task => gauge("memory.limit_bytes"),
            ("memory", false) => gauge("memory.soft_limit_bytes").or(gauge("memory.limit_bytes")),
            _ => panic!("reserved: unknown resource {resource}"),
        };
        let children = entity.children.iter().map(|&child| &self.entities.0[child]);
        let containers = children.filter(|child| is_task && child.kind == "container");
        let of_containers = || {
            let values: Vec<f64> =
                containers.filter_map(|container| self.reserved(resource, container)).collect();
            (!values.is_empty()).then(|| values.iter().sum())
        };
        own.or_else(of_containers)
    }

    /// Returns used memory without the file pages that the ECS agent leaves out.
    pub(crate) fn without_cache(&self, used: f64, entity: &Entity) -> Option<f64> {
        let is_v2 = match self.entities.first("node") {
            Some(node) => node.attributes.get("cgroup.version").is_some_and(|version| version == "2"),
            None => !entity.gauges.contains_key("memory.max_usage_bytes"),
        };
        let pages =
            entity.gauges.get(if is_v2 { "memory.inactive_file_bytes" } else { "memory.cache_bytes" })?;
        Some((used - pages).max(0.0))
    }
}
