//! Kubernetes Events for operators.
//!
//! Events are created in `core/v1` and never changed, so `create` on `events` is the only permission needed, which existing
//! Container Insights agents have. Events about the node go to the namespace `default`, like those of the kubelet; the
//! others go to the namespace of their object.
//!
//! `kube::runtime::events::Recorder` does not serve here: it needs the crate `kube-runtime`, which nothing else in the agent
//! uses, writes to `events.k8s.io`, for which existing agents have no permission, and makes its caller wait for the API server.
//! This recorder is bounded instead: a short queue, a rate limit, and one event with a count for all repetitions of another.

mod aggregator;
mod wire;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::Client;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tracing::warn;

use self::aggregator::{Decision, EventAggregator, Occurrences};
use crate::client;
use insightd_upstream::{UpstreamStatus, lock};

pub use crate::lock_object::LockRef;

/// Largest number of events that wait to be sent.
const MAX_QUEUED: usize = 32;

/// Timeout of one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Waits between attempts; the event is dropped after the last one.
const RETRY_WAITS: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(10), Duration::from_secs(50)];

/// Severity of an event, its `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// Information about normal operation.
    Normal,
    /// A problem.
    Warning,
}

/// The object that an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum InvolvedObject {
    /// The agent's node.
    Node,
    /// The agent's pod; its node if the pod is not known.
    Pod,
    /// The lock of the election. The event's component is then the name of the lock, as with existing Container Insights
    /// agents.
    Lock(LockRef),
}

/// An event for operators. Anyone who may read events sees its texts: no secrets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// Severity.
    pub kind: EventKind,
    /// Machine-readable reason in camel case.
    pub reason: String,
    /// Human-readable message.
    pub message: String,
    /// The object that the event is about.
    pub involved_object: InvolvedObject,
}

/// Reference to a pod.
#[derive(Clone, Debug)]
pub struct PodRef {
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub name: String,
    /// Uid of the pod, if known.
    pub uid: Option<String>,
}

/// The reporter of the events.
#[derive(Clone, Debug)]
pub struct EventRecorderSettings {
    /// Name of the program.
    pub component: String,
    /// Name of the node that it runs on.
    pub node_name: String,
    /// The pod that it runs in, if any.
    pub pod: Option<PodRef>,
}

/// Numbers of events by result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventCounts {
    /// Events accepted by the API server.
    pub published: u64,
    /// Events counted into an equal one.
    pub aggregated: u64,
    /// Events dropped: over the rate limit, or not accepted by the API server.
    pub dropped: u64,
}

/// A publisher of events. Clones share the queue; when the last one is dropped, unsent events are lost (see
/// [`flush`](Self::flush)).
#[derive(Clone, Debug)]
pub struct EventRecorder {
    inner: Arc<Inner>,
    _task: Arc<Task>,
}

#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Debug)]
struct Inner {
    state: Mutex<RecorderState>,
    /// Number of events that wait or are being sent.
    waiting: watch::Sender<usize>,
    published: AtomicU64,
    aggregated: AtomicU64,
    dropped: AtomicU64,
    status: Arc<UpstreamStatus>,
}

#[derive(Debug)]
struct RecorderState {
    aggregator: EventAggregator,
    queue: VecDeque<(Event, Occurrences)>,
}

impl EventRecorder {
    /// Starts the task that sends events. Must be called within a runtime.
    pub fn new(client: Client, settings: EventRecorderSettings) -> Self {
        let state =
            RecorderState { aggregator: EventAggregator::new(Instant::now()), queue: VecDeque::new() };
        let inner = Arc::new(Inner {
            state: Mutex::new(state),
            waiting: watch::Sender::new(0),
            published: AtomicU64::new(0),
            aggregated: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            status: Arc::new(UpstreamStatus::new("events")),
        });
        let task = tokio::spawn(run(Arc::clone(&inner), client, settings));
        Self { inner, _task: Arc::new(Task(task)) }
    }

    /// Queues an event, counts it into an equal one of the last ten minutes, or drops it over the rate limit. Never blocks;
    /// may be called from any thread.
    pub fn publish(&self, event: Event) {
        let mut state = lock(&self.inner.state);
        match state.aggregator.offer(&event, Instant::now(), Timestamp::now()) {
            Decision::Publish(occurrences) => self.inner.queue(&mut state, event, occurrences),
            Decision::Aggregated => add(&self.inner.aggregated, 1),
            Decision::Dropped => add(&self.inner.dropped, 1),
        }
    }

    /// Waits until all events, including the aggregated ones, are sent or dropped. The caller should set a timeout: with a
    /// server that does not respond, this takes minutes.
    pub async fn flush(&self) {
        self.inner.end(None);
        let mut waiting = self.inner.waiting.subscribe();
        let _ = waiting.wait_for(|waiting| *waiting == 0).await;
    }

    /// Returns the numbers of events so far.
    pub fn counts(&self) -> EventCounts {
        EventCounts {
            published: self.inner.published.load(Ordering::Relaxed),
            aggregated: self.inner.aggregated.load(Ordering::Relaxed),
            dropped: self.inner.dropped.load(Ordering::Relaxed),
        }
    }

    /// Returns the status of sending.
    pub fn status(&self) -> Arc<UpstreamStatus> {
        Arc::clone(&self.inner.status)
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

impl Inner {
    fn queue(&self, state: &mut RecorderState, event: Event, occurrences: Occurrences) {
        if state.queue.len() >= MAX_QUEUED {
            add(&self.dropped, 1);
            return;
        }
        state.queue.push_back((event, occurrences));
        self.waiting.send_modify(|waiting| *waiting += 1);
    }

    fn end(&self, now: Option<Instant>) {
        let mut state = lock(&self.state);
        let (due, dropped) = state.aggregator.end(now);
        add(&self.dropped, dropped);
        for (event, occurrences) in due {
            self.queue(&mut state, event, occurrences);
        }
    }
}

async fn run(inner: Arc<Inner>, client: Client, settings: EventRecorderSettings) {
    let mut waiting = inner.waiting.subscribe();
    loop {
        let (next, ends) = {
            let mut state = lock(&inner.state);
            (state.queue.pop_front(), state.aggregator.next())
        };
        let Some((event, occurrences)) = next else {
            let window = async {
                match ends {
                    Some(ends) => tokio::time::sleep_until(ends.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = window => inner.end(Some(Instant::now())),
                // The sender is in `inner`, so this cannot fail.
                _ = waiting.changed() => {}
            }
            continue;
        };
        match send(&inner.status, &client, &settings, &event, occurrences).await {
            Ok(()) => {
                inner.status.succeeded();
                add(&inner.published, 1);
            }
            Err(error) => {
                // The message is left out: it may be long, and the publisher has logged it.
                warn!(reason = event.reason, error, "cannot publish event; dropped");
                add(&inner.dropped, 1);
            }
        }
        inner.waiting.send_modify(|waiting| *waiting = waiting.saturating_sub(1));
    }
}

async fn send(
    status: &UpstreamStatus,
    client: &Client,
    settings: &EventRecorderSettings,
    event: &Event,
    occurrences: Occurrences,
) -> Result<(), String> {
    let object = wire::event(event, occurrences, settings, &format!("{:016x}", fastrand::u64(..)));
    let mut waits = RETRY_WAITS.iter();
    loop {
        status.requested();
        let (error, retry) =
            match timeout(REQUEST_TIMEOUT, client::send(client, wire::request(&object)?)).await {
                Ok(Ok(_)) => return Ok(()),
                // An earlier attempt succeeded, and its response was lost.
                Ok(Err(kube::Error::Api(status))) if status.code == 409 => return Ok(()),
                Ok(Err(error)) => {
                    let retry = !matches!(&error, kube::Error::Api(status)
                    if (400..500).contains(&status.code) && status.code != 429);
                    (client::explain(&error, "create", "events"), retry)
                }
                Err(_) => (format!("cannot create events: no response within {REQUEST_TIMEOUT:?}"), true),
            };
        status.failed(error.as_str());
        match waits.next().filter(|_| retry) {
            Some(wait) => sleep(wait.mul_f64(0.5 + fastrand::f64())).await,
            None => return Err(error),
        }
    }
}
