//! The kubelet, asked by a task of the runtime on behalf of the worker thread.

use std::sync::Arc;
use std::time::Duration;

use insightd_kubernetes::kubelet::{Kubelet, KubeletData};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// Time beyond the kubelet's own time-out, for the task to be scheduled and the answer to be parsed.
const GRACE: Duration = Duration::from_secs(1);

/// What the worker thread has of the kubelet.
///
/// A tick first asks, then reads the kernel's files, and takes the answer when it needs it: both go on at once, and the
/// two views of the pods are as near to each other as can be.
#[derive(Debug)]
pub struct KubeletHandle {
    runtime: Handle,
    questions: mpsc::Sender<oneshot::Sender<Arc<KubeletData>>>,
    asked: Option<oneshot::Receiver<Arc<KubeletData>>>,
    last: Arc<KubeletData>,
    patience: Duration,
}

impl KubeletHandle {
    /// Starts the task. `timeout` is that of one answer of the kubelet. A tick never waits longer than half of `interval`, else
    /// a slow kubelet would cost the node the next one; what comes later counts for that one.
    pub fn start(runtime: &Handle, kubelet: Kubelet, timeout: Duration, interval: Duration) -> Self {
        let (questions, inbox) = mpsc::channel(1);
        runtime.spawn(answer(kubelet, inbox));
        let (runtime, patience) = (runtime.clone(), (timeout + GRACE).min(interval / 2));
        Self { runtime, questions, asked: None, last: Arc::default(), patience }
    }

    /// Has the kubelet asked; an earlier question that has no answer yet stays the one that counts.
    pub fn ask(&mut self) {
        if self.asked.is_some() {
            return;
        }
        let (answer, asked) = oneshot::channel();
        if self.questions.try_send(answer).is_ok() {
            self.asked = Some(asked);
        }
    }

    /// The answer, or what was known before when there is none in time.
    pub fn answer(&mut self) -> Arc<KubeletData> {
        let Some(mut asked) = self.asked.take() else { return self.last.clone() };
        let patience = self.patience;
        // The timer belongs to the runtime: it has to be made inside of it.
        let answer = self.runtime.block_on(async { tokio::time::timeout(patience, &mut asked).await });
        match answer {
            Ok(Ok(data)) => self.last = data,
            // The task is gone: only when the runtime is about to end.
            Ok(Err(_)) => {}
            Err(_) => self.asked = Some(asked),
        }
        self.last.clone()
    }
}

async fn answer(mut kubelet: Kubelet, mut questions: mpsc::Receiver<oneshot::Sender<Arc<KubeletData>>>) {
    while let Some(question) = questions.recv().await {
        // Nobody waits for it any more only when the agent is about to end.
        let _ = question.send(kubelet.fetch().await);
    }
}
