//! Where the parts of the agent leave what they know of themselves.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use insightd_aws::delivery::Outbox;
use insightd_peer::Status;

use super::figures::Figures;
use super::health::{Alive, Missing, Progress, Stuck};
use super::process::Process;
use crate::rollout::Follow;

/// One board an agent, shared by all of its parts.
pub struct Board {
    interval: Duration,
    node_name: String,
    pub(super) process: Process,
    work: Mutex<Work>,
    parts: Mutex<Parts>,
}

/// What the worker thread changes.
struct Work {
    progress: Progress,
    figures: Option<Arc<Figures>>,
}

/// What is there beside the worker.
#[derive(Clone, Default)]
struct Parts {
    sources: Vec<Source>,
    counts: Vec<Count>,
    outboxes: Vec<(String, Outbox)>,
    rollout: Option<Arc<Follow>>,
    leadership: Option<Arc<dyn Fn() -> Standing + Send + Sync>>,
}

/// A peer that is read, as long as somebody does.
#[derive(Clone)]
struct Source {
    scope: &'static str,
    status: Weak<Status>,
}

/// A number that some part counts up.
#[derive(Clone)]
pub struct Count {
    /// Name of the metric, without `_total` and without its unit: `insightd_api_requests`.
    pub name: &'static str,
    /// One sentence, without its full stop.
    pub help: &'static str,
    /// Whether it counts bytes.
    pub bytes: bool,
    /// Asked whenever metrics are.
    pub read: Arc<dyn Fn() -> u64 + Send + Sync>,
}

/// Where this agent stands in the election.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether it leads now.
    pub is_leader: bool,
    /// How often the lock changed hands, as its record says.
    pub transitions: u64,
    /// Who holds the lock, as far as is known.
    pub holder: Option<String>,
}

impl Board {
    /// An empty board, made when the agent starts. `longest_wait` is how long a tick may have to wait for an
    /// answer, such as the kubelet's; while it waits the agent is alive.
    pub fn new(interval: Duration, longest_wait: Duration) -> Self {
        let progress = Progress::new(Instant::now(), interval, longest_wait);
        let work = Mutex::new(Work { progress, figures: None });
        let node_name = String::new();
        Self { interval, node_name, process: Process::new(), work, parts: Mutex::default() }
    }

    /// With the name of the node, by which it may be asked.
    #[must_use]
    pub fn with_node_name(self, name: &str) -> Self {
        Self { node_name: name.to_owned(), ..self }
    }

    pub(super) fn node_name(&self) -> &str {
        &self.node_name
    }

    /// A tick, or the reading before the first, begins.
    pub fn begin(&self) {
        self.work().progress.begin(Instant::now());
    }

    /// A tick ended.
    pub fn publish(&self, figures: Figures) {
        let figures = Arc::new(figures);
        let mut work = self.work();
        work.progress.end(Instant::now(), &figures.counters);
        let before = work.figures.replace(figures);
        drop(work);
        drop(before);
    }

    /// Shows how reading from a peer goes, for as long as somebody else holds the status. `scope` tells apart
    /// sources of the same name: `node` or `cluster`.
    pub fn watch(&self, scope: &'static str, status: &Arc<Status>) {
        let mut parts = self.parts();
        let name = status.source();
        parts.sources.retain(|source| {
            let other = source.status.upgrade();
            other.is_some_and(|other| (source.scope, other.source()) != (scope, name))
        });
        parts.sources.push(Source { scope, status: Arc::downgrade(status) });
    }

    /// Shows a count; one of the same name gives way.
    pub fn count(&self, count: Count) {
        let mut parts = self.parts();
        parts.counts.retain(|other| other.name != count.name);
        parts.counts.push(count);
    }

    /// Shows what waits in a sink's outbox, and what was delivered.
    pub fn deliver(&self, sink: &str, outbox: Outbox) {
        self.parts().outboxes.push((sink.to_owned(), outbox));
    }

    /// Shows how rollouts go.
    pub fn follow(&self, follow: Arc<Follow>) {
        self.parts().rollout = Some(follow);
    }

    /// Shows who leads.
    pub fn lead(&self, standing: impl Fn() -> Standing + Send + Sync + 'static) {
        self.parts().leadership = Some(Arc::new(standing));
    }

    /// Time between two ticks.
    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    pub(super) fn alive(&self) -> Result<Alive, Stuck> {
        self.work().progress.alive(Instant::now())
    }

    pub(super) fn ready(&self) -> Result<(), Missing> {
        self.work().progress.ready()
    }

    /// What the last tick left, and how long ago it ended.
    pub(super) fn figures(&self) -> (Option<Arc<Figures>>, Option<Duration>) {
        let work = self.work();
        (work.figures.clone(), work.progress.age(Instant::now()))
    }

    /// The sources that somebody still reads.
    pub(super) fn sources(&self) -> Vec<(&'static str, Arc<Status>)> {
        let parts = self.parts();
        parts.sources.iter().filter_map(|s| Some((s.scope, s.status.upgrade()?))).collect()
    }

    pub(super) fn counts(&self) -> Vec<Count> {
        self.parts().counts.clone()
    }

    pub(super) fn outboxes(&self) -> Vec<(String, Outbox)> {
        self.parts().outboxes.clone()
    }

    pub(super) fn rollout(&self) -> Option<Arc<Follow>> {
        self.parts().rollout.clone()
    }

    pub(super) fn standing(&self) -> Option<Standing> {
        // Asked without the lock: it is foreign code.
        let ask = self.parts().leadership.clone()?;
        Some(ask())
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board").field("interval", &self.interval).finish_non_exhaustive()
    }
}
