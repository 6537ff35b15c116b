//! Background tasks that poll the endpoints, and the handles through which a worker thread reads their data.

mod handle;
mod instance;
mod task;

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use insightd_upstream::{UpstreamStatus, lock};

use crate::facts::{Instance, TaskList};
use crate::introspection::{Introspection, IntrospectionError, IntrospectionSettings};
use crate::metadata::{Metadata, MetadataError, MetadataSettings, TaskMetadata, TaskStats};
use handle::Handle;
#[cfg(feature = "client")]
pub(crate) use handle::Updates;
use instance::InstanceSource;
use task::TaskSource;

/// Settings of [`EcsWatch`].
#[derive(Clone, Debug)]
pub struct EcsSettings {
    /// The introspection API.
    pub introspection: IntrospectionSettings,
    /// Time between two ticks. A tick waits for at most a quarter of it.
    pub interval: Duration,
}

/// The last data from the ECS agent, and the errors since.
#[derive(Clone, Debug, Default)]
pub struct EcsData {
    /// The container instance.
    pub instance: Instance,
    /// Error of the last request for the container instance.
    pub instance_error: Option<String>,
    /// The tasks; absent until they were read once.
    pub tasks: Option<Arc<TaskList>>,
    /// Time at which the tasks were read.
    pub tasks_read_at: Option<Instant>,
    /// Reason why the tasks are missing or old, with the time of the first failure.
    pub tasks_error: Option<String>,
}

/// A background task that polls the ECS agent of this instance until it is dropped.
#[derive(Debug)]
pub struct EcsWatch {
    handle: Handle<EcsData>,
    status: Arc<UpstreamStatus>,
    addresses: Arc<Mutex<Vec<IpAddr>>>,
}

impl EcsWatch {
    /// Spawns the task. Must be called within the runtime.
    ///
    /// # Errors
    /// If the configured endpoint is not a valid address.
    pub fn start(settings: EcsSettings) -> Result<Self, IntrospectionError> {
        let EcsSettings { introspection, interval } = settings;
        let status = Arc::new(UpstreamStatus::new("ecs"));
        let addresses = Arc::new(Mutex::new(introspection.addresses.clone()));
        let timeout = introspection.timeout;
        let client = Introspection::new(introspection)?;
        let source = InstanceSource::new(client, Arc::clone(&status), Arc::clone(&addresses));
        Ok(Self { handle: Handle::start(source, timeout, interval), status, addresses })
    }

    /// Requests new data. If an earlier request is still queued, its response serves this one, too.
    pub fn request(&self) {
        self.handle.request();
    }

    /// Waits for the response to [`request`](Self::request) within bounds, and returns the data known then. A response that
    /// takes longer is used by a later tick. Must not be called within the runtime.
    pub fn wait(&self) -> Option<Arc<EcsData>> {
        self.handle.wait();
        self.data()
    }

    /// Returns the known data without waiting; `None` until the first poll has ended.
    pub fn data(&self) -> Option<Arc<EcsData>> {
        self.handle.data()
    }

    /// Returns a receiver of the data of each poll.
    #[cfg(feature = "client")]
    pub(crate) fn updates(&self) -> Updates<EcsData> {
        self.handle.updates()
    }

    /// Replaces the private addresses of the instance, which are tried if no other address responds.
    pub fn set_addresses(&self, addresses: Vec<IpAddr>) {
        *lock(&self.addresses) = addresses;
    }

    /// Returns the status of the requests.
    pub fn status(&self) -> &Arc<UpstreamStatus> {
        &self.status
    }
}

/// Settings of [`TaskWatch`].
#[derive(Clone, Debug)]
pub struct TaskSettings {
    /// The task metadata endpoint.
    pub metadata: MetadataSettings,
    /// Time between two ticks. A tick waits for at most a quarter of it.
    pub interval: Duration,
}

/// The last data about the agent's own task, and the errors since.
#[derive(Clone, Debug, Default)]
pub struct TaskData {
    /// The task; absent until it was read once.
    pub metadata: Option<Arc<TaskMetadata>>,
    /// Error of the last request for the task.
    pub metadata_error: Option<String>,
    /// The statistics; absent after a failed request, because they change all the time.
    pub stats: Option<Arc<TaskStats>>,
    /// Error of the last request for the statistics.
    pub stats_error: Option<String>,
}

/// A background task that polls the task metadata endpoint until it is dropped.
#[derive(Debug)]
pub struct TaskWatch {
    handle: Handle<TaskData>,
    status: Arc<UpstreamStatus>,
}

impl TaskWatch {
    /// Spawns the task. Must be called within the runtime.
    ///
    /// # Errors
    /// If the address of the endpoint is invalid.
    pub fn start(settings: &TaskSettings) -> Result<Self, MetadataError> {
        let status = Arc::new(UpstreamStatus::new("task-metadata"));
        let source = TaskSource::new(Metadata::new(&settings.metadata)?, Arc::clone(&status));
        let handle = Handle::start(source, settings.metadata.timeout, settings.interval);
        Ok(Self { handle, status })
    }

    /// Requests new data. If an earlier request is still queued, its response serves this one, too.
    pub fn request(&self) {
        self.handle.request();
    }

    /// Waits for the response to [`request`](Self::request) within bounds, and returns the data known then. A response that
    /// takes longer is used by a later tick. Must not be called within the runtime.
    pub fn wait(&self) -> Option<Arc<TaskData>> {
        self.handle.wait();
        self.data()
    }

    /// Returns the known data without waiting; `None` until the first poll has ended.
    pub fn data(&self) -> Option<Arc<TaskData>> {
        self.handle.data()
    }

    /// Returns the status of the requests.
    pub fn status(&self) -> &Arc<UpstreamStatus> {
        &self.status
    }
}
