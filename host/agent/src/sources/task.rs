//! Collects one batch of raw facts about the ECS task that this agent is a container of.

use std::sync::Arc;

use anyhow::Context;
use insightd_ecs::emit::TaskEmitter;
use insightd_ecs::metadata::{MetadataSettings, TaskMetadata, URI_VARIABLE};
use insightd_ecs::{TaskData, TaskSettings, TaskWatch};
use insightd_pipeline::Scope;
use insights_batch::Builder;

use super::{HostReading, Sample, Source};
use crate::config::{Config, Environment};
use crate::error::Usage;

/// Scope of the batches. The pipelines of nodes process them: a task is to them a small node.
const SCOPE: &str = "task";

/// Starts the client of the task metadata endpoint.
///
/// # Errors
/// [`Usage`] if the agent does not run in a task, or the address of the endpoint is invalid.
pub(super) fn start(config: &Config, environment: &Environment) -> anyhow::Result<Arc<TaskWatch>> {
    let uri = environment.task_metadata.clone();
    let uri = uri.ok_or_else(|| {
        Usage(format!("`role: task` needs the task metadata endpoint: {URI_VARIABLE} is not set, which ECS does in each container"))
    })?;
    let metadata = MetadataSettings { uri, timeout: config.ecs.timeout, tags: !config.ecs.tags.is_empty() };
    let settings = TaskSettings { metadata, interval: config.interval };
    let watch = TaskWatch::start(&settings).map_err(|error| Usage(format!("{URI_VARIABLE}: {error}")));
    Ok(Arc::new(watch.context("role: task")?))
}

/// The source of batches of scope `task`.
#[derive(Debug)]
pub struct TaskSource {
    watch: Arc<TaskWatch>,
    emitter: TaskEmitter,
    /// Configured name of the cluster.
    cluster_name: Option<String>,
    interval_ms: u64,
}

impl TaskSource {
    /// Creates a source of what `watch` reads.
    pub fn new(config: &Config, watch: Arc<TaskWatch>) -> Self {
        Self {
            watch,
            emitter: TaskEmitter::new(config.ecs.tags.clone()),
            cluster_name: config.node.cluster_name.clone(),
            interval_ms: u64::try_from(config.interval.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Requests new data, and waits for it within bounds.
    fn read(&self) -> Option<TaskData> {
        self.watch.request();
        let mut data = (*self.watch.wait()?).clone();
        if let (Some(name), Some(metadata)) = (&self.cluster_name, &data.metadata) {
            let cluster = Some(name.as_str().into());
            data.metadata = Some(Arc::new(TaskMetadata { cluster, ..(**metadata).clone() }));
        }
        Some(data)
    }

    fn emit(&mut self, data: &TaskData, time_unix_ms: u64) -> Option<insights_batch::Columns> {
        let id = &data.metadata.as_ref()?.task.id;
        let mut builder = Builder::new(SCOPE, id, time_unix_ms, self.interval_ms);
        self.emitter.emit(data, &mut builder)?;
        Some(builder.finish())
    }
}

impl Source for TaskSource {
    fn scope(&self) -> Scope {
        Scope::Node
    }

    fn prime(&mut self) {
        if let Some(data) = self.read() {
            self.emit(&data, 0);
        }
    }

    fn sample(&mut self, time_unix_ms: u64, take: &mut dyn FnMut(Sample)) {
        let Some(data) = self.read() else { return };
        let problems: Vec<&String> =
            [&data.metadata_error, &data.stats_error].into_iter().flatten().collect();
        let reading = HostReading {
            spread_us: 0,
            containers_without_cgroup: 0,
            problems: problems.len() as u64,
            first_problem: problems.first().map(|text| (*text).clone()),
            labels_left_out: 0,
        };
        if let Some(columns) = self.emit(&data, time_unix_ms) {
            take(Sample { columns, reading: Some(reading) });
        }
    }
}
