//! Events of ECS tasks and their containers.

mod join;

pub(crate) use join::join;

use alloc::string::String;
use alloc::vec::Vec;

use insights_sdk::{Batch, Entity, Name};

use crate::event::{Facts, Pairs, set_all, start};
use crate::join::{Joined, has_usage};
use crate::keys::{Keys, attribute, copy_text, set, value};
use crate::options::{Labels, Options};

/// Kind of the entities.
pub(crate) const KIND: &str = "task";

/// Start of the names of tags.
const TAG: &str = "task.tag.";

/// Attributes of a task that its containers' events carry too: raw name, and the name in events of the ECS agent.
const SHARED: [(&str, &str); 3] = [
    ("task.family", "TaskDefinitionFamily"),
    ("task.revision", "TaskDefinitionRevision"),
    ("task.service", "ServiceName"),
];

/// Attributes of the task alone.
const OF_TASK: [(&str, &str); 7] = [
    ("task.zone", "AvailabilityZone"),
    ("task.status", "KnownStatus"),
    ("task.launch_type", "LaunchType"),
    ("task.pull_started_at", "PullStartedAt"),
    ("task.pull_stopped_at", "PullStoppedAt"),
    ("task.created_at", "CreatedAt"),
    ("task.started_at", "StartedAt"),
];

/// Attributes of a container alone.
const OF_CONTAINER: [(&str, &str); 3] = [
    ("container.name", "ContainerName"),
    ("container.image", "Image"),
    ("container.status", "ContainerKnownStatus"),
];

/// Turns the tasks of a container instance that have a cgroup or usage values, and their containers, into events.
pub(crate) fn mark(options: &Options, tasks: &[Entity<'_>], facts: &Facts, keys: &Keys, joined: &Joined) {
    let Some(batch) = tasks.first().map(|task| task.batch()) else { return };
    let of_node = |key: Name| facts.shared.iter().find(|(known, _)| *known == key).map(|&(_, value)| value);
    let shared = [
        (keys.cluster_name, of_node(keys.cluster_name)),
        (keys.container_instance_id, of_node(keys.container_instance_id)),
        (batch.name("EC2InstanceId"), of_node(keys.instance_id)),
    ];
    let shared: Pairs = shared.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    let mut marker = Marker::new(batch, options, keys, joined, &shared);
    tasks.iter().for_each(|&task| marker.task(task));
}

/// Turns the only task of a batch of scope `task`, and its containers, into events. Their values are already on them.
pub(crate) fn mark_own(options: &Options, batch: &Batch, keys: &Keys) {
    let joined = Joined::new(batch);
    for task in batch.of_kind(KIND) {
        let cluster = options.cluster_name.as_deref().map(|name| batch.name(name));
        let cluster = cluster.or_else(|| value(task, keys.raw_cluster_name));
        let shared: Pairs = cluster.into_iter().map(|cluster| (keys.cluster_name, cluster)).collect();
        // Without a dot in its name it would become a member of the event.
        task.rename_attribute("orchestrator", "node.orchestrator");
        Marker::new(batch, options, keys, &joined, &shared).task(task);
    }
}

struct Marker<'m> {
    tags: &'m Labels,
    keys: &'m Keys,
    names: Names,
    joined: &'m Joined,
    of_task: Pairs,
    of_container: Pairs,
    /// Attributes set on the task and all its containers.
    identity: Pairs,
    /// Attributes from tags; they never replace another attribute of the event.
    tagged: Pairs,
}

/// Handles of the names that only tasks use.
struct Names {
    raw_id: Name,
    id: Name,
    arn: Name,
    account: Name,
    region: Name,
    ephemeral_storage_used: Name,
    shared: [(Name, Name); SHARED.len()],
    of_task: [(Name, Name); OF_TASK.len()],
    of_container: [(Name, Name); OF_CONTAINER.len()],
}

impl Names {
    fn new(batch: &Batch) -> Self {
        let pair = |(raw, name): (&str, &str)| (batch.name(raw), batch.name(name));
        Self {
            raw_id: batch.name(join::TASK_ID),
            id: batch.name("TaskId"),
            arn: batch.name("task.arn"),
            account: batch.name("AccountID"),
            region: batch.name("Region"),
            ephemeral_storage_used: batch.name("task.ephemeral_storage_used_bytes"),
            shared: SHARED.map(pair),
            of_task: OF_TASK.map(pair),
            of_container: OF_CONTAINER.map(pair),
        }
    }
}

impl<'m> Marker<'m> {
    fn new(
        batch: &Batch,
        options: &'m Options,
        keys: &'m Keys,
        joined: &'m Joined,
        shared: &[(Name, Name)],
    ) -> Self {
        Self {
            tags: &options.task_tags,
            keys,
            names: Names::new(batch),
            joined,
            of_task: start(batch, "Task", "", shared, keys),
            of_container: start(batch, "Container", "", shared, keys),
            identity: Vec::new(),
            tagged: Vec::new(),
        }
    }

    fn task(&mut self, task: Entity<'_>) {
        let containers = task.children_of_kind("container");
        let has_storage = || task.gauge(self.names.ephemeral_storage_used).is_some();
        if !self.is_there(task)
            && !has_storage()
            && !containers.iter().any(|&container| self.is_there(container))
        {
            return;
        }
        self.identify(task);
        set_all(task, &self.of_task);
        set_all(task, &self.identity);
        copy_all(task, &self.names.of_task);
        if let Some((region, account)) = attribute(task, self.names.arn).and_then(region_and_account) {
            let batch = task.batch();
            set(task, self.names.region, batch.name(region));
            set(task, self.names.account, batch.name(account));
        }
        self.add_tags(task);
        for container in containers {
            let is_internal = attribute(container, self.keys.raw_container_kind) == Some("internal");
            if !is_internal && self.is_there(container) {
                set_all(container, &self.of_container);
                set_all(container, &self.identity);
                copy_all(container, &self.names.of_container);
                self.add_tags(container);
            }
        }
    }

    /// Returns true for a task or container with a cgroup or usage values.
    fn is_there(&self, entity: Entity<'_>) -> bool {
        self.joined.has(entity) || has_usage(entity, self.keys)
    }

    /// Collects the attributes that identify the task.
    fn identify(&mut self, task: Entity<'_>) {
        let (batch, names) = (task.batch(), &self.names);
        self.identity.clear();
        self.tagged.clear();
        let id = value(task, names.raw_id).unwrap_or_else(|| batch.name(task.id()));
        // The raw id stays: formatters recognize events of tasks by it.
        self.identity.push((names.raw_id, id));
        self.identity.push((names.id, id));
        for &(raw, name) in &names.shared {
            if let Some(value) = value(task, raw).filter(|&value| !batch.text(value).is_empty()) {
                self.identity.push((name, value));
            }
        }
        for (key, value) in task.attribute_names() {
            let Some(tag) = batch.text(key).strip_prefix(TAG).filter(|tag| self.tags.has(tag)) else {
                continue;
            };
            self.tagged.push((batch.name(&without_dots(tag)), value));
        }
    }

    fn add_tags(&self, entity: Entity<'_>) {
        for &(key, tag) in &self.tagged {
            if value(entity, key).is_none() {
                set(entity, key, tag);
            }
        }
    }
}

fn copy_all(entity: Entity<'_>, names: &[(Name, Name)]) {
    for &(raw, name) in names {
        copy_text(entity, raw, entity, name);
    }
}

/// Returns the name of the attribute of a tag: names with a dot are raw, and formatters leave them out.
fn without_dots(tag: &str) -> String {
    tag.chars().map(|character| if character == '.' { '_' } else { character }).collect()
}

/// Returns region and account of an ARN, `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`; `None` if one is missing.
fn region_and_account(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.strip_prefix("arn:")?.split(':').skip(2);
    let (region, account) = (parts.next()?, parts.next()?);
    parts.next().filter(|_| !region.is_empty() && !account.is_empty())?;
    Some((region, account))
}
