//! A running election: starts and ends the task of the candidate.

use std::sync::Arc;

use insightd_upstream::UpstreamStatus;
use kube::Client;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::candidate::Candidate;
use super::leadership::{Leadership, Shared};
use super::{LeaderError, LeaderSettings};
use crate::events::EventRecorder;

/// A candidate that runs in its own task. Dropping it stops the renewals and leaves the lock to expire;
/// [`release`](Self::release) lets a successor start at once.
#[derive(Debug)]
pub struct Election {
    shared: Arc<Shared>,
    changes: watch::Receiver<()>,
    stop: Option<watch::Sender<bool>>,
    task: JoinHandle<()>,
}

impl Election {
    /// Starts a candidate. Transitions are published through `recorder`, if given. Must be called within a runtime.
    ///
    /// # Errors
    /// The settings are invalid.
    pub fn start(
        client: Client,
        settings: LeaderSettings,
        recorder: Option<EventRecorder>,
    ) -> Result<Self, LeaderError> {
        settings.validate()?;
        let shared = Arc::new(Shared::new(0));
        let (changed, changes) = watch::channel(());
        let (stop, stopped) = watch::channel(false);
        let leadership = Leadership::new(Arc::clone(&shared), changes.clone());
        let candidate = Candidate::new(client, settings, Arc::clone(&shared), changed, leadership, recorder);
        let task = tokio::spawn(candidate.run(stopped));
        Ok(Self { shared, changes, stop: Some(stop), task })
    }

    /// Returns a handle to query the leadership.
    pub fn leadership(&self) -> Leadership {
        Leadership::new(Arc::clone(&self.shared), self.changes.clone())
    }

    /// Returns the status of the requests to the API server.
    pub fn status(&self) -> Arc<UpstreamStatus> {
        Arc::clone(&self.shared.status)
    }

    /// Ends the leadership immediately, and releases the lock if this agent holds it. Everything that the leadership
    /// permits must have ended before. Takes at most the renew deadline.
    pub async fn release(mut self) {
        self.shared.end();
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(true);
            // A panic of the task has been reported by then, and leaves the lock to expire.
            let _ = (&mut self.task).await;
        }
    }
}

impl Drop for Election {
    fn drop(&mut self) {
        self.shared.end();
        self.task.abort();
    }
}
