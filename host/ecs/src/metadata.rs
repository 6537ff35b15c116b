//! Client of the task metadata endpoint, version 4: the agent's own task, and Docker's statistics of its containers.
//!
//! The endpoint answers for the task of the caller only, so it is for an agent that runs as a container of each task: on
//! Fargate, on managed instances, or on an instance without an agent of its own.

mod stats;
mod task;

use std::time::{Duration, Instant};

use insightd_upstream::UpstreamStatus;

use crate::fetch::{self, BaseUrl, Bounds, UrlError};
use crate::json::JsonError;
pub use stats::{ContainerStats, CpuStats, InterfaceStats, IoStats, MemoryStats, TaskStats, parse_stats};
pub use task::{TaskMetadata, parse_task};

/// Variable that ECS sets in every container, with the address of the endpoint.
pub const URI_VARIABLE: &str = "ECS_CONTAINER_METADATA_URI_V4";

/// Maximum bytes of a response. The statistics of a container have about 4 KB.
const MAX_RESPONSE_BYTES: usize = 5 << 20;

/// Time after which known tags are requested again. Each request calls the ECS API, which throttles a whole account.
const TAGS_PERIOD: Duration = Duration::from_secs(3600);

/// Time after which tags are requested again if the ECS API did not return them: a missing permission is not granted every minute.
const TAGS_RETRY: Duration = Duration::from_secs(600);

/// Time after which tags are requested again if there was no response.
const RESPONSE_RETRY: Duration = Duration::from_secs(60);

/// Settings of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataSettings {
    /// Address of the endpoint, usually the value of [`URI_VARIABLE`].
    pub uri: String,
    /// Time limit of one response.
    pub timeout: Duration,
    /// Enables requests for the tags of the task.
    pub tags: bool,
}

/// An error of the task metadata endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// The address is invalid.
    #[error("task metadata: {0}")]
    Address(#[from] UrlError),
    /// There is no usable response.
    #[error(
        "cannot read {url} of the task metadata endpoint ({text}): version 4 needs Fargate platform version 1.4.0 or ECS \
         agent 1.39.0, and exists only in the containers of a task"
    )]
    NoResponse {
        /// Address of the request.
        url: String,
        /// Error text.
        text: String,
    },
}

/// A client of the task metadata endpoint.
#[derive(Debug)]
pub struct Metadata {
    base: BaseUrl,
    timeout: Duration,
    tags: Option<Tags>,
}

/// State of the requests for tags.
#[derive(Debug)]
struct Tags {
    known: Vec<(Box<str>, Box<str>)>,
    due: Instant,
    failure: Option<TagsFailure>,
}

/// Reason why the last request for tags returned none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TagsFailure {
    /// The response has an error of the ECS API in place of the tags.
    Refused,
    /// There is no usable response.
    Unreadable,
}

impl Tags {
    /// Schedules the next request after a failure, and logs it unless the last one failed in the same way.
    fn on_failure(&mut self, failure: TagsFailure, error: &str) {
        let is_logged = self.failure.replace(failure) == Some(failure);
        match failure {
            TagsFailure::Refused => {
                self.due = Instant::now() + TAGS_RETRY;
                if !is_logged {
                    tracing::warn!(
                        error,
                        "the tags of the task are not available: grant ecs:ListTagsForResource to the task or instance role"
                    );
                }
            }
            TagsFailure::Unreadable => {
                self.due = Instant::now() + RESPONSE_RETRY;
                if !is_logged {
                    tracing::warn!(error, "cannot read the tags of the task; retrying");
                }
            }
        }
    }
}

impl Metadata {
    /// Creates a client. Sends nothing yet.
    ///
    /// # Errors
    /// If the address is invalid.
    pub fn new(settings: &MetadataSettings) -> Result<Self, MetadataError> {
        let MetadataSettings { uri, timeout, tags } = settings;
        let tags = tags.then(|| Tags { known: Vec::new(), due: Instant::now(), failure: None });
        Ok(Self { base: BaseUrl::parse(uri)?, timeout: *timeout, tags })
    }

    /// Requests the task. Counts requests and bytes in `status`. Tags that are not available are absent; the reason is logged
    /// when it changes.
    ///
    /// # Errors
    /// If there is no usable response.
    pub async fn task(&mut self, status: &UpstreamStatus) -> Result<TaskMetadata, MetadataError> {
        let are_tags_due = self.tags.as_ref().is_some_and(|tags| tags.due <= Instant::now());
        if are_tags_due && let Some(task) = self.task_with_tags(status).await {
            return Ok(task);
        }
        let mut metadata = self.get("/task", status, parse_task).await?;
        status.left_out(metadata.problems.rows);
        if let Some(tags) = &self.tags {
            metadata.task.tags.clone_from(&tags.known);
        }
        Ok(metadata)
    }

    /// Requests the statistics. Counts requests, bytes and lost rows in `status`.
    ///
    /// # Errors
    /// If there is no usable response.
    pub async fn stats(&self, status: &UpstreamStatus) -> Result<TaskStats, MetadataError> {
        let stats = self.get("/task/stats", status, parse_stats).await?;
        status.left_out(stats.problems.rows);
        Ok(stats)
    }

    /// Requests the task with its tags. Returns `None` if there are no tags, because of which the task is not lost.
    async fn task_with_tags(&mut self, status: &UpstreamStatus) -> Option<TaskMetadata> {
        let result = self.get("/taskWithTags", status, parse_task).await;
        let tags = self.tags.as_mut()?;
        let (failure, error) = match result {
            Ok(TaskMetadata { tags_error: Some(error), .. }) => (TagsFailure::Refused, error.to_string()),
            Ok(metadata) => {
                status.left_out(metadata.problems.rows);
                tags.due = Instant::now() + TAGS_PERIOD;
                tags.failure = None;
                tags.known.clone_from(&metadata.task.tags);
                return Some(metadata);
            }
            Err(error) => (TagsFailure::Unreadable, error.to_string()),
        };
        tags.on_failure(failure, &error);
        None
    }

    async fn get<T>(
        &self,
        path: &str,
        status: &UpstreamStatus,
        parse: fn(&[u8]) -> Result<T, JsonError>,
    ) -> Result<T, MetadataError> {
        let bounds = Bounds { timeout: self.timeout, max_bytes: MAX_RESPONSE_BYTES };
        status.requested();
        let text = match fetch::get(&self.base, path, bounds).await {
            Ok(body) => {
                status.received(body.len() as u64);
                match parse(&body) {
                    Ok(parsed) => return Ok(parsed),
                    Err(error) => error.to_string(),
                }
            }
            Err(error) => error.to_string(),
        };
        Err(MetadataError::NoResponse { url: format!("{}{path}", self.base), text })
    }
}

#[cfg(test)]
mod tests;
