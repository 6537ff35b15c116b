//! The services of the instance's tasks, from the ECS API.
//!
//! The ECS agent knows which tasks run, but not which service started them. One request, DescribeTasks, returns that for up to
//! 100 tasks. A task never changes its service, so each task is requested once.

mod describe;
mod schedule;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use insightd_aws::sdk::Access;
use insightd_upstream::{UpstreamStatus, lock};
use tokio::task::JoinHandle;

use crate::facts::TaskOrigins;
use crate::watch::EcsWatch;
pub use describe::Client;

/// Settings of [`ServiceWatch`].
#[derive(Clone, Debug)]
pub struct ServiceSettings {
    /// Access to the ECS API. Its region is that of the tasks.
    pub access: Access,
    /// Minimum time between two rounds of requests; [`MIN_INTERVAL`] by default.
    pub min_interval: Duration,
    /// Minimum time until a denied request is repeated, to which up to a fifth is added; [`DENIED_INTERVAL`] by default.
    pub denied_interval: Duration,
    /// Maximum delay of the first request, which spreads the requests of a restarting fleet.
    pub start_jitter: Duration,
}

/// Default time between two rounds of requests. The ECS API throttles a whole account.
pub const MIN_INTERVAL: Duration = Duration::from_secs(60);

/// Default time after which a denied request is repeated: a missing permission is not granted every minute.
pub const DENIED_INTERVAL: Duration = Duration::from_secs(3600);

/// A background task that requests the origins of the tasks of an [`EcsWatch`] until it is dropped.
#[derive(Debug)]
pub struct ServiceWatch {
    origins: Arc<Mutex<Arc<TaskOrigins>>>,
    status: Arc<UpstreamStatus>,
    task: JoinHandle<()>,
}

impl ServiceWatch {
    /// Spawns the task. Must be called within the runtime.
    pub fn start(settings: ServiceSettings, watch: &EcsWatch) -> Self {
        let origins = Arc::default();
        let status = Arc::new(UpstreamStatus::new("ecs-api"));
        let poller = schedule::Poller::new(settings, Arc::clone(&status), Arc::clone(&origins));
        let task = tokio::spawn(poller.run(watch.updates()));
        Self { origins, status, task }
    }

    /// Returns the origins known so far.
    pub fn origins(&self) -> Arc<TaskOrigins> {
        Arc::clone(&lock(&self.origins))
    }

    /// Returns the status of the requests.
    pub fn status(&self) -> &Arc<UpstreamStatus> {
        &self.status
    }
}

impl Drop for ServiceWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}
