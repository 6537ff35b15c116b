//! The task metadata endpoint as a source.

use std::sync::Arc;

use insightd_upstream::UpstreamStatus;

use super::TaskData;
use super::handle::Source;
use crate::json::Problems;
use crate::metadata::Metadata;

/// The state of the requests to the task metadata endpoint.
pub(super) struct TaskSource {
    client: Metadata,
    status: Arc<UpstreamStatus>,
    data: TaskData,
    /// True if parts of the last responses were left out.
    had_problems: bool,
}

impl TaskSource {
    pub(super) fn new(client: Metadata, status: Arc<UpstreamStatus>) -> Self {
        Self { client, status, data: TaskData::default(), had_problems: false }
    }

    fn log_problems(&mut self) {
        let metadata = self.data.metadata.as_ref().map(|metadata| &metadata.problems);
        let stats = self.data.stats.as_ref().map(|stats| &stats.problems);
        let problems = [metadata, stats].into_iter().flatten().find(|problems| !problems.is_empty());
        let Some(Problems { fields, rows, first }) = problems else {
            self.had_problems = false;
            return;
        };
        if !self.had_problems {
            tracing::warn!(fields, rows, first, "parts of the task metadata are left out");
        }
        self.had_problems = true;
    }
}

impl Source for TaskSource {
    type Data = TaskData;

    async fn poll(&mut self) -> TaskData {
        let metadata = self.client.task(&self.status).await;
        let stats = self.client.stats(&self.status).await;
        let data = &mut self.data;
        data.metadata_error = metadata.as_ref().err().map(ToString::to_string);
        data.stats_error = stats.as_ref().err().map(ToString::to_string);
        if let Ok(metadata) = metadata {
            data.metadata = Some(Arc::new(metadata));
        }
        data.stats = stats.ok().map(Arc::new);
        match data.metadata_error.as_ref().or(data.stats_error.as_ref()) {
            Some(error) => self.status.failed(error.clone()),
            None => self.status.succeeded(),
        }
        self.log_problems();
        self.data.clone()
    }
}
