//! Attributes and gauges of tasks and containers, which both scopes share.

use std::collections::HashSet;

use insights_batch::{Builder, EntityId};

use crate::facts::{Container, Task, TaskOrigin};

/// Adds the attributes and gauges of a task to its entity. `tags` are the keys of the tags to add. What the endpoint does
/// not have is taken from `origin`.
pub(super) fn task(
    task: &Task,
    origin: Option<&TaskOrigin>,
    tags: &[String],
    entity: EntityId,
    builder: &mut Builder,
) {
    let service = task.service.as_deref().or_else(|| origin?.service.as_deref());
    let launch_type = task.launch_type.as_deref().or_else(|| origin?.launch_type.as_deref());
    let zone = task.zone.as_deref().or_else(|| origin?.zone.as_deref());
    for (key, value) in [
        ("task.id", Some(&*task.id)),
        ("task.arn", Some(&*task.arn)),
        ("task.family", task.family.as_deref()),
        ("task.revision", task.revision.as_deref()),
        ("task.status", task.known_status.as_deref()),
        ("task.desired_status", task.desired_status.as_deref()),
        ("task.service", service),
        ("task.launch_type", launch_type),
        ("task.zone", zone),
        ("task.created_at", task.created_at.as_deref()),
        ("task.started_at", task.started_at.as_deref()),
        ("task.pull_started_at", task.pull_started_at.as_deref()),
        ("task.pull_stopped_at", task.pull_stopped_at.as_deref()),
    ] {
        attribute(builder, entity, key, value);
    }
    for (key, value) in task.tags.iter().filter(|(key, _)| tags.iter().any(|wanted| **wanted == **key)) {
        builder.attribute(entity, &format!("task.tag.{key}"), value);
    }
    let (limits, storage) = (&task.limits, &task.ephemeral_storage);
    if let Some(millicores) = limits.cpu_millicores {
        builder.gauge(entity, "task.limit_cpu_millicores", millicores);
    }
    gauge(builder, entity, "task.limit_memory_bytes", limits.memory_bytes);
    gauge(builder, entity, "task.ephemeral_storage_reserved_bytes", storage.reserved_bytes);
    gauge(builder, entity, "task.ephemeral_storage_used_bytes", storage.used_bytes);
}

/// Adds the attributes and gauges of a container to its entity.
pub(super) fn container(container: &Container, entity: EntityId, builder: &mut Builder) {
    for (key, value) in [
        ("container.name", Some(&*container.name)),
        ("container.id", container.docker_id.as_deref()),
        ("container.image", container.image.as_deref()),
        ("container.status", container.known_status.as_deref()),
        ("container.kind", Some(if container.is_internal { "internal" } else { "main" })),
        ("network.mode", container.network_mode.as_deref()),
        ("container.health", container.health.as_deref()),
    ] {
        attribute(builder, entity, key, value);
    }
    if let Some(shares) = container.limits.cpu_shares {
        builder.gauge(entity, "container.limit_cpu_shares", shares);
    }
    gauge(builder, entity, "container.limit_memory_bytes", container.limits.memory_bytes);
}

/// Returns the containers of a task with the ids of their entities: `TASKID/NAME`, and for a second container of the same name
/// `TASKID/NAME/DOCKERID`. Leaves out one that would have the id of another.
pub(super) fn with_ids(task: &Task) -> impl Iterator<Item = (String, &Container)> {
    let mut seen = HashSet::with_capacity(task.containers.len());
    task.containers.iter().filter_map(move |container| {
        let mut id = format!("{}/{}", task.id, container.name);
        if !seen.insert(id.clone()) {
            id = format!("{id}/{}", container.docker_id.as_deref()?);
            if !seen.insert(id.clone()) {
                return None;
            }
        }
        Some((id, container))
    })
}

pub(super) fn attribute(builder: &mut Builder, entity: EntityId, key: &str, value: Option<&str>) {
    if let Some(value) = value {
        builder.attribute(entity, key, value);
    }
}

pub(super) fn gauge(builder: &mut Builder, entity: EntityId, name: &str, value: Option<u64>) {
    if let Some(value) = value {
        builder.gauge(entity, name, value as f64);
    }
}
