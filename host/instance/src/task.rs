//! The background task: schedule of the requests, and handling of their results.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use insightd_upstream::{Backoff, UpstreamStatus, jitter_up_to};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use super::ec2::Client;
use super::facts::{Identity, InstanceFacts};
use super::imds::Imds;
use super::settings::InstanceSettings;
use super::tags::ClusterName;
use super::{InstanceWatch, NOT_EC2, SharedState, tags, volumes};
use insightd_aws::operation::ApiError;

/// First and maximum backoff between two attempts.
const FIRST_BACKOFF: Duration = Duration::from_secs(2);
const MAX_BACKOFF: Duration = Duration::from_secs(600);

/// Number of failed attempts after which a machine without other evidence is assumed not to be an EC2 instance.
const QUICK_ATTEMPTS: u32 = 5;

/// Interval of rarely repeated requests: tags hardly ever change, and a missing permission is not granted every minute. It
/// is also the retry interval on a machine that does not seem to be an EC2 instance.
const RARE_INTERVAL: Duration = Duration::from_secs(3600);

impl InstanceWatch {
    /// Spawns the task. Must be called within the runtime.
    pub fn start(settings: InstanceSettings) -> Self {
        let shared = Arc::new(SharedState {
            facts: Mutex::default(),
            imds: Arc::new(UpstreamStatus::new("imds")),
            ec2: Arc::new(UpstreamStatus::new("ec2")),
            wants_volumes: AtomicBool::new(false),
            volumes_wanted: Notify::new(),
        });
        // With volumes alone there may never be a request.
        let (is_certain, queries_ec2) = (settings.is_certain, settings.tags);
        let task = tokio::spawn(run(Arc::clone(&shared), settings));
        Self { shared, is_certain, queries_ec2, task }
    }
}

impl SharedState {
    fn update(&self, update: impl FnOnce(&mut InstanceFacts)) {
        update(Arc::make_mut(&mut self.facts()));
    }
}

/// Collects all facts and keeps them current. Returns only if nothing is left to request.
async fn run(shared: Arc<SharedState>, settings: InstanceSettings) {
    let Some(identity) = identify(&shared.imds, &settings).await else { return };
    shared.update(|facts| facts.identity = Some(identity.clone()));
    if !settings.tags && !settings.volumes {
        return;
    }
    sleep(jitter_up_to(settings.start_jitter, &mut fastrand::Rng::new())).await;
    Poller::new(shared, settings, identity).run().await;
}

/// Requests the identity until it arrives; returns `None` if the address of instance metadata is invalid.
async fn identify(status: &UpstreamStatus, settings: &InstanceSettings) -> Option<Identity> {
    let imds = match Imds::new(settings.imds_endpoint.as_deref()) {
        Ok(imds) => imds,
        Err(error) => {
            status.failed(error.to_string());
            return None;
        }
    };
    let mut backoff = Backoff::new(FIRST_BACKOFF, MAX_BACKOFF);
    let mut attempts = 0;
    loop {
        status.requested();
        let error = match imds.identity().await {
            Ok((identity, bytes)) => {
                status.received(bytes as u64);
                status.succeeded();
                let Identity { instance_id, instance_type, region, zone, .. } = &identity;
                tracing::info!(instance_id, instance_type, region, zone, "identified the EC2 instance");
                return Some(identity);
            }
            Err(error) => error,
        };
        attempts += 1;
        if settings.is_certain {
            status.failed(error.to_string());
        } else if attempts == QUICK_ATTEMPTS {
            let reason = error.reason();
            tracing::info!(reason, "{NOT_EC2}");
            if settings.wants_cluster_name {
                tracing::warn!("{}", settings.unknown_cluster_name);
            }
        }
        let is_other_machine = !settings.is_certain && attempts >= QUICK_ATTEMPTS;
        sleep(if is_other_machine { with_jitter(RARE_INTERVAL) } else { backoff.next_wait() }).await;
    }
}

/// State of the EC2 API requests.
struct Poller {
    shared: Arc<SharedState>,
    settings: InstanceSettings,
    identity: Identity,
    tags: Schedule,
    volumes: Schedule,
    /// Cluster name last reported in the log.
    logged_cluster: Option<ClusterName>,
}

/// Schedule and state of one kind of request.
struct Schedule {
    due: Instant,
    backoff: Backoff,
    /// Interval until the next request while a response is incomplete; it grows.
    incomplete_interval: Duration,
    is_failing: bool,
}

impl Schedule {
    fn new(incomplete_interval: Duration) -> Self {
        Self {
            due: Instant::now(),
            backoff: Backoff::new(FIRST_BACKOFF, MAX_BACKOFF),
            incomplete_interval,
            is_failing: false,
        }
    }

    /// Schedules the next request after a response.
    fn on_response(&mut self, period: Duration) {
        self.is_failing = false;
        self.backoff.reset();
        self.due = Instant::now() + with_jitter(period);
    }

    /// Schedules the next request after a failure.
    fn on_failure(&mut self, error: &Failure) {
        self.is_failing = true;
        let is_denied = matches!(error, Failure::Ec2(error) if error.is_denied());
        self.due =
            Instant::now() + if is_denied { with_jitter(RARE_INTERVAL) } else { self.backoff.next_wait() };
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Ec2(#[from] ApiError),
    #[error("cannot create the client of the EC2 API: {0}")]
    Sdk(String),
}

impl Poller {
    fn new(shared: Arc<SharedState>, settings: InstanceSettings, identity: Identity) -> Self {
        let (tags, volumes) = (Schedule::new(settings.refresh), Schedule::new(settings.refresh));
        Self { shared, settings, identity, tags, volumes, logged_cluster: None }
    }

    async fn run(mut self) {
        loop {
            let needs_volumes = self.settings.volumes && self.shared.wants_volumes.load(Ordering::Relaxed);
            let due = match (self.settings.tags, needs_volumes) {
                (true, true) => Some(self.tags.due.min(self.volumes.due)),
                (true, false) => Some(self.tags.due),
                (false, true) => Some(self.volumes.due),
                (false, false) => None,
            };
            tokio::select! {
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                () = self.shared.volumes_wanted.notified(), if self.settings.volumes => continue,
            }
            let now = Instant::now();
            let client = self.client().await;
            if self.settings.tags && self.tags.due <= now {
                self.poll_tags(client.as_ref()).await;
            }
            if needs_volumes && self.volumes.due <= now {
                self.poll_volumes(client.as_ref()).await;
            }
        }
    }

    /// Creates a client for the instance's own region.
    async fn client(&self) -> Result<Client, String> {
        let config = self.settings.access.config(&self.identity.region).await;
        let config = config.map_err(|error| error.to_string())?;
        Client::new(&config).map_err(|error| error.to_string())
    }

    async fn poll_tags(&mut self, client: Result<&Client, &String>) {
        let ec2 = Arc::clone(&self.shared.ec2);
        let result = match client {
            Ok(client) => {
                tags::describe(client, &self.identity.instance_id, &ec2).await.map_err(Failure::from)
            }
            Err(error) => Err(Failure::Sdk(error.clone())),
        };
        let found = match result {
            Ok(found) => found,
            Err(error) => {
                ec2.failed(error.to_string());
                return self.tags.on_failure(&error);
            }
        };
        let cluster = match &found.cluster {
            ClusterName::One(name) if self.settings.wants_cluster_name => Some(name.clone()),
            _ => None,
        };
        self.log_cluster(found.cluster);
        // A node group tags an instance only some time after it has started.
        let is_complete =
            found.autoscaling_group.is_some() && (cluster.is_some() || !self.settings.wants_cluster_name);
        self.shared.update(|facts| {
            facts.autoscaling_group = found.autoscaling_group;
            // A node does not leave its cluster: a known name is kept.
            facts.cluster_name = cluster.or(facts.cluster_name.take());
        });
        let period = if is_complete {
            RARE_INTERVAL
        } else {
            let period = self.tags.incomplete_interval.min(RARE_INTERVAL);
            self.tags.incomplete_interval = period * 2;
            period
        };
        self.tags.on_response(period.max(self.settings.refresh));
        self.succeeded();
    }

    async fn poll_volumes(&mut self, client: Result<&Client, &String>) {
        let ec2 = Arc::clone(&self.shared.ec2);
        let result = match client {
            Ok(client) => {
                volumes::describe(client, &self.identity.instance_id, &ec2).await.map_err(Failure::from)
            }
            Err(error) => Err(Failure::Sdk(error.clone())),
        };
        match result {
            Ok(attachments) => {
                self.shared.update(|facts| facts.attachments = attachments);
                self.volumes.on_response(self.settings.refresh);
                self.succeeded();
            }
            Err(error) => {
                ec2.failed(error.to_string());
                self.volumes.on_failure(&error);
            }
        }
    }

    /// Records a success of the API if neither kind of request fails.
    fn succeeded(&self) {
        if !self.tags.is_failing && !self.volumes.is_failing {
            self.shared.ec2.succeeded();
        }
    }

    /// Logs once which cluster the tags name.
    fn log_cluster(&mut self, found: ClusterName) {
        if !self.settings.wants_cluster_name || self.logged_cluster.as_ref() == Some(&found) {
            return;
        }
        let unknown = self.settings.unknown_cluster_name;
        match &found {
            ClusterName::One(cluster_name) => {
                tracing::info!(cluster_name, "found the cluster name in the instance's tags");
            }
            ClusterName::None => tracing::warn!("{unknown}; the instance's tags do not contain it"),
            ClusterName::Several(names) => {
                tracing::warn!(?names, "{unknown}; the instance's tags contain several")
            }
        }
        self.logged_cluster = Some(found);
    }
}

/// Returns a random time of 80 to 120 % of `period`, so that agents started together drift apart.
fn with_jitter(period: Duration) -> Duration {
    period * 4 / 5 + jitter_up_to(period * 2 / 5, &mut fastrand::Rng::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refreshes_of_a_fleet_spread() {
        let waits: Vec<Duration> = (0..1000).map(|_| with_jitter(Duration::from_secs(300))).collect();
        let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
        assert!(*least >= Duration::from_secs(240) && *most <= Duration::from_secs(360));
        assert!(*most - *least > Duration::from_secs(90), "{least:?} to {most:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_missing_permission_is_retried_rarely_and_other_errors_soon() {
        let denied = Failure::Ec2(ApiError::Denied { action: tags::ACTION, text: String::new() });
        let other = Failure::Ec2(ApiError::Other { action: tags::ACTION, text: String::new() });
        let mut schedule = Schedule::new(FIRST_BACKOFF);
        schedule.on_failure(&other);
        assert!(schedule.is_failing && schedule.due <= Instant::now() + FIRST_BACKOFF);
        schedule.on_failure(&denied);
        assert!(schedule.due >= Instant::now() + RARE_INTERVAL * 4 / 5);
        schedule.on_response(RARE_INTERVAL);
        assert!(!schedule.is_failing);
    }
}
