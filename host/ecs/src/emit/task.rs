//! Scope `task`: the agent's own task, with the metrics of its containers.

mod usage;

use insights_batch::{Builder, EntityId};

use super::counters::Counters;
use super::describe::{self, attribute};
use crate::facts::Task;
use crate::metadata::{ContainerStats, TaskStats};
use crate::watch::TaskData;
use usage::Reading;

/// Owner of the counters of interfaces that all containers share.
const TASK: &str = "task";

/// An emitter of the agent's own task. Keeps the previous values of its counters.
#[derive(Debug, Default)]
pub struct TaskEmitter {
    tags: Vec<String>,
    counters: Counters,
}

impl TaskEmitter {
    /// Creates an emitter that adds the tags with the keys `tags`.
    pub fn new(tags: Vec<String>) -> Self {
        Self { tags, counters: Counters::default() }
    }

    /// Adds the task as the root of the batch, its containers, and their metrics. Returns the entity of the task; `None` if
    /// the task is not known yet.
    pub fn emit(&mut self, data: &TaskData, builder: &mut Builder) -> Option<EntityId> {
        let metadata = data.metadata.as_deref()?;
        let task = &metadata.task;
        let root = builder.entity("task", &task.id, None);
        builder.attribute(root, "orchestrator", "ecs");
        attribute(builder, root, "cluster.name", metadata.cluster.as_deref());
        describe::task(task, None, &self.tags, root, builder);
        builder.gauge(root, "agent.heartbeat", 1.0);
        let stats = data.stats.as_deref();
        let shared = stats.and_then(|stats| latest_of_shared_interfaces(task, stats));
        if let Some(latest) = shared {
            Reading { owner: TASK, read_at_ns: latest.read_at_ns, counters: &mut self.counters }.interfaces(
                &latest.interfaces,
                root,
                builder,
            );
        }
        for (id, container) in describe::with_ids(task) {
            let entity = builder.entity("container", &id, Some(root));
            describe::container(container, entity, builder);
            let of_container = stats.and_then(|stats| find(stats, container.docker_id.as_deref()?));
            let read_at_ns = of_container.and_then(|stats| stats.read_at_ns);
            let owner = container.docker_id.as_deref().unwrap_or(&id);
            let mut reading = Reading { owner, read_at_ns, counters: &mut self.counters };
            if let Some(restarts) = container.restarts {
                reading.counter("container.restarts", Some(restarts), entity, builder);
            }
            let Some(of_container) = of_container else { continue };
            reading.usage(of_container, entity, builder);
            if shared.is_none() {
                reading.interfaces(&of_container.interfaces, entity, builder);
            }
        }
        // Without statistics nothing was read, and the earlier readings stay the baseline.
        if stats.is_some() {
            self.counters.end_of_reading();
        }
        Some(root)
    }
}

fn find<'s>(stats: &'s TaskStats, docker_id: &str) -> Option<&'s ContainerStats> {
    stats.containers.iter().find(|stats| &*stats.docker_id == docker_id)
}

/// Returns the latest reading of the interfaces if all containers share them: in the network mode `awsvpc` they are in one
/// network namespace, and each shows its interfaces. Containers without statistics of interfaces do not count.
fn latest_of_shared_interfaces<'s>(task: &Task, stats: &'s TaskStats) -> Option<&'s ContainerStats> {
    let mut modes =
        task.containers.iter().filter_map(|container| container.network_mode.as_deref()).peekable();
    modes.peek()?;
    if !modes.all(|mode| mode == "awsvpc") {
        return None;
    }
    let names = |stats: &ContainerStats| {
        let mut names: Vec<Box<str>> =
            stats.interfaces.iter().map(|interface| interface.name.clone()).collect();
        names.sort();
        names
    };
    let with_interfaces: Vec<&ContainerStats> =
        stats.containers.iter().filter(|stats| !stats.interfaces.is_empty()).collect();
    let (first, others) = with_interfaces.split_first()?;
    let first_names = names(first);
    let are_equal = others.iter().all(|stats| names(stats) == first_names);
    let latest = with_interfaces.into_iter().max_by_key(|stats| stats.read_at_ns);
    latest.filter(|_| are_equal)
}

#[cfg(test)]
mod tests;
