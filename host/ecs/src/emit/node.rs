//! Scope `node`: the tasks of a container instance.

use std::time::Instant;

use insights_batch::{Builder, EntityId};

use super::counters::Counters;
use super::describe::{self, attribute};
use crate::facts::TaskOrigins;
use crate::watch::EcsData;

/// Reason of a missing list before the first response.
const NOT_YET: &str = "the ECS agent has not responded yet";

/// The entities that the facts are added to.
#[derive(Clone, Copy, Debug)]
pub struct NodeEntities {
    /// The node, which tasks are below of.
    pub node: EntityId,
    /// The instance.
    pub instance: Option<EntityId>,
}

/// An emitter of the tasks of a container instance. Keeps the previous values of their counters.
#[derive(Debug)]
pub struct NodeEmitter {
    tags: Vec<String>,
    counters: Counters,
    /// Origin of the clock of the counters.
    started_at: Instant,
}

impl NodeEmitter {
    /// Creates an emitter that adds the tags with the keys `tags`.
    pub fn new(tags: Vec<String>) -> Self {
        Self { tags, counters: Counters::default(), started_at: Instant::now() }
    }

    /// Adds the age of the task list, or the reason why it is missing, the id of the container instance, and the tasks with
    /// their containers. The attributes `orchestrator` and `cluster.name` of the node are left to the caller.
    ///
    /// `now` is the time at which the tick requested the list: a list that was read since has the age 0.
    pub fn emit(
        &mut self,
        data: Option<&EcsData>,
        origins: &TaskOrigins,
        now: Instant,
        entities: NodeEntities,
        builder: &mut Builder,
    ) {
        let NodeEntities { node, instance } = entities;
        let error = data.map_or(Some(NOT_YET), |data| data.tasks_error.as_deref());
        attribute(builder, node, "ecs.error", error);
        let Some(data) = data else { return };
        if let Some(instance) = instance {
            let id = data.instance.container_instance_id.as_deref();
            attribute(builder, instance, "container_instance.id", id);
        }
        let (Some(list), Some(read_at)) = (&data.tasks, data.tasks_read_at) else { return };
        let age = now.saturating_duration_since(read_at);
        builder.gauge(node, "ecs.age_ms", age.as_millis() as f64);
        let read_at_ns = self.nanoseconds(read_at);
        for task in &list.tasks {
            let entity = builder.entity("task", &task.id, Some(node));
            describe::task(task, origins.get(&task.id), &self.tags, entity, builder);
            for (id, container) in describe::with_ids(task) {
                let below = builder.entity("container", &id, Some(entity));
                describe::container(container, below, builder);
                if let Some(restarts) = container.restarts {
                    let owner = container.docker_id.as_deref().unwrap_or(&id);
                    let previous = self.counters.record(owner, "container.restarts", restarts, read_at_ns);
                    builder.counter(below, "container.restarts", restarts, previous);
                }
            }
        }
        self.counters.end_of_reading();
    }

    /// Returns nanoseconds since the emitter was created; negative before.
    fn nanoseconds(&self, at: Instant) -> i64 {
        let nanoseconds =
            |duration: std::time::Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        match at.checked_duration_since(self.started_at) {
            Some(since) => nanoseconds(since),
            None => -nanoseconds(self.started_at.duration_since(at)),
        }
    }
}

#[cfg(test)]
mod tests;
