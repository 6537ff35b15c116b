//! The background task: which tasks are requested, and when.

use std::collections::{HashMap, HashSet};
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

/// Number of rounds after which a task that the API does not return gets the default origin. The API knows a task a little later than
/// the ECS agent that starts it.
const MAX_MISSES: u32 = 5;

/// Lengths of task ids: hexadecimal digits, or a UUID in accounts with the old format. The API rejects a whole request for the sake of
/// one other id.
const TASK_ID_LENGTHS: [usize; 2] = [32, 36];

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
    /// Number of responses without the task, of each unknown task.
    misses: HashMap<Box<str>, u32>,
    backoff: Backoff,
}

impl Poller {
    pub(super) fn new(
        settings: ServiceSettings,
        status: Arc<UpstreamStatus>,
        origins: Arc<Mutex<Arc<TaskOrigins>>>,
    ) -> Self {
        let backoff = Backoff::new(settings.min_interval, MAX_BACKOFF);
        Self { settings, status, origins, misses: HashMap::new(), backoff }
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
    fn has_unknown(&mut self, data: &EcsData) -> bool {
        let Some(list) = &data.tasks else { return false };
        let mut known = lock(&self.origins);
        let listed: HashSet<&str> = list.tasks.iter().map(|task| &*task.id).collect();
        if known.keys().any(|id| !listed.contains(&**id)) {
            Arc::make_mut(&mut known).retain(|id, _| listed.contains(&**id));
        }
        self.misses.retain(|id, _| listed.contains(&**id));
        unknown(&list.tasks, &known).next().is_some()
    }

    /// Requests unknown tasks, as many as a round may. A request that the API rejects does not keep back the others.
    ///
    /// # Errors
    /// The first error.
    async fn request(&mut self, data: &EcsData) -> Result<(), Failure> {
        let Some(list) = &data.tasks else { return Ok(()) };
        let known = Arc::clone(&lock(&self.origins));
        let cluster = data.instance.cluster.as_deref();
        let Some(Selection { region, cluster, tasks }) = select(&list.tasks, cluster, &known) else {
            return Ok(());
        };
        let client = self.client(region).await?;
        let mut first_error = None;
        for tasks in tasks.chunks(MAX_TASKS).take(MAX_REQUESTS) {
            let arns: Vec<&str> = tasks.iter().map(|task| &*task.arn).collect();
            match client.describe(cluster, &arns, &self.status).await {
                Ok(origins) => self.store(tasks, origins),
                Err(error @ ApiError::Other { .. }) => _ = first_error.get_or_insert(error),
                Err(error) => return Err(first_error.unwrap_or(error).into()),
            }
        }
        first_error.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Stores the origins of requested tasks. Those without one are requested again, a few times.
    fn store(&mut self, tasks: &[&Task], mut origins: TaskOrigins) {
        let mut known = lock(&self.origins);
        for task in tasks {
            let origin = origins.remove(&task.id).or_else(|| {
                let misses = self.misses.entry(task.id.clone()).or_default();
                *misses += 1;
                (*misses >= MAX_MISSES).then(Default::default)
            });
            if let Some(origin) = origin {
                self.misses.remove(&task.id);
                Arc::make_mut(&mut known).insert(task.id.clone(), origin);
            }
        }
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
                let wait = self.settings.denied_interval;
                wait + jitter_up_to(wait / 5, &mut fastrand::Rng::new())
            }
            _ => self.settings.min_interval + self.backoff.next_wait(),
        }
    }
}

/// Tasks of one region and cluster.
#[derive(Debug, PartialEq)]
struct Selection<'t> {
    region: &'t str,
    cluster: &'t str,
    tasks: Vec<&'t Task>,
}

/// Selects unknown tasks of the instance's `cluster`, in the region that most of them name. All tasks of an instance are in one
/// cluster and region; others are left out, since the API rejects a request that names another cluster's task. Without the cluster of
/// the instance, it is that of the first task.
fn select<'t>(tasks: &'t [Task], cluster: Option<&'t str>, known: &'t TaskOrigins) -> Option<Selection<'t>> {
    let all: Vec<(&Task, &str, Option<&str>)> = unknown(tasks, known)
        .filter_map(|task| {
            arn::region_and_cluster(&task.arn).map(|(region, cluster)| (task, region, cluster))
        })
        .collect();
    let cluster =
        cluster.or_else(|| all.iter().find_map(|(.., cluster)| *cluster)).unwrap_or(DEFAULT_CLUSTER);
    let of_cluster = || all.iter().filter(|(.., of_task)| of_task.is_none_or(|of_task| of_task == cluster));
    let mut counts: HashMap<&str, usize> = HashMap::new();
    of_cluster().for_each(|(_, region, _)| *counts.entry(region).or_default() += 1);
    let (region, _) = counts.into_iter().max_by_key(|&(region, count)| (count, region))?;
    let tasks = of_cluster().filter(|(_, of_task, _)| *of_task == region).map(|(task, ..)| *task).collect();
    Some(Selection { region, cluster, tasks })
}

/// Returns the tasks that run and whose origin is unknown.
fn unknown<'t>(tasks: &'t [Task], known: &'t TaskOrigins) -> impl Iterator<Item = &'t Task> {
    tasks.iter().filter(|task| {
        task.known_status.as_deref() != Some(STOPPED)
            && TASK_ID_LENGTHS.contains(&task.id.len())
            && !known.contains_key(&task.id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(region: &str, cluster: &str, id: &str) -> Task {
        let arn = format!("arn:aws:ecs:{region}:111122223333:task/{cluster}{id}");
        Task { id: id.into(), arn: arn.into(), ..Task::default() }
    }

    #[test]
    fn tasks_that_would_spoil_a_request_are_left_out() {
        let [first, second] = ["1", "2"].map(|digit| digit.repeat(32));
        let old = "3".repeat(36);
        let tasks = [
            task("eu-west-1", "shop/", &"4".repeat(32)),
            task("us-west-2", "other/", &"5".repeat(32)),
            task("us-west-2", "shop/", "short"),
            task("us-west-2", "shop/", &first),
            task("us-west-2", "shop/", &second),
            task("us-west-2", "", &old),
        ];
        let known = TaskOrigins::default();
        let selection = select(&tasks, Some("shop"), &known).unwrap();
        assert_eq!((selection.region, selection.cluster), ("us-west-2", "shop"));
        assert_eq!(selection.tasks, [&tasks[3], &tasks[4], &tasks[5]]);
        assert_eq!(select(&tasks[1..2], Some("shop"), &known), None);
        assert_eq!(select(&tasks[1..2], None, &known).unwrap().cluster, "other");
        assert_eq!(select(&tasks[5..], None, &known).unwrap().cluster, "default");
        assert!(unknown(&tasks[2..3], &known).next().is_none());
    }
}
