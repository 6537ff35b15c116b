//! The kubelet client: a task on the runtime sends the requests for the worker thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use insightd_kubernetes::kubelet::{Attempts, Kubelet, KubeletData};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

/// Time beyond the kubelet timeout, for the task to be scheduled and the response to be parsed.
const GRACE: Duration = Duration::from_secs(1);

/// Divisor of the interval: a tick waits for at most a quarter of it.
const PATIENCE_DIVISOR: u32 = 4;

/// The worker thread's handle to the kubelet task.
///
/// A tick sends the request, reads the kernel's files, and then takes the responses when it needs them. Both proceed at
/// the same time, so that the two views of the pods are as close to each other as possible. A response that takes
/// longer than a tick may wait is used by the next tick, with its age; until a response has been in time again, no tick waits for it.
#[derive(Debug)]
pub struct KubeletHandle {
    runtime: Handle,
    requests: mpsc::Sender<()>,
    known: watch::Receiver<Arc<KubeletData>>,
    patience: Duration,
    pods: Awaited,
    /// `None` if the summary is not requested.
    summary: Option<Awaited>,
}

/// The wait state of one of the two responses.
#[derive(Clone, Copy, Debug, Default)]
struct Awaited {
    /// Number of attempts that had ended when the tick sent its request.
    before: u64,
    /// Number of attempts that had ended when the response was last late; `None` after one that was in time.
    late_since: Option<u64>,
}

impl Awaited {
    /// Returns true if this tick should wait for the response.
    fn is_worth_waiting(self, attempts: Attempts, patience: Duration) -> bool {
        self.late_since.is_none_or(|ended| attempts.ended > ended) && attempts.took < patience
    }
}

impl KubeletHandle {
    /// Starts the task. `timeout` applies to each kubelet response. A tick never waits longer than a quarter of
    /// `interval`.
    pub fn start(runtime: &Handle, kubelet: Kubelet, timeout: Duration, interval: Duration) -> Self {
        let (requests, inbox) = mpsc::channel(1);
        let (publish, known) = watch::channel(Arc::default());
        let summary = kubelet.has_summary().then(Awaited::default);
        runtime.spawn(kubelet.serve(inbox, publish));
        let (runtime, patience) = (runtime.clone(), (timeout + GRACE).min(interval / PATIENCE_DIVISOR));
        Self { runtime, requests, known, patience, pods: Awaited::default(), summary }
    }

    /// Requests new data. If an earlier request is still pending, its response serves this one, too.
    pub fn request(&mut self) {
        let known = self.known.borrow();
        self.pods.before = known.pods_attempts.ended;
        if let Some(summary) = &mut self.summary {
            summary.before = known.summary_attempts.ended;
        }
        drop(known);
        // The channel is full if the previous request is still queued.
        let _ = self.requests.try_send(());
    }

    /// Waits for the responses within the time limit and returns all known data.
    pub fn responses(&mut self) -> Arc<KubeletData> {
        let until = Instant::now() + self.patience;
        self.pods = self.wait(self.pods, until, |data| data.pods_attempts);
        if let Some(summary) = self.summary {
            self.summary = Some(self.wait(summary, until, |data| data.summary_attempts));
        }
        self.known.borrow().clone()
    }

    fn wait(
        &mut self,
        awaited: Awaited,
        until: Instant,
        attempts: impl Fn(&KubeletData) -> Attempts,
    ) -> Awaited {
        let now = attempts(&self.known.borrow());
        if now.ended > awaited.before || !awaited.is_worth_waiting(now, self.patience) {
            return awaited;
        }
        let known = &mut self.known;
        let came = |data: &Arc<KubeletData>| attempts(data).ended > awaited.before;
        // The timer must be created inside the runtime.
        let in_time = self.runtime.block_on(async {
            // An error means that the task is gone, which happens only when the runtime shuts down.
            tokio::time::timeout_at(until.into(), known.wait_for(came)).await.is_ok()
        });
        Awaited { late_since: (!in_time).then_some(awaited.before), ..awaited }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_late_response_is_not_awaited_until_it_was_in_time_again() {
        let attempts = |ended, took| Attempts { ended, took };
        let mut awaited = Awaited::default();
        assert!(awaited.is_worth_waiting(attempts(0, Duration::ZERO), 100 * MS), "never asked");
        awaited.late_since = Some(3);
        assert!(!awaited.is_worth_waiting(attempts(3, 5 * MS), 100 * MS), "still under way");
        assert!(!awaited.is_worth_waiting(attempts(4, 900 * MS), 100 * MS), "it came, and took long");
        assert!(awaited.is_worth_waiting(attempts(5, 5 * MS), 100 * MS), "it is quick again");
    }

    /// Returns a handle without a task: the test publishes the data instead, and nothing uses the network.
    fn handle(runtime: &Handle, patience: Duration) -> (KubeletHandle, watch::Sender<Arc<KubeletData>>) {
        let (requests, _) = mpsc::channel(1);
        let (publish, known) = watch::channel(Arc::default());
        let summary = Some(Awaited::default());
        let handle = KubeletHandle {
            runtime: runtime.clone(),
            requests,
            known,
            patience,
            pods: Awaited::default(),
            summary,
        };
        (handle, publish)
    }

    #[test]
    fn pods_are_used_without_the_summary() {
        // As in the agent: one thread drives the runtime, another waits for the data that its tasks publish.
        let runtime = crate::runtime::create().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (mut handle, publish) = handle(runtime.handle(), 50 * MS);
        let driver = std::thread::spawn(move || runtime.block_on(stopped));
        for tick in 1..=3 {
            handle.request();
            publish.send_modify(|data| {
                let data = Arc::make_mut(data);
                data.pods_attempts = Attempts { ended: tick, took: MS };
                data.pods_read_at = Some(Instant::now());
            });
            let data = handle.responses();
            assert_eq!((data.pods_attempts.ended, data.summary_attempts.ended), (tick, 0));
        }
        assert_eq!(handle.summary.unwrap().late_since, Some(0), "waited for once");
        publish.send_modify(|data| {
            Arc::make_mut(data).summary_attempts = Attempts { ended: 1, took: 30_000 * MS };
        });
        handle.request();
        assert_eq!(handle.responses().summary_attempts.ended, 1, "used when it came");
        stop.send(()).unwrap();
        driver.join().unwrap().unwrap();
    }
}
