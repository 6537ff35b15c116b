//! The background task: schedule of the requests, and handling of their results.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_config::{Region, SdkConfig};
use insightd_peer::{Backoff, Status, up_to};
use tokio::time::{Instant, sleep, sleep_until};

use super::ec2::Client;
use super::explain::AskError;
use super::imds::{Identity, Imds};
use super::tags::ClusterName;
use super::{Access, InstanceSettings, Known, tags, volumes};
use insightd_aws::sdk::{self, AwsSettings};

/// First and maximum backoff between two attempts.
const FIRST: Duration = Duration::from_secs(2);
const MOST: Duration = Duration::from_secs(600);

/// Number of failed attempts after which a machine without other evidence is assumed not to be an EC2 instance.
const QUICK_TRIES: u32 = 5;

/// Interval of rarely repeated requests: tags hardly ever change, and a missing permission is not granted every minute. It
/// is also the retry interval on a machine that does not seem to be an EC2 instance.
const SELDOM: Duration = Duration::from_secs(3600);

/// Warning for an unknown cluster name; equal to the agent's own, which it logs if tags are disabled.
const UNNAMED: &str =
    "the name of the cluster is unknown: set `node.cluster_name` or K8S_CLUSTER_NAME; events lack it";

/// Collects all facts and keeps them current. Returns only if nothing is left to request.
pub(super) async fn run(known: Arc<Known>, settings: InstanceSettings) {
    let Some(identity) = identify(&known.imds, &settings).await else { return };
    known.change(|facts| facts.identity = Some(identity.clone()));
    if !settings.tags && !settings.volumes {
        return;
    }
    sleep(up_to(settings.start_jitter, &mut fastrand::Rng::new())).await;
    Questions::new(known, settings, identity).ask_for_ever().await;
}

/// Requests the identity until it arrives; returns `None` if the address of instance metadata is invalid.
async fn identify(status: &Status, settings: &InstanceSettings) -> Option<Identity> {
    let imds = match Imds::new(settings.imds_endpoint.as_deref()) {
        Ok(imds) => imds,
        Err(error) => {
            status.failed(error.to_string());
            return None;
        }
    };
    let mut backoff = Backoff::new(FIRST, MOST);
    let mut tries = 0;
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
        tries += 1;
        if settings.is_certain {
            status.failed(error.to_string());
        } else if tries == QUICK_TRIES {
            let reason = error.reason();
            tracing::info!(
                reason,
                "this does not seem to be an EC2 instance: events lack data from instance metadata and tags"
            );
            if settings.wants_cluster_name {
                tracing::warn!("{UNNAMED}");
            }
        }
        let is_elsewhere = !settings.is_certain && tries >= QUICK_TRIES;
        sleep(if is_elsewhere { around(SELDOM) } else { backoff.next_wait() }).await;
    }
}

/// State of the EC2 API requests.
struct Questions {
    known: Arc<Known>,
    settings: InstanceSettings,
    identity: Identity,
    tags: Question,
    volumes: Question,
    /// Cluster name last reported in the log.
    told: Option<ClusterName>,
}

/// Schedule and state of one kind of request.
struct Question {
    due: Instant,
    backoff: Backoff,
    /// Interval until the next request while a response is incomplete; it grows.
    patience: Duration,
    fails: bool,
}

impl Question {
    fn new(patience: Duration) -> Self {
        Self { due: Instant::now(), backoff: Backoff::new(FIRST, MOST), patience, fails: false }
    }

    /// Schedules the next request after a response.
    fn answered(&mut self, period: Duration) {
        self.fails = false;
        self.backoff.reset();
        self.due = Instant::now() + around(period);
    }

    /// Schedules the next request after a failure.
    fn failed(&mut self, error: &Failure) {
        self.fails = true;
        let is_denied = matches!(error, Failure::Ask(error) if error.is_denied());
        self.due = Instant::now() + if is_denied { around(SELDOM) } else { self.backoff.next_wait() };
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error("cannot create the client of the EC2 API: {0}")]
    Sdk(String),
}

impl Questions {
    fn new(known: Arc<Known>, settings: InstanceSettings, identity: Identity) -> Self {
        let (tags, volumes) = (Question::new(settings.refresh), Question::new(settings.refresh));
        Self { known, settings, identity, tags, volumes, told: None }
    }

    async fn ask_for_ever(mut self) {
        loop {
            let asks_volumes = self.settings.volumes && self.known.wants_volumes.load(Ordering::Relaxed);
            let due = match (self.settings.tags, asks_volumes) {
                (true, true) => Some(self.tags.due.min(self.volumes.due)),
                (true, false) => Some(self.tags.due),
                (false, true) => Some(self.volumes.due),
                (false, false) => None,
            };
            tokio::select! {
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                () = self.known.wanted.notified(), if self.settings.volumes => continue,
            }
            let now = Instant::now();
            let client = self.client().await;
            if self.settings.tags && self.tags.due <= now {
                self.ask_tags(client.as_ref()).await;
            }
            if asks_volumes && self.volumes.due <= now {
                self.ask_volumes(client.as_ref()).await;
            }
        }
    }

    /// Creates a client for the instance's own region.
    async fn client(&self) -> Result<Client, String> {
        let region = &self.identity.region;
        let config: SdkConfig = match &self.settings.access {
            Access::Ready(config) => SdkConfig::clone(config),
            Access::Load(settings) => {
                let settings = AwsSettings { region: Some(region.clone()), ..settings.clone() };
                sdk::load(&settings).await.map_err(|error| error.to_string())?
            }
        };
        let config = config.into_builder().region(Region::new(region.clone())).build();
        Client::new(&config).map_err(|error| error.to_string())
    }

    async fn ask_tags(&mut self, client: Result<&Client, &String>) {
        let ec2 = Arc::clone(&self.known.ec2);
        let asked = match client {
            Ok(client) => tags::ask(client, &self.identity.instance_id, &ec2).await.map_err(Failure::from),
            Err(error) => Err(Failure::Sdk(error.clone())),
        };
        let found = match asked {
            Ok(found) => found,
            Err(error) => {
                ec2.failed(error.to_string());
                return self.tags.failed(&error);
            }
        };
        let cluster = match &found.cluster {
            ClusterName::One(name) if self.settings.wants_cluster_name => Some(name.clone()),
            _ => None,
        };
        self.tell(found.cluster);
        let has_cluster = cluster.is_some();
        self.known.change(|facts| {
            facts.autoscaling_group = found.autoscaling_group;
            // A node does not leave its cluster: a known name is kept.
            facts.cluster_name = cluster.or(facts.cluster_name.take());
        });
        let period = if has_cluster || !self.settings.wants_cluster_name {
            SELDOM
        } else {
            let period = self.tags.patience.min(SELDOM);
            self.tags.patience = period * 2;
            period
        };
        self.tags.answered(period.max(self.settings.refresh));
        self.succeeded();
    }

    async fn ask_volumes(&mut self, client: Result<&Client, &String>) {
        let ec2 = Arc::clone(&self.known.ec2);
        let asked = match client {
            Ok(client) => volumes::ask(client, &self.identity.instance_id, &ec2).await.map_err(Failure::from),
            Err(error) => Err(Failure::Sdk(error.clone())),
        };
        match asked {
            Ok(attachments) => {
                self.known.change(|facts| facts.attachments = attachments);
                self.volumes.answered(self.settings.refresh);
                self.succeeded();
            }
            Err(error) => {
                ec2.failed(error.to_string());
                self.volumes.failed(&error);
            }
        }
    }

    /// Records a success of the API if neither kind of request fails.
    fn succeeded(&self) {
        if !self.tags.fails && !self.volumes.fails {
            self.known.ec2.succeeded();
        }
    }

    /// Logs once which cluster the tags name.
    fn tell(&mut self, found: ClusterName) {
        if !self.settings.wants_cluster_name || self.told.as_ref() == Some(&found) {
            return;
        }
        match &found {
            ClusterName::One(cluster_name) => {
                tracing::info!(cluster_name, "found the cluster name in the instance's tags");
            }
            ClusterName::None => tracing::warn!("{UNNAMED}; the instance's tags do not contain it"),
            ClusterName::Several(names) => {
                tracing::warn!(?names, "{UNNAMED}; the instance's tags contain several")
            }
        }
        self.told = Some(found);
    }
}

/// Returns a random time of 80 to 120 % of `period`, so that agents started together drift apart.
fn around(period: Duration) -> Duration {
    period * 4 / 5 + up_to(period * 2 / 5, &mut fastrand::Rng::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refreshes_of_a_fleet_spread() {
        let waits: Vec<Duration> = (0..1000).map(|_| around(Duration::from_secs(300))).collect();
        let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
        assert!(*least >= Duration::from_secs(240) && *most <= Duration::from_secs(360));
        assert!(*most - *least > Duration::from_secs(90), "{least:?} to {most:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_missing_right_is_asked_for_seldom_and_all_else_soon() {
        let denied = Failure::Ask(AskError::Denied { action: tags::ACTION, says: String::new() });
        let other = Failure::Ask(AskError::Other { action: tags::ACTION, says: String::new() });
        let mut question = Question::new(FIRST);
        question.failed(&other);
        assert!(question.fails && question.due <= Instant::now() + FIRST);
        question.failed(&denied);
        assert!(question.due >= Instant::now() + SELDOM * 4 / 5);
        question.answered(SELDOM);
        assert!(!question.fails);
    }
}
