//! Status registry: the data of all parts of the agent for the operations endpoints.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};

use insightd_delivery::DeliveryQueue;
use insightd_upstream::{UpstreamStatus, lock};

use super::health::{Alive, Missing, Progress, Stuck};
use super::process::Process;
use super::stats::TickStats;
use crate::rollout::RolloutStatus;
use crate::sinks::ServedPage;

/// The status registry. An agent has one, shared by all of its parts.
pub struct StatusRegistry {
    interval: Duration,
    node_name: String,
    pub(super) process: Process,
    work: Mutex<TickData>,
    parts: Mutex<Parts>,
}

/// Data changed by the worker thread.
struct TickData {
    progress: Progress,
    stats: Option<Arc<TickStats>>,
}

/// Data registered by other parts of the agent.
#[derive(Clone, Default)]
struct Parts {
    sources: Vec<Source>,
    counts: Vec<Count>,
    queues: Vec<(String, DeliveryQueue)>,
    pages: Vec<(String, Arc<ServedPage>)>,
    rollout: Option<Arc<RolloutStatus>>,
    leadership: Option<Arc<dyn Fn() -> LeadershipStatus + Send + Sync>>,
}

/// Status of a remote endpoint that the agent reads from; gone once its reader drops the status.
#[derive(Clone)]
struct Source {
    scope: &'static str,
    status: Weak<UpstreamStatus>,
}

/// A counter kept by another part of the agent.
#[derive(Clone)]
pub struct Count {
    /// Name of the metric, without `_total` and without its unit: `insightd_api_requests`.
    pub name: &'static str,
    /// Help text: one sentence, without its full stop.
    pub help: &'static str,
    /// `true` if the unit is bytes.
    pub bytes: bool,
    /// Returns the current value; called on each scrape.
    pub read: Arc<dyn Fn() -> u64 + Send + Sync>,
}

/// Leadership status of this agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeadershipStatus {
    /// `true` while this agent is the leader.
    pub is_leader: bool,
    /// Number of times the lock changed hands, from its record.
    pub transitions: u64,
    /// Holder of the lock, if known.
    pub holder: Option<String>,
}

impl StatusRegistry {
    /// Creates an empty registry when the agent starts. `longest_wait` is how long a tick may wait for a response, such as the
    /// kubelet's; during that wait the agent counts as alive.
    pub fn new(interval: Duration, longest_wait: Duration) -> Self {
        let progress = Progress::new(Instant::now(), interval, longest_wait);
        let work = Mutex::new(TickData { progress, stats: None });
        let node_name = String::new();
        Self { interval, node_name, process: Process::new(), work, parts: Mutex::default() }
    }

    /// Sets the name of the node, which is accepted as the host of requests.
    #[must_use]
    pub fn with_node_name(self, name: &str) -> Self {
        Self { node_name: name.to_owned(), ..self }
    }

    pub(super) fn node_name(&self) -> &str {
        &self.node_name
    }

    /// Records that a tick, or the reading before the first tick, begins.
    pub fn begin(&self) {
        self.work().progress.begin(Instant::now());
    }

    /// Records the end of a tick and publishes its stats.
    pub fn publish(&self, stats: TickStats) {
        let stats = Arc::new(stats);
        let mut work = self.work();
        work.progress.end(Instant::now(), &stats.counters);
        let before = work.stats.replace(stats);
        drop(work);
        drop(before);
    }

    /// Shows the status of a remote endpoint for as long as its reader holds it. `scope`, `node` or `cluster`, distinguishes sources of
    /// the same name.
    pub fn watch(&self, scope: &'static str, status: &Arc<UpstreamStatus>) {
        let mut parts = self.parts();
        let name = status.source();
        parts.sources.retain(|source| {
            let other = source.status.upgrade();
            other.is_some_and(|other| (source.scope, other.source()) != (scope, name))
        });
        parts.sources.push(Source { scope, status: Arc::downgrade(status) });
    }

    /// Shows a counter, replacing one of the same name.
    pub fn count(&self, count: Count) {
        let mut parts = self.parts();
        parts.counts.retain(|other| other.name != count.name);
        parts.counts.push(count);
    }

    /// Shows the delivery queue of a sink: waiting and delivered events.
    pub fn show_queue(&self, sink: &str, queue: DeliveryQueue) {
        self.parts().queues.push((sink.to_owned(), queue));
    }

    /// Shows the page of a Prometheus sink.
    pub fn show_page(&self, sink: &str, page: Arc<ServedPage>) {
        self.parts().pages.push((sink.to_owned(), page));
    }

    /// Shows the rollout status.
    pub fn show_rollout(&self, status: Arc<RolloutStatus>) {
        self.parts().rollout = Some(status);
    }

    /// Shows the leadership status.
    pub fn lead(&self, leadership_status: impl Fn() -> LeadershipStatus + Send + Sync + 'static) {
        self.parts().leadership = Some(Arc::new(leadership_status));
    }

    /// Returns the time between two ticks.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    pub(super) fn alive(&self) -> Result<Alive, Stuck> {
        self.work().progress.alive(Instant::now())
    }

    pub(super) fn ready(&self) -> Result<(), Missing> {
        self.work().progress.ready()
    }

    /// Returns the stats of the last tick and the time since its end.
    pub(super) fn stats(&self) -> (Option<Arc<TickStats>>, Option<Duration>) {
        let work = self.work();
        (work.stats.clone(), work.progress.age(Instant::now()))
    }

    /// Returns the sources whose readers still exist, with their scopes.
    pub(super) fn sources(&self) -> Vec<(&'static str, Arc<UpstreamStatus>)> {
        let parts = self.parts();
        parts.sources.iter().filter_map(|s| Some((s.scope, s.status.upgrade()?))).collect()
    }

    pub(super) fn counts(&self) -> Vec<Count> {
        self.parts().counts.clone()
    }

    pub(super) fn queues(&self) -> Vec<(String, DeliveryQueue)> {
        self.parts().queues.clone()
    }

    pub(super) fn pages(&self) -> Vec<(String, Arc<ServedPage>)> {
        self.parts().pages.clone()
    }

    pub(super) fn rollout(&self) -> Option<Arc<RolloutStatus>> {
        self.parts().rollout.clone()
    }

    pub(super) fn leadership_status(&self) -> Option<LeadershipStatus> {
        // Called without the lock: it is code of another part.
        let ask = self.parts().leadership.clone()?;
        Some(ask())
    }

    fn work(&self) -> MutexGuard<'_, TickData> {
        lock(&self.work)
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        lock(&self.parts)
    }
}

impl fmt::Debug for StatusRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusRegistry").field("interval", &self.interval).finish_non_exhaustive()
    }
}
