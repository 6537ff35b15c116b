//! Request and response of DescribeTasks in the protocol AWS JSON 1.1.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;
use serde::de::MapAccess;
use serde_json::json;

use crate::arn;
use crate::facts::{TaskOrigin, TaskOrigins};
use crate::json::{self, JsonError, Key, Record, Value};
use crate::wire::{MAX_LONG_TEXT_BYTES, MAX_TEXT_BYTES};

/// Operation in the header of the protocol.
const TARGET: &str = "AmazonEC2ContainerServiceV20141113.DescribeTasks";

/// Header of an error's code.
const ERROR_TYPE: &str = "x-amzn-errortype";

/// Prefix of the group of a task that a service started.
const SERVICE: &str = "service:";

/// Prefix of the group of a task of the platform's daemons, which is part of the name.
const DAEMON: &str = "daemon:";

/// Returns the body of a request.
pub(super) fn request(cluster: &str, arns: &[&str]) -> String {
    json!({"cluster": cluster, "tasks": arns}).to_string()
}

/// Creates a request; the runtime adds endpoint and signature.
pub(super) fn serialize(body: String) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST")?;
    request.set_uri("/")?;
    request.headers_mut().insert("content-type", "application/x-amz-json-1.1");
    request.headers_mut().insert("x-amz-target", TARGET);
    Ok(request)
}

/// Reads a response of any status.
pub(super) fn deserialize(response: &HttpResponse) -> Result<TaskOrigins, OrchestratorError<ErrorMetadata>> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        return tasks(body).map_err(|error| OrchestratorError::response(error.into()));
    }
    let header = response.headers().get(ERROR_TYPE);
    Err(OrchestratorError::operation(parse_error(header, body)))
}

/// Reads the tasks of a response.
///
/// # Errors
/// If it is not a complete JSON object with a list of tasks.
fn tasks(body: &[u8]) -> Result<TaskOrigins, JsonError> {
    const WANTED: &str = "a response of DescribeTasks";
    let mut record = ResponseRecord::default();
    let problems = json::read(body, &mut record, WANTED)?;
    if !record.has_tasks {
        return Err(JsonError::OtherDocument(WANTED));
    }
    if !problems.is_empty() {
        tracing::warn!(problem = problems.first, "parts of an ECS API response are left out");
    }
    Ok(record.origins)
}

/// Reads code and message of an error, if present.
fn parse_error(header: Option<&str>, body: &[u8]) -> ErrorMetadata {
    let mut record = ErrorRecord::default();
    // A proxy may respond with another document; then the status tells more.
    let _ = json::read(body, &mut record, "an error");
    let mut error = ErrorMetadata::builder();
    if let Some(code) = header.or(record.code.as_deref()) {
        error = error.code(error_code(code));
    }
    if let Some(message) = record.message {
        error = error.message(message);
    }
    error.build()
}

/// Returns the code without its namespace and the address behind it, which servers may add: `NAMESPACE#CODE:ADDRESS`.
fn error_code(code: &str) -> &str {
    let code = code.split(':').next().unwrap_or_default();
    code.rsplit('#').next().unwrap_or_default()
}

/// Returns the name of the service in a task's group, which is `service:NAME` or `family:NAME`.
fn service(group: &str) -> Option<&str> {
    let name = if group.starts_with(DAEMON) { group } else { group.strip_prefix(SERVICE)? };
    (!name.is_empty()).then_some(name)
}

#[derive(Default)]
struct ResponseRecord {
    has_tasks: bool,
    origins: TaskOrigins,
}

impl Record for ResponseRecord {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &Key, value: Value<'_, A>) -> Result<(), A::Error> {
        if key.lower() == "tasks" {
            let origins = &mut self.origins;
            self.has_tasks = value.list(super::MAX_TASKS, |task: OriginRecord, notes| match task.id {
                Some(id) => drop(origins.insert(id, task.origin)),
                None => notes.row("no ARN of the task"),
            })?;
        }
        Ok(())
    }
}

/// A task.
#[derive(Default)]
struct OriginRecord {
    id: Option<Box<str>>,
    origin: TaskOrigin,
}

impl Record for OriginRecord {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &Key, value: Value<'_, A>) -> Result<(), A::Error> {
        let Self { id, origin } = self;
        match key.lower() {
            "taskarn" => {
                let parse = |text: &str| arn::id(text, "task").map(Box::from);
                *id = value.parsed(MAX_LONG_TEXT_BYTES, "the ARN of a task", parse)?;
            }
            "group" => {
                let group = value.text(MAX_TEXT_BYTES)?;
                origin.service = group.as_deref().and_then(service).map(Box::from);
            }
            "launchtype" => origin.launch_type = value.text(MAX_TEXT_BYTES)?,
            "availabilityzone" => origin.zone = value.text(MAX_TEXT_BYTES)?,
            _ => {}
        }
        Ok(())
    }
}

#[derive(Default)]
struct ErrorRecord {
    code: Option<Box<str>>,
    message: Option<Box<str>>,
}

impl Record for ErrorRecord {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &Key, value: Value<'_, A>) -> Result<(), A::Error> {
        match key.lower() {
            "__type" | "code" => self.code = value.text(MAX_TEXT_BYTES)?,
            "message" => self.message = value.text(MAX_LONG_TEXT_BYTES)?,
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_named_by_the_group() {
        for (group, name) in [
            ("service:web", Some("web")),
            ("service:a:b", Some("a:b")),
            ("daemon:guardduty", Some("daemon:guardduty")),
            ("family:web", None),
            ("service:", None),
            ("web", None),
        ] {
            assert_eq!(service(group), name, "{group}");
        }
    }

    #[test]
    fn tasks_are_read() {
        let body = br#"{"tasks": [
            {"taskArn": "arn:aws:ecs:us-west-2:1:task/c/t1", "group": "service:web", "launchType": "EC2",
             "availabilityZone": "us-west-2a", "createdAt": 1.601599386E9, "containers": [{"name": "web"}]},
            {"taskArn": "arn:aws:ecs:us-west-2:1:task/c/t2", "group": "family:batch"},
            {"group": "service:lost"}],
          "failures": [{"arn": "arn:aws:ecs:us-west-2:1:task/c/t3", "reason": "MISSING"}]}"#;
        let origin = TaskOrigin {
            service: Some("web".into()),
            launch_type: Some("EC2".into()),
            zone: Some("us-west-2a".into()),
        };
        let origins = TaskOrigins::from([("t1".into(), origin), ("t2".into(), TaskOrigin::default())]);
        assert_eq!(tasks(body).unwrap(), origins);
        for body in ["", "{}", "<html>", r#"{"tasks": ["#, r#"{"tasks": "x"}"#] {
            tasks(body.as_bytes()).unwrap_err();
        }
    }

    #[test]
    fn errors_have_a_code() {
        for (header, body, code, message) in [
            (
                None,
                r#"{"__type": "com.amazonaws.ecs#AccessDeniedException", "message": "User: x is not authorized"}"#,
                Some("AccessDeniedException"),
                Some("User: x is not authorized"),
            ),
            (
                None,
                r#"{"__type": "ThrottlingException", "Message": "Rate exceeded"}"#,
                Some("ThrottlingException"),
                Some("Rate exceeded"),
            ),
            (Some("ClientException:http://x/"), "{}", Some("ClientException"), None),
            (None, "<html>", None, None),
        ] {
            let error = parse_error(header, body.as_bytes());
            assert_eq!((error.code(), error.message()), (code, message), "{body}");
        }
    }
}
