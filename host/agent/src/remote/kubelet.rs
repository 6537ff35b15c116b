//! The kubelet, asked by a task of the runtime on behalf of the worker thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use insightd_kubernetes::kubelet::{Attempts, Kubelet, KubeletData};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

/// Time beyond the kubelet's own time-out, for the task to be scheduled and the answer to be parsed.
const GRACE: Duration = Duration::from_secs(1);

/// Part of the interval that a tick waits at most.
const PATIENCE: u32 = 4;

/// What the worker thread has of the kubelet.
///
/// A tick first asks, then reads the kernel's files, and takes the answers when it needs them: both go on at once, and the
/// two views of the pods are as near to each other as can be. An answer that takes longer than a tick may wait is used by the
/// next one, with its age; until it has been in time again, no tick waits for it.
#[derive(Debug)]
pub struct KubeletHandle {
    runtime: Handle,
    questions: mpsc::Sender<()>,
    known: watch::Receiver<Arc<KubeletData>>,
    patience: Duration,
    pods: Awaited,
    /// Where it is asked for.
    summary: Option<Awaited>,
}

/// One of the two answers, as ticks wait for it.
#[derive(Clone, Copy, Debug, Default)]
struct Awaited {
    /// Attempts that had ended when the tick asked.
    before: u64,
    /// It was not there in time, with so many attempts ended.
    late_since: Option<u64>,
}

impl Awaited {
    /// True where this tick waits for it.
    fn is_worth_waiting(self, attempts: Attempts, patience: Duration) -> bool {
        self.late_since.is_none_or(|ended| attempts.ended > ended) && attempts.took < patience
    }
}

impl KubeletHandle {
    /// Starts the task. `timeout` is that of one answer of the kubelet. A tick never waits longer than a quarter of `interval`.
    pub fn start(runtime: &Handle, kubelet: Kubelet, timeout: Duration, interval: Duration) -> Self {
        let (questions, inbox) = mpsc::channel(1);
        let (publish, known) = watch::channel(Arc::default());
        let summary = kubelet.has_summary().then(Awaited::default);
        runtime.spawn(kubelet.serve(inbox, publish));
        let (runtime, patience) = (runtime.clone(), (timeout + GRACE).min(interval / PATIENCE));
        Self { runtime, questions, known, patience, pods: Awaited::default(), summary }
    }

    /// Has the kubelet asked; a question that has no answer yet counts for this one, too.
    pub fn ask(&mut self) {
        let known = self.known.borrow();
        self.pods.before = known.pods_attempts.ended;
        if let Some(summary) = &mut self.summary {
            summary.before = known.summary_attempts.ended;
        }
        drop(known);
        // Full: the question before is still waiting.
        let _ = self.questions.try_send(());
    }

    /// Everything known, with the answers where they came in time.
    pub fn answer(&mut self) -> Arc<KubeletData> {
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
        // The timer belongs to the runtime: it has to be made inside of it.
        let in_time = self.runtime.block_on(async {
            // An error: the task is gone, only when the runtime is about to end.
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
    fn nobody_waits_for_what_was_late_until_it_was_in_time() {
        let attempts = |ended, took| Attempts { ended, took };
        let mut awaited = Awaited::default();
        assert!(awaited.is_worth_waiting(attempts(0, Duration::ZERO), 100 * MS), "never asked");
        awaited.late_since = Some(3);
        assert!(!awaited.is_worth_waiting(attempts(3, 5 * MS), 100 * MS), "still under way");
        assert!(!awaited.is_worth_waiting(attempts(4, 900 * MS), 100 * MS), "it came, and took long");
        assert!(awaited.is_worth_waiting(attempts(5, 5 * MS), 100 * MS), "it is quick again");
    }

    /// The watch as the task would leave it; nothing here goes over a network.
    fn handle(runtime: &Handle, patience: Duration) -> (KubeletHandle, watch::Sender<Arc<KubeletData>>) {
        let (questions, _) = mpsc::channel(1);
        let (publish, known) = watch::channel(Arc::default());
        let summary = Some(Awaited::default());
        let handle = KubeletHandle {
            runtime: runtime.clone(),
            questions,
            known,
            patience,
            pods: Awaited::default(),
            summary,
        };
        (handle, publish)
    }

    #[test]
    fn pods_are_used_while_the_summary_is_not_there() {
        // As in the agent: one thread drives the runtime, another waits for what its tasks publish.
        let runtime = crate::drive::runtime().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (mut handle, publish) = handle(runtime.handle(), 50 * MS);
        let driver = std::thread::spawn(move || runtime.block_on(stopped));
        for tick in 1..=3 {
            handle.ask();
            publish.send_modify(|data| {
                let data = Arc::make_mut(data);
                data.pods_attempts = Attempts { ended: tick, took: MS };
                data.pods_read_at = Some(Instant::now());
            });
            let data = handle.answer();
            assert_eq!((data.pods_attempts.ended, data.summary_attempts.ended), (tick, 0));
        }
        assert_eq!(handle.summary.unwrap().late_since, Some(0), "waited for once");
        publish.send_modify(|data| {
            Arc::make_mut(data).summary_attempts = Attempts { ended: 1, took: 30_000 * MS };
        });
        handle.ask();
        assert_eq!(handle.answer().summary_attempts.ended, 1, "used when it came");
        stop.send(()).unwrap();
        driver.join().unwrap().unwrap();
    }
}
