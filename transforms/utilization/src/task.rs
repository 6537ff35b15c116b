//! Metrics of ECS tasks and their containers.

mod value;

use alloc::vec::Vec;

use insights_sdk::{Batch, Entity};

use crate::metrics::{Metric, Prefix, Publisher, percent};
use crate::network;
use crate::raw::{Raw, TaskRaw, attribute, counter, gauge};
use value::{CPU_RESERVED, CPU_USED, MEGABYTE, MEMORY_RESERVED, MEMORY_USED, Values};

/// Kind of the entities, and scope of the batch of a sidecar.
pub(crate) const KIND: &str = "task";

/// Bytes of a gigabyte of ephemeral storage: AWS reports 21.47 for the default of 20 GiB.
const GIGABYTE: f64 = 1e9;

/// Metrics of tasks and containers, in the order of [`Values`].
const METRICS: [Metric; value::COUNT] = [
    Metric::EcsCpuUtilized,
    Metric::EcsCpuReserved,
    Metric::EcsMemoryUtilized,
    Metric::EcsMemoryReserved,
    Metric::EcsStorageReadBytes,
    Metric::EcsStorageWriteBytes,
];

/// A task with its values.
struct Task<'b> {
    entity: Entity<'b>,
    containers: Vec<Entity<'b>>,
    values: Values,
}

/// The tasks of a batch, in the order of their entities.
pub(crate) struct Tasks<'b, 'r> {
    list: Vec<Task<'b>>,
    raw: &'r Raw,
    names: TaskRaw,
    /// `true` on a node with cgroup v2.
    is_v2: bool,
    /// `true` in the batch of a sidecar, which knows the task's limits but not its cgroups.
    is_sidecar: bool,
}

impl<'b, 'r> Tasks<'b, 'r> {
    /// Returns the tasks, or `None` if the batch has none.
    pub(crate) fn new(batch: &'b Batch, raw: &'r Raw) -> Option<Self> {
        let entities = batch.of_kind(KIND);
        entities.first()?;
        let is_v2 = batch.node().and_then(|node| node.attribute("cgroup.version")) == Some("2");
        let is_sidecar = batch.scope() == KIND;
        let mut tasks = Self { list: Vec::new(), raw, names: TaskRaw::new(batch), is_v2, is_sidecar };
        for entity in entities {
            let containers = entity.children_of_kind("container");
            let values = tasks.values(entity, &containers);
            tasks.list.push(Task { entity, containers, values });
        }
        Some(tasks)
    }

    /// Returns the number of running tasks, and the CPU units and bytes of memory reserved for them.
    pub(crate) fn running(&self) -> (f64, f64, f64) {
        let (mut count, mut cpu, mut memory) = (0.0, 0.0, 0.0);
        for task in &self.list {
            if attribute(task.entity, self.names.status) == Some("RUNNING") {
                count += 1.0;
                cpu += task.values[CPU_RESERVED].unwrap_or(0.0);
                memory += task.values[MEMORY_RESERVED].unwrap_or(0.0);
            }
        }
        (count, cpu, memory * MEGABYTE)
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
        let owner = match kind {
            "Task" => Some(entity),
            "Container" => entity.parent(),
            _ => None,
        };
        let task = self.list.iter().find(|task| Some(task.entity) == owner);
        match task {
            Some(task) if task.entity == entity => self.publish_task(out, task, enhanced),
            Some(_) => self.publish_container(out, entity, enhanced),
            None => return false,
        }
        true
    }

    fn publish_task(&self, out: &mut Publisher<'_>, task: &Task<'_>, enhanced: bool) {
        let (entity, values) = (task.entity, &task.values);
        out.publish_each(entity, Prefix::Bare, &METRICS, values);
        let mut interfaces = entity.children_of_kind("interface");
        for container in &task.containers {
            interfaces.extend(container.children_of_kind("interface"));
        }
        network::publish_task_sum(out, entity, &interfaces, self.raw, false);
        let reserved = gauge(entity, self.names.storage_reserved);
        let used = gauge(entity, self.names.storage_used);
        let storage = [reserved.map(|bytes| bytes / GIGABYTE), used.map(|bytes| bytes / GIGABYTE)];
        let metrics = [Metric::EcsEphemeralStorageReserved, Metric::EcsEphemeralStorageUtilized];
        out.publish_each(entity, Prefix::Bare, &metrics, &storage);
        if enhanced {
            publish_ratios(out, entity, Prefix::EcsTask, values);
            out.publish(
                entity,
                Prefix::EcsTask,
                Metric::EcsEphemeralStorageUtilization,
                percent(used, reserved),
            );
        }
    }

    fn publish_container(&self, out: &mut Publisher<'_>, container: Entity<'_>, enhanced: bool) {
        let values = self.values(container, &[]);
        out.publish_each(container, Prefix::Bare, &METRICS, &values);
        // In an awsvpc task the network namespace belongs to the task, whichever container has the interfaces.
        if attribute(container, self.names.network_mode) != Some("awsvpc") {
            let interfaces = container.children_of_kind("interface");
            network::publish_task_sum(out, container, &interfaces, self.raw, enhanced);
        }
        if enhanced {
            out.publish_each(container, Prefix::EcsContainer, &METRICS, &values);
            publish_ratios(out, container, Prefix::EcsContainer, &values);
            let restarts = counter(container, self.raw.restarts).and_then(|restarts| restarts.delta());
            let unhealthy = match attribute(container, self.names.container_health) {
                Some("UNHEALTHY") => Some(1.0),
                Some("HEALTHY") => Some(0.0),
                _ => None,
            };
            let metrics = [Metric::EcsRestartCount, Metric::EcsUnhealthy];
            out.publish_each(container, Prefix::Bare, &metrics, &[restarts, unhealthy]);
        }
    }
}

/// Publishes used CPU and memory in percent of what is reserved.
#[inline(never)]
fn publish_ratios(out: &mut Publisher<'_>, entity: Entity<'_>, prefix: Prefix, values: &Values) {
    let ratios = [
        percent(values[CPU_USED], values[CPU_RESERVED]),
        percent(values[MEMORY_USED], values[MEMORY_RESERVED]),
    ];
    out.publish_each(entity, prefix, &[Metric::EcsCpuUtilization, Metric::EcsMemoryUtilization], &ratios);
}
