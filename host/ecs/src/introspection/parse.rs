//! Parsing of the responses.

use std::collections::HashSet;

use serde::de::MapAccess;

use crate::arn;
use crate::facts::{Instance, Task, TaskList};
use crate::json::{self, JsonError, Key, Notes, Problems, Record, Value};
use crate::wire::{MAX_LONG_TEXT_BYTES, MAX_TEXT_BYTES, TaskRecord};

/// Maximum number of tasks. An instance runs at most some hundred, beside those that were stopped in the last hours.
const MAX_TASKS: usize = 10_000;

/// Parses a response of `/v1/metadata`. Returns the instance and the parts that were left out.
///
/// # Errors
/// If it is not an object with one of the documented keys.
pub fn parse_instance(body: &[u8]) -> Result<(Instance, Problems), JsonError> {
    const WANTED: &str = "the ECS agent's metadata";
    let mut record = InstanceRecord::default();
    let problems = json::read(body, &mut record, WANTED)?;
    let InstanceRecord { is_metadata, instance } = record;
    if is_metadata { Ok((instance, problems)) } else { Err(JsonError::OtherDocument(WANTED)) }
}

/// Parses a response of `/v1/tasks`. Of several tasks with the same id the first is kept.
///
/// # Errors
/// If it is not an object with a list of tasks, or null for an empty one.
pub fn parse_tasks(body: &[u8]) -> Result<TaskList, JsonError> {
    const WANTED: &str = "the ECS agent's list of tasks";
    let mut record = TasksRecord::default();
    let problems = json::read(body, &mut record, WANTED)?;
    let TasksRecord { has_list, tasks, .. } = record;
    if has_list { Ok(TaskList { tasks, problems }) } else { Err(JsonError::OtherDocument(WANTED)) }
}

#[derive(Default)]
struct InstanceRecord {
    /// True if one of the keys is present, even if its value is null: the agent has no cluster until it has registered.
    is_metadata: bool,
    instance: Instance,
}

impl Record for InstanceRecord {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &Key, value: Value<'_, A>) -> Result<(), A::Error> {
        let Self { is_metadata, instance } = self;
        match key.lower() {
            "cluster" => {
                let name = |text: &str| arn::cluster_name(text).map(Box::from);
                instance.cluster = value.parsed(MAX_LONG_TEXT_BYTES, "a cluster", name)?;
            }
            "containerinstancearn" => {
                const NOUN: &str = "the ARN of a container instance";
                let id = |text: &str| arn::id(text, "container-instance").map(Box::from);
                instance.container_instance_id = value.parsed(MAX_LONG_TEXT_BYTES, NOUN, id)?;
            }
            "version" => instance.agent_version = value.text(MAX_TEXT_BYTES)?,
            _ => return Ok(()),
        }
        *is_metadata = true;
        Ok(())
    }
}

#[derive(Default)]
struct TasksRecord {
    has_list: bool,
    tasks: Vec<Task>,
    ids: HashSet<Box<str>>,
}

impl TasksRecord {
    fn add(&mut self, task: TaskRecord, notes: &mut Notes) {
        let Some(task) = task.into_task(notes) else { return };
        if self.ids.insert(task.id.clone()) {
            self.tasks.push(task);
        } else {
            notes.row(format_args!("another task has the id `{}`", task.id));
        }
    }
}

impl Record for TasksRecord {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &Key, value: Value<'_, A>) -> Result<(), A::Error> {
        if key.lower() == "tasks" {
            self.has_list = value.list(MAX_TASKS, |task, notes| self.add(task, notes))?;
        }
        Ok(())
    }
}
