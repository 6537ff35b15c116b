//! The sources of batches, and the clients of the endpoints that they query: tasks on the runtime, and handles for the worker thread.

mod api;
mod cluster;
mod ecs;
mod fargate;
mod instance;
mod kubelet;
mod missing;
mod node;
mod source;
mod task;

use std::sync::Arc;
use std::time::Duration;

use insightd_aws::settings::AwsSettings;
use insightd_ecs::TaskWatch;
use insightd_instance::InstanceWatch;
use insightd_kubernetes::client::{self, Traffic};
use insightd_kubernetes::events::EventRecorder;
use insightd_kubernetes::fargate::ScrapeCounters;
use insightd_kubernetes::kubelet::{Kubelet, KubeletSettings};
use insightd_kubernetes::leader::{Election, Leadership};
use insightd_kubernetes::local::LocalWatch;
use insightd_kubernetes::pods::MetadataFilter;
use insightd_upstream::UpstreamStatus;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::config::{Config, Environment, Role};
use crate::error::Usage;
use crate::ops::{Count, LeadershipStatus, StatusRegistry};
use crate::sinks::{Delivery, Ended, ToDeliver};

pub use cluster::{ClusterSource, SharedWatch, watch_cluster};
pub use ecs::EcsClients;
pub use fargate::{FargateHandle, FargateSource};
pub use kubelet::KubeletHandle;
pub use missing::unknown_cluster_name;
pub use node::{Endpoints, NodeSource, SourceError, name_without_host};
pub use source::{HostReading, Sample, Source, Sources};
pub use task::TaskSource;

/// Maximum size of one kubelet response, bytes: about ten times the response for 250 busy pods. Responses are parsed
/// while they arrive; the limit bounds the time that an endless response takes.
const MAX_KUBELET_RESPONSE_BYTES: usize = 64 << 20;

/// Time limit for releasing the leader lock, and for flushing Kubernetes Events, when the agent ends.
const RELEASE: Duration = Duration::from_secs(3);

/// The clients of all remote endpoints, which run beside the ticks.
#[derive(Default)]
pub struct Clients {
    /// The kubelet client, if the kubelet is enabled.
    pub kubelet: Option<KubeletHandle>,
    /// The clients of the ECS agent and the ECS API, if the orchestrator is ECS.
    pub ecs: Option<Arc<EcsClients>>,
    /// The client of the task metadata endpoint, if the role is the agent's own task.
    pub task: Option<Arc<TaskWatch>>,
    /// The client for objects of the own node on the API server, if it is enabled and the role has a node part.
    pub local: Option<Arc<LocalWatch>>,
    /// The EC2 instance watch, if instance metadata is enabled and needed.
    pub instance: Option<Arc<InstanceWatch>>,
    /// Counters of requests to the API server, if it is enabled.
    pub traffic: Option<Arc<Traffic>>,
    /// The leader election, if the API server is enabled, the role has a cluster part and the agent keeps running.
    pub elector: Option<LeaderElector>,
    /// The client of the Fargate nodes, if the role is to read them.
    pub fargate: Option<FargateHandle>,
    /// The counters of Fargate nodes, if the role is to read them. The source takes the client before the counters are shown.
    pub fargate_counters: Option<ScrapeCounters>,
    /// The recorder of Kubernetes Events, if the API server is enabled and the agent keeps running.
    pub recorder: Option<EventRecorder>,
    /// The deliveries to services, one per sink.
    pub deliveries: Vec<Delivery>,
    /// The connection status of every endpoint except the deliveries.
    pub statuses: Vec<Arc<UpstreamStatus>>,
}

/// The leader election and the cluster watch that runs while this agent leads.
#[derive(Debug)]
pub struct LeaderElector {
    election: Election,
    /// The leadership status.
    pub leadership: Leadership,
    /// The cluster watch of the leader.
    pub watched: SharedWatch,
}

impl Clients {
    /// Starts the clients that the configuration enables, without waiting for any of them: an endpoint that does not
    /// respond costs only its own data.
    ///
    /// # Errors
    /// [`Usage`] if a setting is invalid, such as an unreadable certificate or an invalid kubeconfig.
    pub fn start(
        config: &Config,
        environment: &Environment,
        node_name: &str,
        is_for_long: bool,
        runtime: &Handle,
    ) -> anyhow::Result<Self> {
        let _context = runtime.enter();
        let mut clients = Self::default();
        if config.role.has_node() {
            clients.start_kubelet(config, runtime)?;
            clients.ecs = ecs::start(config, is_for_long)?;
            clients.statuses.extend(clients.ecs.iter().flat_map(|ecs| ecs.statuses()));
        }
        if config.role == Role::Task {
            let task = task::start(config, environment)?;
            clients.statuses.push(Arc::clone(task.status()));
            clients.task = Some(task);
        }
        clients.instance = instance::start(config, is_for_long);
        clients.statuses.extend(clients.instance.iter().flat_map(|instance| instance.statuses()));
        let uses_api =
            config.api.enabled.unwrap_or(config.api.kubeconfig.is_some() || client::is_in_cluster());
        if uses_api && config.role != Role::Task {
            clients.start_api(config, environment, node_name, is_for_long)?;
        } else if matches!(config.role, Role::Cluster | Role::Fargate) {
            let role = config.role.as_str();
            let message =
                format!("`role: {role}` needs the API server: run in a pod, or set `api.kubeconfig`");
            return Err(Usage(message).into());
        }
        missing::warn(config, uses_api, is_for_long);
        Ok(clients)
    }

    fn start_kubelet(&mut self, config: &Config, runtime: &Handle) -> anyhow::Result<()> {
        let wanted = &config.kubelet;
        let Some(url) = wanted.url.clone().filter(|_| wanted.enabled != Some(false)) else { return Ok(()) };
        let settings = KubeletSettings {
            url,
            token_file: Some(wanted.token_file.clone()),
            ca_files: wanted.ca_files.clone(),
            server_name: wanted.server_name.clone(),
            insecure: wanted.insecure,
            timeout: wanted.timeout,
            metadata_filter: MetadataFilter {
                label_bytes: wanted.label_bytes,
                annotations: wanted.annotations.clone(),
                annotation_bytes: wanted.label_bytes,
            },
            summary: wanted.summary,
            max_response_bytes: MAX_KUBELET_RESPONSE_BYTES,
        };
        let status = Arc::new(UpstreamStatus::new("kubelet"));
        let kubelet =
            Kubelet::new(settings, status.clone()).map_err(|error| Usage(format!("kubelet: {error}")))?;
        self.kubelet = Some(KubeletHandle::start(runtime, kubelet, wanted.timeout, config.interval));
        self.statuses.push(status);
        Ok(())
    }

    /// Starts publishing Kubernetes Events about failing endpoints. Call it after everything else was started.
    pub fn publish_failures(&self, runtime: &Handle) {
        let Some(recorder) = &self.recorder else { return };
        let watched = self.elector.as_ref().map(|elector| elector.watched.clone());
        let of_cluster = move || {
            let statuses = watched.as_ref().map(SharedWatch::statuses).unwrap_or_default();
            statuses.into_iter().map(|status| ("cluster", status)).collect()
        };
        let deliveries = self.deliveries.iter().map(|delivery| ("sink", Arc::clone(delivery.status())));
        let statuses =
            self.statuses.iter().map(|status| ("node", Arc::clone(status))).chain(deliveries).collect();
        runtime.spawn(crate::events::publish_failures(recorder.clone(), statuses, of_cluster));
    }

    /// Starts the delivery of queued sink data.
    pub fn deliver(&mut self, aws: &AwsSettings, to_deliver: Vec<ToDeliver>, runtime: &Handle) {
        let _context = runtime.enter();
        for ToDeliver { name, destination, queue } in to_deliver {
            self.deliveries.push(Delivery::start(name, aws, destination, queue));
        }
    }

    /// Registers the status and the counters of all clients with `registry`.
    pub fn show_on(&self, registry: &Arc<StatusRegistry>) {
        for status in &self.statuses {
            registry.watch("node", status);
        }
        for delivery in &self.deliveries {
            registry.show_queue(delivery.name(), delivery.queue().clone());
            registry.watch("sink", delivery.queue().status());
        }
        if let Some(traffic) = &self.traffic {
            let count = |name, help, bytes, read| registry.count(Count { name, help, bytes, read });
            let (requests, received) = (traffic.clone(), traffic.clone());
            count(
                "insightd_api_requests",
                "Requests to the API server",
                false,
                Arc::new(move || requests.requests()),
            );
            let help = "Bytes of responses from the API server";
            count("insightd_api_received", help, true, Arc::new(move || received.received_bytes()));
        }
        if let Some(counters) = &self.fargate_counters {
            fargate::show_on(counters, registry);
        }
        if let Some(recorder) = &self.recorder {
            let dropped = recorder.clone();
            let read = Arc::new(move || dropped.counts().dropped);
            let help = "Kubernetes Events that were not published";
            registry.count(Count { name: "insightd_kubernetes_events_dropped", help, bytes: false, read });
        }
        if let Some(elector) = &self.elector {
            let leadership = elector.leadership.clone();
            registry.lead(move || LeadershipStatus {
                is_leader: leadership.is_leader(),
                transitions: leadership.transitions(),
                holder: leadership.holder(),
            });
            elector.watched.show_on(registry);
            let watched = elector.watched.clone();
            let read = Arc::new(move || watched.pending_left_out());
            let help = "Pending pods beyond `cluster.max_pending_pods`, omitted from cluster batches";
            registry.count(Count { name: "insightd_cluster_pending_left_out", help, bytes: false, read });
        }
    }

    /// Shuts down after the last tick: releases the leader lock so that a successor can lead at once, sends what the
    /// delivery queues hold, and flushes Kubernetes Events. Lock and deliveries end concurrently: the longest time
    /// limit counts, however many sinks there are. Returns the outcome of each delivery.
    pub async fn end(self) -> Vec<Ended> {
        self.deliveries.iter().for_each(Delivery::stop);
        let elector = self.elector;
        let release = async move {
            if let Some(elector) = elector
                && tokio::time::timeout(RELEASE, elector.election.release()).await.is_err()
            {
                tracing::warn!("timed out releasing the lock; it will expire");
            }
        };
        let mut deliveries: JoinSet<Ended> = self.deliveries.into_iter().map(Delivery::end).collect();
        let deliver = async {
            let mut all = Vec::new();
            while let Some(ended) = deliveries.join_next().await {
                all.extend(ended);
            }
            all
        };
        let ((), ended) = tokio::join!(release, deliver);
        if let Some(recorder) = self.recorder {
            // Best effort: a missing Kubernetes Event is not a loss of data.
            let _ = tokio::time::timeout(RELEASE, recorder.flush()).await;
        }
        ended
    }
}
