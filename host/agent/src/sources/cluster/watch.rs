//! The cluster watch, which runs while this agent is elected.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use insightd_collect::OptionalFacts;
use insightd_kubernetes::client::Client;
use insightd_kubernetes::cluster::{ClusterSettings, ClusterWatch};
use insightd_kubernetes::leader::Leadership;
use insightd_upstream::UpstreamStatus;
use tokio::runtime::Handle;

use crate::config::Config;
use crate::ops::StatusRegistry;

/// Maximum random delay before a new leader lists objects. Short, because gaps in cluster metrics are worse than a
/// burst of requests by one agent.
const JITTER: Duration = Duration::from_secs(1);

/// A shared slot for the cluster watch. The tasks and the memory of the watch are freed when the leadership is lost.
#[derive(Clone, Default)]
pub struct SharedWatch {
    slot: Arc<Mutex<Slot>>,
    registry: Arc<OnceLock<Arc<StatusRegistry>>>,
    pending_left_out: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Slot {
    watch: Option<ClusterWatch>,
    /// Groups of facts that the pipelines need, for this watch and those to come.
    wanted: OptionalFacts,
}

impl SharedWatch {
    /// Calls `look` with the watch and returns its result, or `None` if there is no watch. The lock is held during the call.
    pub fn with<T>(&self, look: impl FnOnce(&ClusterWatch) -> T) -> Option<T> {
        self.lock().watch.as_ref().map(look)
    }

    /// Returns the connection status of each watched kind; empty while another agent leads.
    pub fn statuses(&self) -> Vec<Arc<UpstreamStatus>> {
        self.with(ClusterWatch::statuses).unwrap_or_default()
    }

    /// Adds to the count of pending pods of which a batch contains only their number.
    pub fn leave_out_pending(&self, pods: usize) {
        self.pending_left_out.fetch_add(pods as u64, Ordering::Relaxed);
    }

    /// Returns the count of pending pods left out of batches, summed over all batches.
    pub(in crate::sources) fn pending_left_out(&self) -> u64 {
        self.pending_left_out.load(Ordering::Relaxed)
    }

    /// Sets the `registry` on which each new watch registers its status.
    pub(in crate::sources) fn show_on(&self, registry: &Arc<StatusRegistry>) {
        // An agent has only one registry, so a second call has no effect.
        let _ = self.registry.set(registry.clone());
    }

    /// Watches, now and after each change of leaders, what `facts` needs in addition to the kinds that are always watched.
    pub(in crate::sources) fn want(&self, facts: OptionalFacts) {
        let mut slot = self.lock();
        slot.wanted = facts;
        let started = slot.watch.as_mut().map(|watch| watch.want(facts)).unwrap_or_default();
        self.register(&started);
    }

    fn replace(&self, watch: Option<ClusterWatch>) {
        let mut slot = self.lock();
        let wanted = slot.wanted;
        slot.watch = watch;
        if let Some(watch) = &mut slot.watch {
            watch.want(wanted);
            self.register(&watch.statuses());
        }
    }

    fn register(&self, statuses: &[Arc<UpstreamStatus>]) {
        if let Some(registry) = self.registry.get() {
            statuses.iter().for_each(|status| registry.watch("cluster", status));
        }
    }

    /// Locks the slot. Poisoning is ignored: the watch stays valid if another thread panics.
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches the cluster without taking part in the leader election, for read-only subcommands.
///
/// # Errors
/// [`Usage`](crate::error::Usage) if the API server client cannot be configured.
pub fn watch_cluster(config: &Config, runtime: &Handle) -> anyhow::Result<(Leadership, SharedWatch)> {
    let _context = runtime.enter();
    let (client, _) = super::super::api::api_client(config)?;
    let (leadership, watched) = (Leadership::unopposed(), SharedWatch::default());
    runtime.spawn(follow_leadership(leadership.clone(), client, settings(config), watched.clone()));
    Ok((leadership, watched))
}

/// Derives the watch settings from the configuration.
pub(in crate::sources) fn settings(config: &Config) -> ClusterSettings {
    ClusterSettings {
        page_size: config.cluster.page_size,
        pending_pods: config.cluster.pending_pods,
        max_pending_pods: config.cluster.max_pending_pods,
        start_jitter: JITTER,
    }
}

/// Runs the cluster watch only while `leadership` reports that this agent leads. Never returns.
pub(in crate::sources) async fn follow_leadership(
    mut leadership: Leadership,
    client: Client,
    settings: ClusterSettings,
    watched: SharedWatch,
) {
    loop {
        let leads = leadership.changed().await;
        let holder = leadership.holder();
        tracing::info!(leads, holder, transitions = leadership.transitions(), "leadership changed");
        let next = leads.then(|| ClusterWatch::start(client.clone(), settings.clone()));
        watched.replace(next);
    }
}

impl std::fmt::Debug for SharedWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedWatch").field("slot", &self.slot).finish_non_exhaustive()
    }
}
