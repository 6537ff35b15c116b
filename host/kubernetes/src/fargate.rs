//! EKS Fargate nodes, read from outside: a Fargate pod cannot reach its own kubelet, and nothing else runs on its node.
//!
//! ```text
//! nodes    list + watch of Nodes with a label selector
//! pods     list + watch of Pods with a label selector: labels, owners, limits
//! facts    Services and owners of Jobs, as on an ordinary node
//! replicas one GET of the agent's StatefulSet at the beginning of each round
//! round    GET /api/v1/nodes/NAME/proxy/metrics/cadvisor of each node that this replica owns
//! ```
//!
//! Responses are parsed as they arrive ([`insightd_exposition`]), and only the used values of a node are kept until the round
//! ends ([`insightd_fargate::cadvisor`]). A node that is slow, dead or broken costs only itself: every request has a
//! deadline, and nodes that failed before have their turn after all others. The nodes are divided among replicas by the rule
//! of [`insightd_fargate::shard`].
//!
//! # Permissions
//!
//! `list` and `watch` on `nodes`, `pods` and `services`; `get` on `nodes/proxy` and `jobs.batch`; with more than one replica,
//! `get` and `patch` on the agent's own `statefulsets.apps`.

mod nodes;
mod pods;
mod removal;
mod replicas;
mod round;
mod scrape;
mod stateful_set;
#[cfg(test)]
mod tests;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use insightd_collect::CounterCache;
use insightd_exposition::Limits;
use insightd_fargate::cadvisor::{NodeIdentity, NodeReading, ReadingLimits};
use insightd_fargate::shard::Unassigned;
use insightd_upstream::UpstreamStatus;
use insights_batch::{Builder, EntityId};
use tokio::time::Instant;

use crate::emit::{Emitter, Facts};
use crate::facts::LocalState;
use crate::pods::{MetadataFilter, PodList};

pub use removal::Removal;
use replicas::Replicas;
use round::Scraper;
pub use round::{ScrapeCounters, ScrapeTotals};
pub use scrape::ScrapeError;
use stateful_set::StatefulSetClient;
pub use stateful_set::{ReplicaSettings, StatefulSetPod};
use watch::FargateWatch;

/// Label selector of Fargate nodes, which EKS sets.
pub const NODE_SELECTOR: &str = "eks.amazonaws.com/compute-type=fargate";
/// Label selector of Fargate pods: the label is set by EKS and names the profile. Pods cannot be selected by the labels of their
/// nodes.
pub const POD_SELECTOR: &str = "eks.amazonaws.com/fargate-profile";

/// Settings of the Fargate source.
#[derive(Clone, Debug)]
pub struct FargateSettings {
    /// Time between two rounds.
    pub interval: Duration,
    /// Label selector of the nodes.
    pub node_selector: String,
    /// Label selector of the pods.
    pub pod_selector: String,
    /// Labels and annotations to keep of pods.
    pub metadata_filter: MetadataFilter,
    /// Watches Services.
    pub watch_services: bool,
    /// Reads the owners of Jobs.
    pub read_jobs: bool,
    /// Longest random wait before the first list of a kind.
    pub start_jitter: Duration,
    /// Largest number of nodes that are read at the same time.
    pub concurrency: usize,
    /// Longest time for one node; at most two thirds of the interval.
    pub deadline: Duration,
    /// Time over which the requests of a round are spread. Each node has a fixed share of it, so its readings are equally far
    /// apart.
    pub jitter: Duration,
    /// Bounds on one response.
    pub limits: Limits,
    /// Bounds on what is kept of one response.
    pub reading_limits: ReadingLimits,
    /// Names of interfaces to leave out; a name that ends in `*` matches as a prefix.
    pub interface_exclude: Vec<String>,
    /// The StatefulSet whose replicas share the nodes; `None` if this agent reads all of them.
    pub replicas: Option<ReplicaSettings>,
}

impl FargateSettings {
    /// Returns the default settings for an interval.
    pub fn new(interval: Duration) -> Self {
        Self {
            interval,
            node_selector: NODE_SELECTOR.to_owned(),
            pod_selector: POD_SELECTOR.to_owned(),
            metadata_filter: MetadataFilter::default(),
            watch_services: true,
            read_jobs: true,
            start_jitter: Duration::from_secs(5).min(interval / 4),
            concurrency: 8,
            deadline: Duration::from_secs(40),
            jitter: interval / 6,
            limits: Limits::default(),
            reading_limits: ReadingLimits::default(),
            interface_exclude: insightd_collect::Settings::default().interface_exclude,
            replicas: None,
        }
    }

    /// Returns the longest time for one node.
    fn effective_deadline(&self) -> Duration {
        self.deadline.min(self.interval * 2 / 3)
    }
}

/// The source of batches of Fargate nodes. Its watches end when it is dropped.
pub struct Fargate {
    watch: FargateWatch,
    stateful_set: Option<Arc<StatefulSetClient>>,
    replicas: Option<Replicas>,
    scraper: Scraper,
    interface_exclude: Arc<[String]>,
}

/// The result of one round.
#[derive(Debug)]
pub struct Round {
    /// The nodes that were read, by name.
    pub nodes: Vec<FargateNode>,
    /// The errors of those that could not be read.
    pub errors: Vec<ScrapeError>,
    /// The reason why this replica reads no nodes in this round, if it does not.
    pub unassigned: Option<Unassigned>,
}

/// A node that was read, with the facts of the API server.
#[derive(Debug)]
pub struct FargateNode {
    /// Name of the Node object.
    pub name: Arc<str>,
    /// Value of the node's label `eks.amazonaws.com/compute-type`.
    pub compute_type: Option<Box<str>>,
    reading: NodeReading,
    pods: Arc<PodList>,
    facts: LocalState,
    interface_exclude: Arc<[String]>,
}

impl Fargate {
    /// Starts the watches. Must be called within the runtime.
    pub fn start(client: kube::Client, settings: &FargateSettings) -> Self {
        let stateful_set = settings
            .replicas
            .clone()
            .map(|replicas| Arc::new(StatefulSetClient::new(client.clone(), replicas, settings.interval)));
        Self {
            watch: FargateWatch::start(&client, settings),
            replicas: stateful_set.clone().map(|client| Replicas::new(client, settings.interval)),
            stateful_set,
            scraper: Scraper::new(client, settings),
            interface_exclude: settings.interface_exclude.clone().into(),
        }
    }

    /// Reads the nodes of this replica in the tick of `tick_unix_ms`. Takes at most eleven twelfths of the interval.
    pub async fn round(&mut self, tick_unix_ms: u64) -> Round {
        let begin = Instant::now();
        let mut nodes = self.watch.nodes();
        if let Some(replicas) = &mut self.replicas {
            match replicas.replicas_in(tick_unix_ms / 1000).await {
                Ok(number) => nodes.retain(|node| replicas.owns(node, number)),
                Err(reason) => {
                    return Round { nodes: Vec::new(), errors: Vec::new(), unassigned: Some(reason) };
                }
            }
        }
        self.watch.expect_jobs_of(&nodes);
        let mut round = Round { nodes: Vec::new(), errors: Vec::new(), unassigned: None };
        for (name, result) in self.scraper.round(nodes, begin).await {
            match result {
                Ok(reading) => round.nodes.extend(self.node(name, reading)),
                Err(error) => round.errors.push(error),
            }
        }
        round.nodes.sort_by(|left, right| left.name.cmp(&right.name));
        round
    }

    /// Adds the facts of the API server. Returns `None` if the node was deleted meanwhile.
    fn node(&self, name: Arc<str>, reading: NodeReading) -> Option<FargateNode> {
        let (compute_type, facts, pods) = self.watch.facts(&name)?;
        let interface_exclude = Arc::clone(&self.interface_exclude);
        Some(FargateNode { name, compute_type, reading, pods, facts, interface_exclude })
    }

    /// Returns the check of a replica that SIGTERM asks to end; `None` if the nodes are not shared.
    pub fn removal(&self) -> Option<Removal> {
        self.stateful_set.clone().map(Removal::new)
    }

    /// Returns the counters of rounds and requests.
    pub fn counters(&self) -> ScrapeCounters {
        self.scraper.counters()
    }

    /// Returns the status of each source.
    pub fn statuses(&self) -> Vec<Arc<UpstreamStatus>> {
        let mut statuses = self.watch.statuses();
        statuses.push(self.scraper.status());
        statuses.extend(self.stateful_set.as_ref().map(|client| client.status()));
        statuses
    }
}

impl FargateNode {
    /// Adds all entities of the node to a batch of scope `node` with its name, and returns the node's entity.
    ///
    /// `read_at_ns` is the monotonic time of the round; the counters of cgroups use cAdvisor's own times instead. One
    /// `counter_cache` serves all nodes.
    pub fn emit(
        &self,
        cluster_name: Option<&str>,
        emitter: &mut Emitter,
        counter_cache: &mut CounterCache,
        read_at_ns: u64,
        builder: &mut Builder,
    ) -> EntityId {
        let identity =
            NodeIdentity { name: &self.name, cluster_name, compute_type: self.compute_type.as_deref() };
        let node = self.reading.emit(&identity, &self.interface_exclude, counter_cache, builder);
        let facts = Facts { pods: Some(&self.pods), summary: None, local: Some(&self.facts) };
        emitter.emit_facts(&facts, node, counter_cache, read_at_ns, builder);
        self.reading.emit_filesystems(emitter.containers(&self.pods), builder);
        node
    }
}
