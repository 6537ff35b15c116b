//! Metrics of ECS tasks and their containers.

mod reserved;

use alloc::vec::Vec;

use insights_sdk::{Batch, Entity, Name};

use crate::metrics::{Metric, Prefix, Publisher, percent};
use crate::network;
use crate::raw::{Raw, TaskRaw, attribute, counter, gauge};

/// Kind of the entities, and scope of the batch of a sidecar.
pub(crate) const KIND: &str = "task";

/// Bytes of a megabyte, as the ECS agent counts them.
const MEGABYTE: f64 = 1_048_576.0;
/// Bytes of a gigabyte of ephemeral storage: AWS reports 21.47 for the default of 20 GiB.
const GIGABYTE: f64 = 1e9;
/// CPU units of a vCPU.
const CPU_UNITS: f64 = 1024.0;

/// A task with what is reserved for it.
struct Task<'b> {
    entity: Entity<'b>,
    containers: Vec<Entity<'b>>,
    /// 1024ths of a vCPU.
    cpu_reserved: Option<f64>,
    /// Bytes.
    memory_reserved: Option<f64>,
}

/// The tasks of a batch, in the order of their entities.
pub(crate) struct Tasks<'b, 'r> {
    list: Vec<Task<'b>>,
    raw: &'r Raw,
    names: TaskRaw,
    /// `true` on cgroup v2.
    is_v2: bool,
    /// `true` in the batch of a sidecar, which knows the task's limits but not its cgroups.
    is_own: bool,
}

impl<'b, 'r> Tasks<'b, 'r> {
    /// Returns the tasks, or `None` if the batch has none.
    pub(crate) fn new(batch: &'b Batch, raw: &'r Raw) -> Option<Self> {
        let entities = batch.of_kind(KIND);
        let first = *entities.first()?;
        let root = batch.node().map_or(first, |node| *node);
        let is_v2 = root.attribute("cgroup.version") == Some("2");
        let mut tasks =
            Self { list: Vec::new(), raw, names: TaskRaw::new(batch), is_v2, is_own: batch.scope() == KIND };
        tasks.list = entities
            .into_iter()
            .map(|entity| {
                let containers = entity.children_of_kind("container");
                let cpu_reserved = tasks.cpu_reserved(entity, &containers);
                let memory_reserved = tasks.memory_reserved(entity, &containers);
                Task { entity, containers, cpu_reserved, memory_reserved }
            })
            .collect();
        Some(tasks)
    }

    /// Returns the number of running tasks, and the CPU units and bytes of memory reserved for them.
    pub(crate) fn running(&self) -> (f64, f64, f64) {
        let is_running = |task: &&Task<'_>| attribute(task.entity, self.names.status) == Some("RUNNING");
        self.list.iter().filter(is_running).fold((0.0, 0.0, 0.0), |(count, cpu, memory), task| {
            let plus = |sum: f64, value: Option<f64>| value.map_or(sum, |value| sum + value);
            (count + 1.0, plus(cpu, task.cpu_reserved), plus(memory, task.memory_reserved))
        })
    }

    /// Publishes the metrics of a task or of a container of a task. Returns false, and publishes nothing, for any other
    /// entity.
    pub(crate) fn publish(
        &self,
        out: &mut Publisher<'_>,
        entity: Entity<'_>,
        kind: &str,
        enhanced: bool,
    ) -> bool {
        let position = |entity: Entity<'_>| {
            self.list.binary_search_by_key(&entity.index(), |task| task.entity.index()).ok()
        };
        match kind {
            "Task" => {
                let Some(at) = position(entity) else { return false };
                self.publish_task(out, &self.list[at], enhanced);
            }
            "Container" => {
                if entity.parent().and_then(position).is_none() {
                    return false;
                }
                self.publish_container(out, entity, enhanced);
            }
            _ => return false,
        }
        true
    }

    fn publish_task(&self, out: &mut Publisher<'_>, task: &Task<'_>, enhanced: bool) {
        let entity = task.entity;
        let own_or_sum = |value: &dyn Fn(Entity<'_>) -> Option<f64>| {
            value(entity).or_else(|| sum(task.containers.iter().map(|&container| value(container))))
        };
        let cpu = own_or_sum(&|entity| self.cpu_used(entity));
        let memory = own_or_sum(&|entity| self.memory_used(entity));
        let reserved = gauge(entity, self.names.storage_reserved);
        let used = gauge(entity, self.names.storage_used);
        let gigabytes = |bytes: Option<f64>| bytes.map(|bytes| bytes / GIGABYTE);
        for (metric, value) in [
            (Metric::EcsCpuUtilized, cpu),
            (Metric::EcsCpuReserved, task.cpu_reserved),
            (Metric::EcsMemoryUtilized, megabytes(memory)),
            (Metric::EcsMemoryReserved, megabytes(task.memory_reserved)),
            (Metric::EcsStorageReadBytes, own_or_sum(&|entity| current(entity, self.raw.read_bytes))),
            (Metric::EcsStorageWriteBytes, own_or_sum(&|entity| current(entity, self.raw.write_bytes))),
            (Metric::EcsEphemeralStorageReserved, gigabytes(reserved)),
            (Metric::EcsEphemeralStorageUtilized, gigabytes(used)),
        ] {
            out.publish(entity, Prefix::Bare, metric, value);
        }
        let mut interfaces = entity.children_of_kind("interface");
        for container in &task.containers {
            interfaces.extend(container.children_of_kind("interface"));
        }
        network::publish_task_sum(out, entity, Prefix::Bare, &interfaces, self.raw);
        if enhanced {
            for (metric, value) in [
                (Metric::EcsCpuUtilization, percent(cpu, task.cpu_reserved)),
                (Metric::EcsMemoryUtilization, percent(memory, task.memory_reserved)),
                (Metric::EcsEphemeralStorageUtilization, percent(used, reserved)),
            ] {
                out.publish(entity, Prefix::EcsTask, metric, value);
            }
        }
    }

    fn publish_container(&self, out: &mut Publisher<'_>, container: Entity<'_>, enhanced: bool) {
        let (cpu, memory) = (self.cpu_used(container), self.memory_used(container));
        let cpu_reserved = self.container_cpu_reserved(container);
        let memory_reserved = self.container_memory_reserved(container);
        // In an awsvpc task the network namespace belongs to the task, whichever container has the interfaces.
        let interfaces = match attribute(container, self.names.network_mode) {
            Some("awsvpc") => Vec::new(),
            _ => container.children_of_kind("interface"),
        };
        let prefixes: &[Prefix] =
            if enhanced { &[Prefix::Bare, Prefix::EcsContainer] } else { &[Prefix::Bare] };
        for &prefix in prefixes {
            for (metric, value) in [
                (Metric::EcsCpuUtilized, cpu),
                (Metric::EcsCpuReserved, cpu_reserved),
                (Metric::EcsMemoryUtilized, megabytes(memory)),
                (Metric::EcsMemoryReserved, megabytes(memory_reserved)),
                (Metric::EcsStorageReadBytes, current(container, self.raw.read_bytes)),
                (Metric::EcsStorageWriteBytes, current(container, self.raw.write_bytes)),
            ] {
                out.publish(container, prefix, metric, value);
            }
            network::publish_task_sum(out, container, prefix, &interfaces, self.raw);
        }
        if enhanced {
            let restarts = counter(container, self.raw.restarts).and_then(|restarts| restarts.delta());
            let unhealthy = match attribute(container, self.names.container_health) {
                Some("UNHEALTHY") => Some(1.0),
                Some("HEALTHY") => Some(0.0),
                _ => None,
            };
            for (prefix, metric, value) in [
                (Prefix::EcsContainer, Metric::EcsCpuUtilization, percent(cpu, cpu_reserved)),
                (Prefix::EcsContainer, Metric::EcsMemoryUtilization, percent(memory, memory_reserved)),
                (Prefix::Bare, Metric::EcsRestartCount, restarts),
                (Prefix::Bare, Metric::EcsUnhealthy, unhealthy),
            ] {
                out.publish(container, prefix, metric, value);
            }
        }
    }

    /// Returns the used CPU in 1024ths of a vCPU.
    fn cpu_used(&self, entity: Entity<'_>) -> Option<f64> {
        counter(entity, self.raw.cpu_usage)?.rate(CPU_UNITS)
    }

    /// Returns the used memory in bytes, as the ECS agent counts it: without inactive file pages on cgroup v2, without the
    /// page cache on v1.
    fn memory_used(&self, entity: Entity<'_>) -> Option<f64> {
        let usage = gauge(entity, self.raw.memory_usage)?;
        let cache = if self.is_v2 { None } else { gauge(entity, self.raw.memory_cache) };
        // Docker's statistics on v2 have no page cache, and a sidecar may not know the version.
        let unused = cache.or_else(|| gauge(entity, self.raw.memory_inactive_file))?;
        // The two values are read one after the other: pages may have been freed in between.
        Some((usage - unused).max(0.0))
    }
}

fn megabytes(bytes: Option<f64>) -> Option<f64> {
    bytes.map(|bytes| bytes / MEGABYTE)
}

fn current(entity: Entity<'_>, name: Name) -> Option<f64> {
    counter(entity, name).map(|counter| counter.current as f64)
}

/// Returns the sum of the known values, or `None` if none is known.
fn sum(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    values.flatten().reduce(|sum, value| sum + value)
}
