//! A task that polls on request, and the handle of the thread that requests it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use insightd_upstream::lock;
use tokio::runtime;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Time beyond the timeout of a response, for the task to be scheduled and the response to be parsed.
const GRACE: Duration = Duration::from_secs(1);

/// Divisor of the interval: a tick waits for at most a quarter of it.
const PATIENCE_DIVISOR: u32 = 4;

/// A source of data that is polled.
pub(super) trait Source: Send + 'static {
    type Data: Send + Sync + 'static;

    /// Requests new data, and returns the data known then. Never fails: errors are part of the data.
    fn poll(&mut self) -> impl Future<Output = Self::Data> + Send;
}

/// The handle of a polling task. Dropping it ends the task.
///
/// A tick sends its request, does other work, and then waits for the response. A response that takes longer than a tick may
/// wait is used by the next tick; until a response was in time again, no tick waits.
#[derive(Debug)]
pub(super) struct Handle<T> {
    runtime: runtime::Handle,
    requests: mpsc::Sender<()>,
    known: watch::Receiver<Known<T>>,
    patience: Duration,
    awaited: Mutex<Awaited>,
    task: JoinHandle<()>,
}

/// The last data, and the polls that ended.
#[derive(Debug)]
struct Known<T> {
    data: Option<Arc<T>>,
    polls: u64,
    /// Duration of the last poll.
    took: Duration,
}

/// The wait state of the requests.
#[derive(Clone, Copy, Debug, Default)]
struct Awaited {
    /// Number of polls that had ended when the tick sent its request.
    before: u64,
    /// Number of polls that had ended when a response was last late; `None` after one that was in time.
    late_since: Option<u64>,
}

impl Awaited {
    /// Returns true if this tick should wait for the response.
    fn is_worth_waiting(self, polls: u64, took: Duration, patience: Duration) -> bool {
        self.late_since.is_none_or(|ended| polls > ended) && took < patience
    }
}

impl<T: Send + Sync + 'static> Handle<T> {
    /// Spawns the task, which polls at once, then on each request, and without requests every one and a half intervals. A
    /// tick never waits longer than `timeout` and a second, or a quarter of `interval`.
    pub(super) fn start(source: impl Source<Data = T>, timeout: Duration, interval: Duration) -> Self {
        let (requests, inbox) = mpsc::channel(1);
        let (publish, known) = watch::channel(Known { data: None, polls: 0, took: Duration::ZERO });
        let task = tokio::spawn(serve(source, inbox, publish, interval * 3 / 2));
        let patience = (timeout + GRACE).min(interval / PATIENCE_DIVISOR);
        let runtime = runtime::Handle::current();
        Self { runtime, requests, known, patience, awaited: Mutex::default(), task }
    }

    pub(super) fn request(&self) {
        lock(&self.awaited).before = self.known.borrow().polls;
        // The channel is full if the previous request is still queued.
        let _ = self.requests.try_send(());
    }

    pub(super) fn wait(&self) {
        let until = Instant::now() + self.patience;
        let awaited = *lock(&self.awaited);
        {
            let known = self.known.borrow();
            let has_response = known.polls > awaited.before;
            if has_response || !awaited.is_worth_waiting(known.polls, known.took, self.patience) {
                return;
            }
        }
        let mut known = self.known.clone();
        // The timer must be created inside the runtime.
        let in_time = self.runtime.block_on(async {
            let came = known.wait_for(|known| known.polls > awaited.before);
            // An error means that the task is gone, which happens only when the runtime shuts down.
            tokio::time::timeout_at(until.into(), came).await.is_ok()
        });
        lock(&self.awaited).late_since = (!in_time).then_some(awaited.before);
    }

    pub(super) fn data(&self) -> Option<Arc<T>> {
        self.known.borrow().data.clone()
    }

    #[cfg(feature = "client")]
    pub(super) fn updates(&self) -> Updates<T> {
        Updates(self.known.clone())
    }
}

/// A receiver of the data of each poll, for another task.
#[cfg(feature = "client")]
#[derive(Debug)]
pub(crate) struct Updates<T>(watch::Receiver<Known<T>>);

#[cfg(feature = "client")]
impl<T> Updates<T> {
    /// Waits for a poll that was not received yet; `None` once the polling task has ended.
    pub(crate) async fn next(&mut self) -> Option<Arc<T>> {
        loop {
            self.0.changed().await.ok()?;
            if let Some(data) = self.latest() {
                return Some(data);
            }
        }
    }

    /// Returns the data of the last poll.
    pub(crate) fn latest(&mut self) -> Option<Arc<T>> {
        self.0.borrow_and_update().data.clone()
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve<S: Source>(
    mut source: S,
    mut requests: mpsc::Receiver<()>,
    publish: watch::Sender<Known<S::Data>>,
    without_request: Duration,
) {
    loop {
        let started = Instant::now();
        let data = Some(Arc::new(source.poll().await));
        publish.send_modify(|known| {
            *known = Known { data, polls: known.polls + 1, took: started.elapsed() };
        });
        tokio::select! {
            request = requests.recv() => if request.is_none() { return },
            () = tokio::time::sleep(without_request) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_late_response_is_not_awaited_until_it_was_in_time_again() {
        let mut awaited = Awaited::default();
        assert!(awaited.is_worth_waiting(0, Duration::ZERO, 100 * MS), "never asked");
        awaited.late_since = Some(3);
        assert!(!awaited.is_worth_waiting(3, 5 * MS, 100 * MS), "still under way");
        assert!(!awaited.is_worth_waiting(4, 900 * MS, 100 * MS), "it came, and took long");
        assert!(awaited.is_worth_waiting(5, 5 * MS, 100 * MS), "it is quick again");
    }

    /// A source that counts its polls and hangs from the third on.
    struct Counting(u64);

    impl Source for Counting {
        type Data = u64;

        async fn poll(&mut self) -> u64 {
            self.0 += 1;
            if self.0 > 2 {
                std::future::pending::<()>().await;
            }
            self.0
        }
    }

    #[test]
    fn a_tick_waits_for_its_response_but_not_forever() {
        // As in the agent: one thread drives the runtime, another waits.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let mut handle = {
            let _entered = runtime.enter();
            Handle::start(Counting(0), 60_000 * MS, 40_000 * MS)
        };
        assert_eq!(handle.data(), None, "the runtime does not run yet");
        let driver = std::thread::spawn(move || runtime.block_on(stopped));
        handle.wait();
        assert_eq!(handle.data().as_deref(), Some(&1), "the poll at the start");
        handle.request();
        handle.wait();
        assert_eq!(handle.data().as_deref(), Some(&2));

        handle.patience = 10 * MS;
        handle.request();
        handle.wait();
        assert_eq!(handle.data().as_deref(), Some(&2), "the last known data");
        assert_eq!(lock(&handle.awaited).late_since, Some(2), "waited for once");
        drop(handle);
        stop.send(()).unwrap();
        driver.join().unwrap().unwrap();
    }
}
