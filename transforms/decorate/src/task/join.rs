//! Joins cgroups with the tasks and containers of ECS that they belong to.

use insights_sdk::{Batch, Entity};

use crate::join::{Joined, move_points};
use crate::keys::{Keys, attribute};

/// Name of the attribute that names a cgroup's task.
pub(crate) const TASK_ID: &str = "task.id";

/// Moves metrics and interfaces of cgroups to their tasks and containers. The cgroups stay, for the caller to drop.
pub(crate) fn join(batch: &Batch, tasks: &[Entity<'_>], keys: &Keys) -> Joined {
    let task_id = batch.name(TASK_ID);
    let mut joined = Joined::new(batch);
    for cgroup in batch.of_kind("cgroup") {
        let task = attribute(cgroup, task_id).and_then(|id| batch.find(super::KIND, id));
        match attribute(cgroup, keys.cgroup_role) {
            Some("task") => {
                if let Some(task) = task {
                    move_points(cgroup, task, keys);
                    joined.note(task);
                }
            }
            Some("container") => {
                let container = attribute(cgroup, keys.raw_container_id).and_then(|id| match task {
                    Some(task) => find(task, id, keys),
                    // With task limits switched off, the path names the container alone.
                    None => tasks.iter().find_map(|&task| find(task, id, keys)),
                });
                if let Some(container) = container {
                    move_points(cgroup, container, keys);
                    joined.note(container);
                }
                // The agent does not list the containers of the platform, such as the one that owns the network of an
                // awsvpc task. Their traffic is the task's.
                if let Some(owner) = container.or(task) {
                    take_interfaces(cgroup, owner, keys);
                }
            }
            _ => {}
        }
    }
    joined
}

/// Returns the container of a task with this runtime id.
fn find<'b>(task: Entity<'b>, id: &str, keys: &Keys) -> Option<Entity<'b>> {
    let mut containers = task.children_of_kind("container").into_iter();
    containers.find(|container| attribute(*container, keys.raw_container_id) == Some(id))
}

/// Moves interfaces to a task or container, except in the host network: those belong to the node.
fn take_interfaces(cgroup: Entity<'_>, owner: Entity<'_>, keys: &Keys) {
    if attribute(cgroup, keys.network_host) != Some("true") {
        for interface in cgroup.children_of_kind("interface") {
            interface.set_parent(Some(owner));
        }
    }
}
