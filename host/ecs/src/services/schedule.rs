//! The background task: which tasks are requested, and when.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use insightd_aws::operation::ApiError;
use insightd_upstream::{Backoff, UpstreamStatus, jitter_up_to, lock};
use tokio::time::{Instant, sleep_until};

use super::ServiceSettings;
use super::describe::{Client, MAX_TASKS};
use crate::arn;
use crate::facts::{Task, TaskOrigins};
use crate::watch::{EcsData, Updates};

/// Maximum number of requests of one round; further tasks wait for the next one.
const MAX_REQUESTS: usize = 10;

/// Maximum backoff after failures.
const MAX_BACKOFF: Duration = Duration::from_secs(1800);

/// Time after which a request is repeated that was denied: a missing permission is not granted every minute.
const DENIED_INTERVAL: Duration = Duration::from_secs(3600);

/// Status of tasks that have ended, which the ECS agent lists for hours and the API for one.
const STOPPED: &str = "STOPPED";

/// The cluster of tasks that do not name it.
const DEFAULT_CLUSTER: &str = "default";

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("cannot create the client of the ECS API: {0}")]
    Sdk(String),
}

/// State of the requests.
pub(super) struct Poller {
    settings: ServiceSettings,
    status: Arc<UpstreamStatus>,
    origins: Arc<Mutex<Arc<TaskOrigins>>>,
    backoff: Backoff,
}

impl Poller {
    pub(super) fn new(
        settings: ServiceSettings,
        status: Arc<UpstreamStatus>,
        origins: Arc<Mutex<Arc<TaskOrigins>>>,
    ) -> Self {
        let backoff = Backoff::new(settings.min_interval, MAX_BACKOFF);
        Self { settings, status, origins, backoff }
    }

    /// Requests the origins of unknown tasks. Ends with the task that polls the ECS agent.
    pub(super) async fn run(mut self, mut updates: Updates<EcsData>) {
        let mut due = Instant::now() + jitter_up_to(self.settings.start_jitter, &mut fastrand::Rng::new());
        let mut update = updates.latest();
        loop {
            if update.is_some_and(|data| self.has_unknown(&data)) {
                sleep_until(due).await;
                // The list may be another one after the wait.
                if let Some(data) = updates.latest() {
                    let result = self.request(&data).await;
                    due = Instant::now() + self.wait_after(result);
                }
            }
            update = updates.next().await;
            if update.is_none() {
                return;
            }
        }
    }

    /// Forgets tasks that are gone. Returns true if the list has unknown ones.
    fn has_unknown(&self, data: &EcsData) -> bool {
        let Some(list) = &data.tasks else { return false };
        let mut known = lock(&self.origins);
        let listed: HashSet<&str> = list.tasks.iter().map(|task| &*task.id).collect();
        if known.keys().any(|id| !listed.contains(&**id)) {
            Arc::make_mut(&mut known).retain(|id, _| listed.contains(&**id));
        }
        unknown(&list.tasks, &known).next().is_some()
    }

    /// Requests unknown tasks, as many as a round may.
    async fn request(&self, data: &EcsData) -> Result<(), Failure> {
        let Some(list) = &data.tasks else { return Ok(()) };
        let known = Arc::clone(&lock(&self.origins));
        let Some(Selection { region, cluster, tasks }) = select(&list.tasks, &known) else { return Ok(()) };
        let cluster = cluster.or(data.instance.cluster.as_deref()).unwrap_or(DEFAULT_CLUSTER);
        let client = self.client(region).await?;
        for tasks in tasks.chunks(MAX_TASKS).take(MAX_REQUESTS) {
            let arns: Vec<&str> = tasks.iter().map(|task| &*task.arn).collect();
            let mut origins = client.describe(cluster, &arns, &self.status).await?;
            let mut known = lock(&self.origins);
            // A task that the API does not know now will not be known later.
            let described =
                tasks.iter().map(|task| (task.id.clone(), origins.remove(&task.id).unwrap_or_default()));
            Arc::make_mut(&mut known).extend(described);
        }
        Ok(())
    }

    async fn client(&self, region: &str) -> Result<Client, Failure> {
        let config = self.settings.access.config(region).await;
        let config = config.map_err(|error| Failure::Sdk(error.to_string()))?;
        Client::new(&config).map_err(|error| Failure::Sdk(error.to_string()))
    }

    /// Records the result, and returns the time to wait before the next round.
    fn wait_after(&mut self, result: Result<(), Failure>) -> Duration {
        let Err(failure) = result else {
            self.status.succeeded();
            self.backoff.reset();
            return self.settings.min_interval;
        };
        self.status.failed(failure.to_string());
        match failure {
            Failure::Api(error) if error.is_denied() => {
                DENIED_INTERVAL + jitter_up_to(DENIED_INTERVAL / 5, &mut fastrand::Rng::new())
            }
            _ => self.settings.min_interval + self.backoff.next_wait(),
        }
    }
}

/// Tasks of one region and cluster.
struct Selection<'t> {
    region: &'t str,
    cluster: Option<&'t str>,
    tasks: Vec<&'t Task>,
}

/// Selects the unknown tasks. All tasks of an instance are in one cluster; one that names another region is left out.
fn select<'t>(tasks: &'t [Task], known: &'t TaskOrigins) -> Option<Selection<'t>> {
    let mut all = unknown(tasks, known).filter_map(|task| Some((task, arn::region_and_cluster(&task.arn)?)));
    let (first, (region, cluster)) = all.next()?;
    let others = all.filter(|(_, (of_task, _))| *of_task == region).map(|(task, _)| task);
    Some(Selection { region, cluster, tasks: std::iter::once(first).chain(others).collect() })
}

/// Returns the tasks that run and whose origin is unknown.
fn unknown<'t>(tasks: &'t [Task], known: &'t TaskOrigins) -> impl Iterator<Item = &'t Task> {
    tasks.iter().filter(|task| task.known_status.as_deref() != Some(STOPPED) && !known.contains_key(&task.id))
}
