//! Tasks and containers as the introspection API and the task metadata endpoint write them.
//!
//! The two differ in a few keys (`Arn` and `TaskARN`, `Version` and `Revision`), and the metadata endpoint has more of them.

mod container;
mod limits;

use serde::de::MapAccess;

use crate::arn;
use crate::facts::{EphemeralStorage, Task, TaskLimits};
use crate::json::{Key, Notes, Record, Value};
use container::ContainerRecord;
use limits::LimitsRecord;

/// Maximum number of containers of a task. ECS allows 10 in a task definition, and adds a few of its own.
pub(crate) const MAX_CONTAINERS: usize = 100;

/// Maximum number of tags. ECS allows 50.
const MAX_TAGS: usize = 100;

/// Maximum number of bytes of names, states and times; families and names of services have at most 255.
pub(crate) const MAX_TEXT_BYTES: usize = 512;

/// Maximum number of bytes of an ARN or the name of an image.
pub(crate) const MAX_LONG_TEXT_BYTES: usize = 2048;

/// Bytes of a MiB, the unit of limits and of ephemeral storage.
const MIB: f64 = 1_048_576.0;

/// A task.
#[derive(Debug, Default)]
pub(crate) struct TaskRecord {
    arn: Option<Box<str>>,
    cluster: Option<Box<str>>,
    limits: LimitsRecord,
    tags: TagsRecord,
    storage: StorageRecord,
    task: Task,
}

impl TaskRecord {
    /// Returns the task; `None` without an ARN of a task, which is recorded as a lost row.
    pub(crate) fn into_task(self, notes: &mut Notes) -> Option<Task> {
        match self.finish() {
            Ok((_, task)) => Some(task),
            Err(message) => {
                notes.row(message);
                None
            }
        }
    }

    /// Returns the cluster and the task.
    ///
    /// # Errors
    /// If there is no ARN of a task; the message says what is there instead.
    pub(crate) fn finish(self) -> Result<(Option<Box<str>>, Task), String> {
        let Self { arn, cluster, limits, mut tags, storage, task } = self;
        let Some(arn) = arn else { return Err("no ARN of the task".into()) };
        let Some(id) = arn::id(&arn, "task") else { return Err(format!("`{arn}` is not the ARN of a task")) };
        let cluster = cluster.as_deref().and_then(arn::cluster_name).map(Box::from);
        let limits = TaskLimits {
            cpu_millicores: limits.cpu().map(|cpus| cpus * 1000.0),
            memory_bytes: limits.memory_bytes(),
        };
        let bytes = |mib: Option<f64>| mib.filter(|mib| *mib >= 0.0).map(|mib| (mib * MIB) as u64);
        let ephemeral_storage =
            EphemeralStorage { reserved_bytes: bytes(storage.reserved), used_bytes: bytes(storage.utilized) };
        tags.0.sort();
        let id = id.into();
        Ok((cluster, Task { id, arn, limits, ephemeral_storage, tags: tags.0, ..task }))
    }
}

impl Record for TaskRecord {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &Key, value: Value<'_, A>) -> Result<(), A::Error> {
        let Self { task, .. } = self;
        let text = match key.lower() {
            "arn" | "taskarn" => {
                self.arn = value.text(MAX_LONG_TEXT_BYTES)?;
                return Ok(());
            }
            "cluster" => {
                self.cluster = value.text(MAX_LONG_TEXT_BYTES)?;
                return Ok(());
            }
            "containers" => {
                task.containers.clear();
                return value
                    .list(MAX_CONTAINERS, |record: ContainerRecord, notes| {
                        task.containers.extend(record.into_container(notes));
                    })
                    .map(|_| ());
            }
            "limits" => return value.record(&mut self.limits).map(|_| ()),
            "ephemeralstoragemetrics" => return value.record(&mut self.storage).map(|_| ()),
            "tasktags" => return value.record(&mut self.tags).map(|_| ()),
            "family" => &mut task.family,
            "version" | "revision" => &mut task.revision,
            "knownstatus" => &mut task.known_status,
            "desiredstatus" => &mut task.desired_status,
            "servicename" => &mut task.service,
            "launchtype" => &mut task.launch_type,
            "availabilityzone" => &mut task.zone,
            "createdat" => &mut task.created_at,
            "startedat" => &mut task.started_at,
            "pullstartedat" => &mut task.pull_started_at,
            "pullstoppedat" => &mut task.pull_stopped_at,
            _ => return Ok(()),
        };
        *text = value.text(MAX_TEXT_BYTES)?;
        Ok(())
    }
}

/// Ephemeral storage, in MiB.
#[derive(Debug, Default)]
struct StorageRecord {
    utilized: Option<f64>,
    reserved: Option<f64>,
}

impl Record for StorageRecord {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &Key, value: Value<'_, A>) -> Result<(), A::Error> {
        match key.lower() {
            "utilized" => self.utilized = value.number()?,
            "reserved" => self.reserved = value.number()?,
            _ => {}
        }
        Ok(())
    }
}

/// Tags, whose keys keep their case.
#[derive(Debug, Default)]
struct TagsRecord(Vec<(Box<str>, Box<str>)>);

impl Record for TagsRecord {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &Key, value: Value<'_, A>) -> Result<(), A::Error> {
        if key.text().is_empty() || self.0.len() >= MAX_TAGS {
            value.leave_out("a tag beyond the bounds");
        } else if let Some(tag) = value.text(MAX_TEXT_BYTES)? {
            self.0.push((key.text().into(), tag));
        }
        Ok(())
    }
}
