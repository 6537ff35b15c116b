//! Collects batches of raw facts about the whole cluster, while this agent is elected.

use std::sync::Arc;
use std::time::{Duration, Instant};

use insightd_collect::OptionalFacts;
use insightd_instance::{InstanceFacts, InstanceWatch};
use insightd_kubernetes::leader::Leadership;
use insightd_pipeline::Scope;
use insights_batch::{Builder, Columns};

use super::SharedWatch;
use crate::config::Config;
use crate::sources::{Sample, Source};

/// The entity id of a cluster whose name is unknown.
const UNNAMED: &str = "cluster";

/// Number of intervals after which a new leader emits incomplete data, although some kind was not listed yet.
const PATIENCE_INTERVALS: u32 = 2;

/// The source of batches of scope `cluster`.
#[derive(Debug)]
pub struct ClusterSource {
    leadership: Leadership,
    watched: SharedWatch,
    cluster_name: Option<String>,
    /// The instance whose tags name the cluster if the configuration does not.
    instance: Option<Arc<InstanceWatch>>,
    node_name: String,
    orchestrator: &'static str,
    interval: Duration,
    /// Time of the first sample since this agent became the leader; `None` while it is not.
    waiting_since: Option<Instant>,
}

impl ClusterSource {
    /// Creates a source that emits the data of `watched` while `leadership` holds. `node_name` is the node that this agent runs on.
    pub fn new(
        config: &Config,
        node_name: &str,
        leadership: Leadership,
        watched: SharedWatch,
        instance: Option<Arc<InstanceWatch>>,
    ) -> Self {
        Self {
            leadership,
            watched,
            cluster_name: config.node.cluster_name.clone(),
            instance,
            node_name: node_name.into(),
            orchestrator: config.node.orchestrator.as_str(),
            interval: config.interval,
            waiting_since: None,
        }
    }

    /// Returns a batch of the known objects. Returns `None` while another agent leads, and until every kind was listed or has had time for it.
    fn read(&mut self, time_unix_ms: u64) -> Option<Columns> {
        if !self.leadership.is_leader() {
            self.waiting_since = None;
            return None;
        }
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let late = since.elapsed() > self.interval * PATIENCE_INTERVALS;
        let interval_ms = u64::try_from(self.interval.as_millis()).unwrap_or(u64::MAX);
        let known = self.instance.as_ref().map(|instance| instance.facts());
        let tagged = known.as_deref().and_then(|known: &InstanceFacts| known.cluster_name.as_deref());
        let cluster_name = self.cluster_name.as_deref().or(tagged);
        self.watched
            .with(|watch| {
                if !late && !watch.is_complete() {
                    return None;
                }
                let name = cluster_name.unwrap_or(UNNAMED);
                let mut builder = Builder::new("cluster", name, time_unix_ms, interval_ms);
                let cluster = builder.entity("cluster", name, None);
                if let Some(name) = cluster_name {
                    builder.attribute(cluster, "cluster.name", name);
                }
                builder.attribute(cluster, "node.name", &self.node_name);
                builder.attribute(cluster, "orchestrator", self.orchestrator);
                builder.gauge(cluster, "agent.heartbeat", 1.0);
                if watch.statuses().iter().any(|status| status.snapshot().last_success.is_some()) {
                    builder.gauge(cluster, "cluster.age_ms", watch.oldest_age().as_millis() as f64);
                }
                watch.emit(&mut builder, cluster);
                self.watched.leave_out_pending(watch.pending_left_out());
                Some(builder.finish())
            })
            .flatten()
    }
}

impl Source for ClusterSource {
    fn scope(&self) -> Scope {
        Scope::Cluster
    }

    fn want(&mut self, facts: OptionalFacts) {
        self.watched.want(facts);
    }

    fn sample(&mut self, time_unix_ms: u64, take: &mut dyn FnMut(Sample)) {
        if let Some(columns) = self.read(time_unix_ms) {
            take(Sample { columns, reading: None });
        }
    }

    fn leadership(&self) -> Option<&Leadership> {
        Some(&self.leadership)
    }
}
