//! Collects one batch of raw facts for each EKS Fargate node that this replica reads, through the API server.
//!
//! Reading all nodes takes up to most of an interval, so a round runs beside the ticks: each tick passes on the nodes of the
//! last round, under the time of that round, and begins the next one.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use insightd_collect::{CounterCache, OptionalFacts, Settings};
use insightd_kubernetes::Emitter;
use insightd_kubernetes::client::Client;
use insightd_kubernetes::fargate::{
    Fargate, FargateSettings, Removal, ReplicaSettings, Round, ScrapeCounters, ScrapeTotals, StatefulSetPod,
};
use insightd_kubernetes::pods::MetadataFilter;
use insightd_pipeline::{LogThrottle, Scope};
use insightd_upstream::UpstreamStatus;
use insights_batch::Builder;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::{Sample, Source};
use crate::config::{Config, Environment};
use crate::error::Usage;
use crate::ops::{Count, StatusRegistry};

/// The worker thread's handle to the task that reads the nodes.
#[derive(Debug)]
pub struct FargateHandle {
    requests: mpsc::Sender<u64>,
    rounds: watch::Receiver<Option<Arc<Finished>>>,
    runtime: Handle,
    statuses: Vec<Arc<UpstreamStatus>>,
    counters: ScrapeCounters,
    removal: Option<Removal>,
    is_for_long: bool,
}

/// A round that ended.
#[derive(Debug)]
struct Finished {
    round: Round,
    /// Time of the tick that it was begun in, milliseconds since the Unix epoch.
    tick_unix_ms: u64,
    begun: Instant,
}

impl FargateHandle {
    /// Starts the watches and the task. Must be called within the runtime.
    ///
    /// # Errors
    /// [`Usage`] if the nodes are shared, and the StatefulSet is unknown.
    pub(super) fn start(
        config: &Config,
        environment: &Environment,
        client: Client,
        is_for_long: bool,
    ) -> Result<Self, Usage> {
        let fargate = Fargate::start(client, &settings(config, environment)?);
        let (statuses, counters, removal) = (fargate.statuses(), fargate.counters(), fargate.removal());
        let (requests, inbox) = mpsc::channel(1);
        let (publish, rounds) = watch::channel(None);
        tokio::spawn(serve(fargate, inbox, publish));
        Ok(Self { requests, rounds, runtime: Handle::current(), statuses, counters, removal, is_for_long })
    }

    /// Returns the status of each endpoint.
    pub(super) fn statuses(&self) -> Vec<Arc<UpstreamStatus>> {
        self.statuses.clone()
    }

    /// Returns the check of a replica that SIGTERM asks to end; `None` if the nodes are not shared.
    pub fn removal(&self) -> Option<Removal> {
        self.removal.clone()
    }

    /// Returns the counters of rounds and nodes.
    pub(super) fn counters(&self) -> ScrapeCounters {
        self.counters.clone()
    }

    /// Takes the last round that ended since the previous call, and begins the next one. An agent that runs for a single
    /// tick waits for it instead.
    fn next(&mut self, tick_unix_ms: u64, patience: Duration) -> Option<Arc<Finished>> {
        if self.is_for_long {
            let last = self.take();
            // The channel is full if a round takes longer than a tick; its end begins the next one.
            let _ = self.requests.try_send(tick_unix_ms);
            return last;
        }
        let _ = self.requests.try_send(tick_unix_ms);
        let rounds = &mut self.rounds;
        // The first error means that the round does not end in time, the second that the runtime shuts down.
        let changed = self.runtime.block_on(async { tokio::time::timeout(patience, rounds.changed()).await });
        changed.ok()?.ok()?;
        self.rounds.borrow_and_update().clone()
    }

    fn take(&mut self) -> Option<Arc<Finished>> {
        if !self.rounds.has_changed().unwrap_or(false) {
            return None;
        }
        self.rounds.borrow_and_update().clone()
    }
}

/// Registers the counters of rounds and nodes with `registry`.
pub(super) fn show_on(counters: &ScrapeCounters, registry: &StatusRegistry) {
    type Reader = fn(&ScrapeTotals) -> u64;
    let metrics: [(&'static str, &'static str, Reader); 6] = [
        ("insightd_fargate_nodes_read", "Fargate nodes that were read", |totals| totals.scraped),
        ("insightd_fargate_nodes_failed", "Fargate nodes with an error or an unusable response", |totals| {
            totals.failed
        }),
        ("insightd_fargate_nodes_late", "Fargate nodes without a response in time", |totals| totals.late),
        ("insightd_fargate_samples", "Samples in the responses of Fargate nodes", |totals| totals.samples),
        ("insightd_fargate_malformed_lines", "Malformed lines in the responses of Fargate nodes", |totals| {
            totals.malformed_lines
        }),
        ("insightd_fargate_left_out", "Rows of pods beyond the bounds of one response", |totals| {
            totals.left_out
        }),
    ];
    for (name, help, reader) in metrics {
        let counters = counters.clone();
        let read = Arc::new(move || reader(&counters.totals()));
        registry.count(Count { name, help, bytes: false, read });
    }
}

/// Reads the nodes at each request.
async fn serve(
    mut fargate: Fargate,
    mut requests: mpsc::Receiver<u64>,
    publish: watch::Sender<Option<Arc<Finished>>>,
) {
    while let Some(tick_unix_ms) = requests.recv().await {
        let begun = Instant::now();
        let round = fargate.round(tick_unix_ms).await;
        // An error means that the worker is gone.
        let _ = publish.send(Some(Arc::new(Finished { round, tick_unix_ms, begun })));
    }
}

fn settings(config: &Config, environment: &Environment) -> Result<FargateSettings, Usage> {
    let wanted = &config.fargate;
    Ok(FargateSettings {
        node_selector: wanted.node_selector.clone(),
        pod_selector: wanted.pod_selector.clone(),
        metadata_filter: MetadataFilter {
            label_bytes: config.kubelet.label_bytes,
            annotations: config.kubelet.annotations.clone(),
            annotation_bytes: config.kubelet.label_bytes,
        },
        watch_services: config.api.services,
        read_jobs: config.api.jobs,
        concurrency: wanted.concurrency,
        deadline: wanted.deadline,
        interface_exclude: config.host.interface_exclude.clone(),
        replicas: wanted.sharded.then(|| replicas(environment)).transpose()?,
        ..FargateSettings::new(config.interval)
    })
}

/// Returns the StatefulSet that the agent's pod belongs to.
fn replicas(environment: &Environment) -> Result<ReplicaSettings, Usage> {
    let pod = environment.pod_name.as_deref().and_then(StatefulSetPod::from_pod_name);
    let Some((pod, namespace)) = pod.zip(environment.namespace.clone()) else {
        let message = "`role: fargate` shares the nodes among the replicas of a StatefulSet, which is unknown: set POD_NAME and \
                       K8S_NAMESPACE to name and namespace of the agent's pod, or `fargate.sharded: false` for a single agent";
        return Err(Usage(message.into()));
    };
    Ok(ReplicaSettings { namespace, pod })
}

/// The source of batches of Fargate nodes.
#[derive(Debug)]
pub struct FargateSource {
    handle: FargateHandle,
    emitter: Emitter,
    counter_cache: CounterCache,
    cluster_name: Option<String>,
    interval: Duration,
    /// Time of the round that `prime` began. It is the baseline of the counters and is not published: the first tick may be in
    /// the same interval of the wall clock, which would then have two events of each pod.
    baseline_unix_ms: Option<u64>,
    started: Instant,
    failures: LogThrottle,
}

impl FargateSource {
    /// Creates a source of what the task behind `handle` reads.
    pub fn new(config: &Config, handle: FargateHandle) -> Self {
        Self {
            handle,
            emitter: Emitter::with_interface_exclude(config.host.interface_exclude.clone()),
            counter_cache: CounterCache::new(Settings::default().forget_after),
            cluster_name: config.node.cluster_name.clone(),
            interval: config.interval,
            baseline_unix_ms: None,
            started: Instant::now(),
            failures: LogThrottle::default(),
        }
    }

    /// Passes on a batch of each node of a round.
    fn emit(&mut self, finished: &Finished, take: &mut dyn FnMut(Sample)) {
        let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let read_at_ns = nanoseconds(finished.begun.saturating_duration_since(self.started));
        let interval_ms = u64::try_from(self.interval.as_millis()).unwrap_or(u64::MAX);
        for node in &finished.round.nodes {
            let mut builder = Builder::new("node", &node.name, finished.tick_unix_ms, interval_ms);
            let cluster_name = self.cluster_name.as_deref();
            let (emitter, counter_cache) = (&mut self.emitter, &mut self.counter_cache);
            node.emit(cluster_name, emitter, counter_cache, read_at_ns, &mut builder);
            take(Sample { columns: builder.finish(), reading: None });
        }
        self.counter_cache.end_of_tick(nanoseconds(self.started.elapsed()));
        self.log_failures(&finished.round);
    }

    fn log_failures(&mut self, round: &Round) {
        if let Some(reason) = round.unassigned {
            tracing::info!(%reason, "no Fargate nodes are read in this tick");
        }
        let Some(reason) = round.errors.first().map(ToString::to_string) else { return };
        if let Some(suppressed) = self.failures.record(std::time::Instant::now()) {
            let failed = round.errors.len();
            tracing::warn!(
                failed,
                reason,
                suppressed,
                "some Fargate nodes could not be read; they have no events in this tick"
            );
        }
    }

    /// Returns the longest wait for a round, for an agent that runs for a single tick.
    fn patience(&self) -> Duration {
        self.interval
    }
}

impl Source for FargateSource {
    fn scope(&self) -> Scope {
        Scope::Node
    }

    fn want(&mut self, facts: OptionalFacts) {
        self.emitter.want(facts);
    }

    fn prime(&mut self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let patience = self.patience();
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        self.baseline_unix_ms = Some(now_ms);
        if let Some(finished) = self.handle.next(now_ms, patience) {
            self.emit(&finished, &mut |_| ());
        }
    }

    fn sample(&mut self, time_unix_ms: u64, take: &mut dyn FnMut(Sample)) {
        let patience = self.patience();
        let Some(finished) = self.handle.next(time_unix_ms, patience) else { return };
        if Some(finished.tick_unix_ms) == self.baseline_unix_ms {
            self.emit(&finished, &mut |_| ());
        } else {
            self.emit(&finished, take);
        }
    }
}
