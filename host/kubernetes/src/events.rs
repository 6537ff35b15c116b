//! Kubernetes Events, for what an operator must see.
//!
//! They are created in `core/v1` and never changed, so `create` on `events` is all that is needed: the right that agents of
//! the reference have. Events about the node go to the namespace `default`, as those of the kubelet do; the others go where
//! their object is.

mod gate;
mod wire;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::Client;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tracing::warn;

use self::gate::{Gate, Times, Verdict};
use crate::client::explain;
use crate::leader::LockKind;
use insightd_peer::Status;

/// Events that wait to be sent.
const QUEUE: usize = 32;

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(10);

/// Waits between tries; after the last one the event is given up.
const TRIES: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(10), Duration::from_secs(50)];

/// How grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// Worth knowing.
    Normal,
    /// Something does not work.
    Warning,
}

/// A lock object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lock {
    /// Its kind.
    pub kind: LockKind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid, once it was seen.
    pub uid: Option<String>,
}

/// The object that an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum About {
    /// The agent's node.
    Node,
    /// The agent's pod; its node where the pod is not known.
    Pod,
    /// The lock of the election. The component that speaks is then named after the lock, as the reference has it.
    Lock(Lock),
}

/// Something an operator must see. Its texts are public to whoever may read events: no secrets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// How grave.
    pub kind: EventKind,
    /// A word in camel case, for machines.
    pub reason: String,
    /// For people.
    pub message: String,
    /// About what.
    pub about: About,
}

/// A pod.
#[derive(Clone, Debug)]
pub struct PodRef {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid, if known.
    pub uid: Option<String>,
}

/// Who speaks.
#[derive(Clone, Debug)]
pub struct RecorderSettings {
    /// Name of the program.
    pub component: String,
    /// The node it runs on.
    pub node_name: String,
    /// The pod it runs in.
    pub pod: Option<PodRef>,
}

/// What became of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accepted by the API server.
    pub published: u64,
    /// Counted into another, equal one.
    pub aggregated: u64,
    /// Given up: too many, or not accepted.
    pub dropped: u64,
}

/// Publishes events. Clones share everything; with the last one, what was not sent is lost (see [`flush`](Self::flush)).
#[derive(Clone, Debug)]
pub struct Recorder {
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
    state: Mutex<State>,
    /// How many events wait or are being sent.
    waiting: watch::Sender<usize>,
    published: AtomicU64,
    aggregated: AtomicU64,
    dropped: AtomicU64,
    status: Arc<Status>,
}

#[derive(Debug)]
struct State {
    gate: Gate,
    queue: VecDeque<(Event, Times)>,
}

impl Recorder {
    /// Starts a task that sends. Must be called within a runtime.
    pub fn new(client: Client, settings: RecorderSettings) -> Self {
        let state = State { gate: Gate::new(Instant::now()), queue: VecDeque::new() };
        let inner = Arc::new(Inner {
            state: Mutex::new(state),
            waiting: watch::Sender::new(0),
            published: AtomicU64::new(0),
            aggregated: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            status: Arc::new(Status::new("events")),
        });
        let task = tokio::spawn(run(Arc::clone(&inner), client, settings));
        Self { inner, _task: Arc::new(Task(task)) }
    }

    /// Has an event published some time, or counted into an equal one of the last ten minutes, or dropped where there are
    /// too many. Never waits, from any thread.
    pub fn publish(&self, event: Event) {
        let mut state = self.inner.state();
        match state.gate.offer(&event, Instant::now(), Timestamp::now()) {
            Verdict::Publish(times) => self.inner.queue(&mut state, event, times),
            Verdict::Aggregated => add(&self.inner.aggregated, 1),
            Verdict::Dropped => add(&self.inner.dropped, 1),
        }
    }

    /// Waits until everything is sent or given up, the counted ones too. Bound it in time: a server that does not answer
    /// makes it last minutes.
    pub async fn flush(&self) {
        self.inner.end(None);
        let mut waiting = self.inner.waiting.subscribe();
        let _ = waiting.wait_for(|waiting| *waiting == 0).await;
    }

    /// What became of events so far.
    pub fn counts(&self) -> Counts {
        Counts {
            published: self.inner.published.load(Ordering::Relaxed),
            aggregated: self.inner.aggregated.load(Ordering::Relaxed),
            dropped: self.inner.dropped.load(Ordering::Relaxed),
        }
    }

    /// How sending goes.
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.inner.status)
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self, state: &mut State, event: Event, times: Times) {
        if state.queue.len() >= QUEUE {
            add(&self.dropped, 1);
            return;
        }
        state.queue.push_back((event, times));
        self.waiting.send_modify(|waiting| *waiting += 1);
    }

    fn end(&self, now: Option<Instant>) {
        let mut state = self.state();
        let (told, dropped) = state.gate.end(now);
        add(&self.dropped, dropped);
        for (event, times) in told {
            self.queue(&mut state, event, times);
        }
    }
}

async fn run(inner: Arc<Inner>, client: Client, settings: RecorderSettings) {
    let mut waiting = inner.waiting.subscribe();
    loop {
        let (next, ends) = {
            let mut state = inner.state();
            (state.queue.pop_front(), state.gate.next())
        };
        let Some((event, times)) = next else {
            let window = async {
                match ends {
                    Some(ends) => tokio::time::sleep_until(ends.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = window => inner.end(Some(Instant::now())),
                // The sender is in `inner`.
                _ = waiting.changed() => {}
            }
            continue;
        };
        match send(&inner.status, &client, &settings, &event, times).await {
            Ok(()) => {
                inner.status.succeeded();
                add(&inner.published, 1);
            }
            Err(error) => {
                // Not what it says: that may be long, and the log has it from whoever published it.
                warn!("event {} is given up: {error}", event.reason);
                add(&inner.dropped, 1);
            }
        }
        inner.waiting.send_modify(|waiting| *waiting = waiting.saturating_sub(1));
    }
}

async fn send(
    status: &Status,
    client: &Client,
    settings: &RecorderSettings,
    event: &Event,
    times: Times,
) -> Result<(), String> {
    let object = wire::event(event, times, settings, &format!("{:016x}", fastrand::u64(..)));
    let mut tries = TRIES.iter();
    loop {
        status.requested();
        let (error, again) = match timeout(REQUEST, client.request_text(wire::request(&object)?)).await {
            Ok(Ok(_)) => return Ok(()),
            // An earlier try whose answer was lost.
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => return Ok(()),
            Ok(Err(error)) => {
                let again = !matches!(&error, kube::Error::Api(status)
                    if (400..500).contains(&status.code) && status.code != 429);
                (explain(&error, "create", "events"), again)
            }
            Err(_) => (format!("no answer within {REQUEST:?}"), true),
        };
        status.failed(error.as_str());
        match tries.next().filter(|_| again) {
            Some(wait) => sleep(wait.mul_f64(0.5 + fastrand::f64())).await,
            None => return Err(error),
        }
    }
}
