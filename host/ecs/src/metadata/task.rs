//! The task, from `/task` and `/taskWithTags`.

use serde::de::MapAccess;

use crate::facts::Task;
use crate::json::{self, JsonError, Key, Problems, Record, Value};
use crate::wire::{MAX_LONG_TEXT_BYTES, MAX_TEXT_BYTES, TaskRecord};

/// Maximum number of errors of tags that are read.
const MAX_ERRORS: usize = 16;

/// Field of an error about the tags of the container instance, which are not used.
const INSTANCE_TAGS: &str = "ContainerInstanceTags";

/// The agent's own task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskMetadata {
    /// Short name of the cluster.
    pub cluster: Option<Box<str>>,
    /// The task.
    pub task: Task,
    /// Error text if the tags were requested and are not available.
    pub tags_error: Option<String>,
    /// Parts of the response that were left out.
    pub problems: Problems,
}

/// Parses a response of `/task` or `/taskWithTags`.
///
/// # Errors
/// If it is not an object with the ARN of a task.
pub fn parse_task(body: &[u8]) -> Result<TaskMetadata, JsonError> {
    const WANTED: &str = "a task of the metadata endpoint";
    let mut record = MetadataRecord::default();
    let problems = json::read(body, &mut record, WANTED)?;
    let MetadataRecord { task, tags_error } = record;
    let (cluster, task) = task.finish().map_err(|_| JsonError::OtherDocument(WANTED))?;
    Ok(TaskMetadata { cluster, task, tags_error, problems })
}

#[derive(Default)]
struct MetadataRecord {
    task: TaskRecord,
    tags_error: Option<String>,
}

impl Record for MetadataRecord {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &Key, value: Value<'_, A>) -> Result<(), A::Error> {
        if key.lower() != "errors" {
            return self.task.field(key, value);
        }
        let first = &mut self.tags_error;
        value.list(MAX_ERRORS, |error: ErrorRecord, _| {
            if error.field.as_deref() != Some(INSTANCE_TAGS) {
                first.get_or_insert_with(|| error.text());
            }
        })?;
        Ok(())
    }
}

/// Error of the ECS API that the endpoint passes on.
#[derive(Default)]
struct ErrorRecord {
    field: Option<Box<str>>,
    code: Option<Box<str>>,
    message: Option<Box<str>>,
}

impl ErrorRecord {
    fn text(&self) -> String {
        let Self { code, message, .. } = self;
        let texts: Vec<&str> = [code, message].into_iter().flatten().map(|text| &**text).collect();
        if texts.is_empty() { "an error without a message".into() } else { texts.join(": ") }
    }
}

impl Record for ErrorRecord {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &Key, value: Value<'_, A>) -> Result<(), A::Error> {
        match key.lower() {
            "errorfield" => self.field = value.text(MAX_TEXT_BYTES)?,
            "errorcode" => self.code = value.text(MAX_TEXT_BYTES)?,
            "errormessage" => self.message = value.text(MAX_LONG_TEXT_BYTES)?,
            _ => {}
        }
        Ok(())
    }
}
