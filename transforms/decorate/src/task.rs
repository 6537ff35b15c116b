//! Events of ECS tasks and their containers.

mod join;

use alloc::vec::Vec;

use insights_sdk::{Batch, Entity, Name};

use crate::event::{Pairs, set_all, start};
use crate::join::Joined;
use crate::keys::{Keys, attribute, copy_text, set, value};
use crate::options::{Labels, Options};

/// Kind of the entities, and scope of the batch of a sidecar.
pub(crate) const KIND: &str = "task";

/// Start of the names of tags.
const TAG: &str = "task.tag.";

/// Attributes with the names that they have in events of the ECS agent. The first ones are those of a task that its
/// containers' events carry too.
const NAMES: [(&str, &str); 13] = [
    ("task.family", "TaskDefinitionFamily"),
    ("task.revision", "TaskDefinitionRevision"),
    ("task.service", "ServiceName"),
    ("task.zone", "AvailabilityZone"),
    ("task.status", "KnownStatus"),
    ("task.launch_type", "LaunchType"),
    ("task.pull_started_at", "PullStartedAt"),
    ("task.pull_stopped_at", "PullStoppedAt"),
    ("task.created_at", "CreatedAt"),
    ("task.started_at", "StartedAt"),
    ("container.name", "ContainerName"),
    ("container.image", "Image"),
    ("container.status", "ContainerKnownStatus"),
];
/// Position in [`NAMES`] of the first attribute that only the task has.
const OF_TASK: usize = 3;
/// Position of the first attribute of a container.
const OF_CONTAINER: usize = 10;

/// Turns all tasks that have a cgroup or usage values, and their containers, into events. `shared` holds what is known of
/// the node.
pub(crate) fn mark(options: &Options, tasks: &[Entity<'_>], shared: &[(Name, Name)], keys: &Keys) {
    let Some(&first) = tasks.first() else { return };
    let batch = first.batch();
    let mut of_node = Vec::new();
    for (key, name) in [
        (keys.cluster_name, keys.cluster_name),
        (keys.container_instance_id, keys.container_instance_id),
        (keys.instance_id, batch.name("EC2InstanceId")),
    ] {
        if let Some(&(_, value)) = shared.iter().find(|(known, _)| *known == key) {
            of_node.push((name, value));
        }
    }
    let mut marker = Marker {
        tags: &options.task_tags,
        keys,
        names: NAMES.iter().map(|&(raw, name)| (batch.name(raw), batch.name(name))).collect(),
        joined: join::join(batch, tasks, keys),
        header: start(batch, "Task", "", &of_node, keys),
        types: [batch.name("Task"), batch.name("Container")],
        identity: Vec::new(),
        tagged: Vec::new(),
    };
    for &task in tasks {
        marker.task(task);
    }
}

/// Turns the task of a batch of scope `task`, and its containers, into events. Their values are already on them.
pub(crate) fn mark_own(options: &Options, batch: &Batch, keys: &Keys) {
    let tasks = batch.of_kind(KIND);
    let Some(&task) = tasks.first() else { return };
    let cluster = options.cluster_name.as_deref().map(|name| batch.name(name));
    let cluster = cluster.or_else(|| value(task, keys.raw_cluster_name));
    let shared = cluster.map(|cluster| (keys.cluster_name, cluster));
    mark(options, &tasks, shared.as_slice(), keys);
    // Without a dot in its name it would become a member of the event.
    task.rename_attribute("orchestrator", "node.orchestrator");
}

struct Marker<'m> {
    tags: &'m Labels,
    keys: &'m Keys,
    /// Handles of [`NAMES`].
    names: Pairs,
    joined: Joined,
    /// `Type`, first, and what is known of the node.
    header: Pairs,
    /// Values of `Type` for tasks and containers.
    types: [Name; 2],
    /// Attributes set on the task and all its containers.
    identity: Pairs,
    /// Attributes from tags; they never replace another attribute of the event.
    tagged: Pairs,
}

impl Marker<'_> {
    fn task(&mut self, task: Entity<'_>) {
        let containers = task.children_of_kind("container");
        let has_usage = |entity: Entity<'_>| self.joined.has(entity, self.keys);
        let is_event = has_usage(task)
            || task.gauge("task.ephemeral_storage_used_bytes").is_some()
            || containers.iter().any(|&container| has_usage(container));
        if !is_event {
            return;
        }
        let batch = task.batch();
        self.identify(task);
        self.event(task, self.types[0], OF_TASK..OF_CONTAINER);
        // `arn:PARTITION:ecs:REGION:ACCOUNT:task/CLUSTER/ID`
        let mut parts = task.attribute("task.arn").unwrap_or_default().split(':').skip(3);
        for name in ["Region", "AccountID"] {
            if let Some(part) = parts.next().filter(|part| !part.is_empty()) {
                task.set_attribute_name(batch.name(name), batch.name(part));
            }
        }
        for container in containers {
            let is_internal = attribute(container, self.keys.raw_container_kind) == Some("internal");
            if !is_internal && self.joined.has(container, self.keys) {
                self.event(container, self.types[1], OF_CONTAINER..NAMES.len());
            }
        }
    }

    /// Turns a task, or a container of the task of the last [`Marker::identify`] call, into an event.
    #[inline(never)]
    fn event(&self, entity: Entity<'_>, kind: Name, own: core::ops::Range<usize>) {
        set_all(entity, &self.header);
        set(entity, self.keys.kind, kind);
        set_all(entity, &self.identity);
        for &(raw, name) in self.names.get(own).unwrap_or_default() {
            copy_text(entity, raw, entity, name);
        }
        for &(key, tag) in &self.tagged {
            if value(entity, key).is_none() {
                set(entity, key, tag);
            }
        }
    }

    /// Collects the attributes that identify the task, and its tags.
    fn identify(&mut self, task: Entity<'_>) {
        let batch = task.batch();
        self.identity.clear();
        self.tagged.clear();
        let id = batch.name(task.id());
        // Formatters recognize events of tasks by the raw id.
        for name in [join::TASK_ID, "TaskId"] {
            self.identity.push((batch.name(name), id));
        }
        for &(raw, name) in self.names.iter().take(OF_TASK) {
            if let Some(value) = value(task, raw).filter(|&value| !batch.text(value).is_empty()) {
                self.identity.push((name, value));
            }
        }
        for (key, value) in task.attribute_names() {
            if let Some(tag) = batch.text(key).strip_prefix(TAG).filter(|tag| self.tags.has(tag)) {
                self.tagged.push((batch.name(tag), value));
            }
        }
    }
}
