//! The cluster, watched for as long as this agent is elected.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use insightd_kubernetes::client::Client;
use insightd_kubernetes::cluster::{ClusterSettings, ClusterWatch};
use insightd_kubernetes::leader::Leadership;
use insightd_peer::Status;
use tokio::runtime::Handle;

use super::Remote;
use crate::config::Config;
use crate::ops::Board;

/// A new leader lists at once: gaps in cluster figures are worse than one agent's burst.
const JITTER: Duration = Duration::from_secs(1);

/// The watch, where there is one. Its tasks and its memory are gone when the lead is.
#[derive(Clone, Default)]
pub struct Watched {
    watch: Arc<Mutex<Option<ClusterWatch>>>,
    board: Arc<OnceLock<Arc<Board>>>,
    pending_left_out: Arc<AtomicU64>,
}

impl Watched {
    /// Looks at it; nothing else happens to it meanwhile.
    pub fn with<T>(&self, look: impl FnOnce(&ClusterWatch) -> T) -> Option<T> {
        self.lock().as_ref().map(look)
    }

    /// How reading goes, kind by kind; nothing while another agent leads.
    pub fn statuses(&self) -> Vec<Arc<Status>> {
        self.with(ClusterWatch::statuses).unwrap_or_default()
    }

    /// Counts pending pods that a batch says nothing of but their number.
    pub fn leave_out_pending(&self, pods: usize) {
        self.pending_left_out.fetch_add(pods as u64, Ordering::Relaxed);
    }

    /// Pending pods left out of batches, batch by batch.
    pub(super) fn pending_left_out(&self) -> u64 {
        self.pending_left_out.load(Ordering::Relaxed)
    }

    /// Has `board` show how reading goes, whenever there is a watch.
    pub(super) fn show_on(&self, board: &Arc<Board>) {
        // Set once: there is one board an agent.
        let _ = self.board.set(board.clone());
    }

    fn replace(&self, watch: Option<ClusterWatch>) {
        if let (Some(watch), Some(board)) = (&watch, self.board.get()) {
            for status in &watch.statuses() {
                board.watch("cluster", status);
            }
        }
        *self.lock() = watch;
    }

    /// A panic of another thread leaves a watch behind that is as good as before.
    fn lock(&self) -> MutexGuard<'_, Option<ClusterWatch>> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remote {
    /// Watches the cluster without standing for election, for one who only looks.
    ///
    /// # Errors
    /// [`Usage`](crate::app::Usage) where there is no API server to ask.
    pub fn watch_cluster(config: &Config, runtime: &Handle) -> anyhow::Result<(Leadership, Watched)> {
        let _context = runtime.enter();
        let (client, _) = super::api_client(config)?;
        let (leadership, watched) = (Leadership::unopposed(), Watched::default());
        runtime.spawn(follow(leadership.clone(), client, settings(config), watched.clone()));
        Ok((leadership, watched))
    }
}

/// What is watched, and how.
pub(super) fn settings(config: &Config) -> ClusterSettings {
    ClusterSettings {
        page_size: config.cluster.page_size,
        pending_pods: config.cluster.pending_pods,
        max_pending_pods: config.cluster.max_pending_pods,
        start_jitter: JITTER,
    }
}

/// Watches the cluster whenever `leadership` says that we lead, and only then. Never ends.
pub(super) async fn follow(
    mut leadership: Leadership,
    client: Client,
    settings: ClusterSettings,
    watched: Watched,
) {
    loop {
        let leads = leadership.changed().await;
        let holder = leadership.holder();
        tracing::info!(leads, holder, transitions = leadership.transitions(), "election");
        let next = leads.then(|| ClusterWatch::start(client.clone(), settings.clone()));
        watched.replace(next);
    }
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched").field("watch", &self.watch).finish_non_exhaustive()
    }
}
