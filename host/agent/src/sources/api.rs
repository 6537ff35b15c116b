//! The clients of the API server, and the leader election.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use insightd_kubernetes::client::{self, ApiSettings, Traffic};
use insightd_kubernetes::events::{EventRecorder, EventRecorderSettings, PodRef};
use insightd_kubernetes::leader::{self, Election, LeaderSettings};
use insightd_kubernetes::local::{LocalSettings, LocalWatch};

use super::{Clients, FargateHandle, LeaderElector, SharedWatch, cluster};
use crate::config::{Config, Environment, LockKind, Role};
use crate::error::Usage;

/// The `User-Agent` header of requests to the API server.
const USER_AGENT: &str = concat!("insightd/", env!("CARGO_PKG_VERSION"));

/// Maximum random delay before a node agent's first request to the API server. It spreads the requests of a fleet that restarts at once.
const LOCAL_JITTER: Duration = Duration::from_secs(15);

impl Clients {
    /// Starts what uses the API server: the watches of the role, Kubernetes Events, and the leader election.
    ///
    /// # Errors
    /// [`Usage`] if a setting is invalid.
    pub(super) fn start_api(
        &mut self,
        config: &Config,
        environment: &Environment,
        node_name: &str,
        is_for_long: bool,
    ) -> anyhow::Result<()> {
        let (client, traffic) = api_client(config)?;
        self.traffic = Some(traffic);
        if config.role.has_node() {
            let settings = LocalSettings {
                node_name: node_name.into(),
                watch_node: config.api.node,
                watch_services: config.api.services,
                read_jobs: config.api.jobs,
                start_jitter: LOCAL_JITTER.min(config.interval / 4),
            };
            let local = LocalWatch::start(client.clone(), settings);
            self.statuses.extend(local.statuses());
            self.local = Some(Arc::new(local));
        }
        if config.role == Role::Fargate {
            let fargate = FargateHandle::start(config, environment, client.clone(), is_for_long)?;
            self.statuses.extend(fargate.statuses());
            self.fargate_counters = Some(fargate.counters());
            self.fargate = Some(fargate);
        }
        if !is_for_long {
            return Ok(());
        }
        let pod = environment.pod_name.clone().zip(environment.namespace.clone());
        let pod = pod.map(|(name, namespace)| PodRef { namespace, name, uid: environment.pod_uid.clone() });
        let component = env!("CARGO_PKG_NAME").into();
        let recorder = EventRecorder::new(
            client.clone(),
            EventRecorderSettings { component, node_name: node_name.into(), pod },
        );
        self.statuses.push(recorder.status());
        if config.role.has_cluster() {
            self.start_election(config, node_name, client, recorder.clone())?;
        }
        self.recorder = Some(recorder);
        Ok(())
    }

    fn start_election(
        &mut self,
        config: &Config,
        node_name: &str,
        client: client::Client,
        recorder: EventRecorder,
    ) -> anyhow::Result<()> {
        let wanted = &config.leader;
        let settings = LeaderSettings {
            kind: match wanted.kind {
                LockKind::ConfigMap => leader::LockKind::ConfigMap,
                LockKind::Lease => leader::LockKind::Lease,
            },
            namespace: wanted.namespace.clone(),
            name: wanted.name.clone(),
            identity: wanted.identity.clone().unwrap_or_else(|| node_name.into()),
            lease_duration: wanted.lease_duration,
            renew_deadline: wanted.renew_deadline,
            retry_period: wanted.retry_period,
        };
        let election =
            Election::start(client.clone(), settings, Some(recorder)).context("section `leader`")?;
        let (leadership, watched) = (election.leadership(), SharedWatch::default());
        self.statuses.push(election.status());
        let settings = cluster::settings(config);
        tokio::spawn(cluster::follow_leadership(election.leadership(), client, settings, watched.clone()));
        self.elector = Some(LeaderElector { election, leadership, watched });
        Ok(())
    }
}

/// Creates the client of the API server, with the counters of its requests.
pub(super) fn api_client(config: &Config) -> Result<(client::Client, Arc<Traffic>), Usage> {
    let settings = ApiSettings { kubeconfig: config.api.kubeconfig.clone(), user_agent: USER_AGENT.into() };
    client::api_client(&settings).map_err(|error| Usage(format!("API server: {error}")))
}
