//! The replicas that share the nodes. See [`insightd_fargate::shard`] for the rule.

use std::sync::Arc;
use std::time::Duration;

use insightd_fargate::shard::{Observed, ShardView, Unassigned};

use super::stateful_set::StatefulSetClient;

/// The plan of the replicas, which is read at the beginning of each round.
pub(super) struct Replicas {
    pub(super) stateful_set: Arc<StatefulSetClient>,
    interval_s: u64,
    /// The view, once the first number of the StatefulSet's pods is known.
    view: Option<ShardView>,
}

impl Replicas {
    pub(super) fn new(stateful_set: Arc<StatefulSetClient>, interval: Duration) -> Self {
        Self { stateful_set, interval_s: interval.as_secs().max(1), view: None }
    }

    /// Reads the plan, writes a new one if this is ordinal 0 and the number changes, and returns the number of replicas that share
    /// the nodes in the tick of a time.
    pub(super) async fn replicas_in(&mut self, unix_s: u64) -> Result<u32, Unassigned> {
        let status = self.stateful_set.status();
        match self.refresh().await {
            Ok(()) => status.succeeded(),
            Err(error_text) => status.failed(error_text),
        }
        let view = self.view.as_ref().ok_or(Unassigned::NoPlan)?;
        view.replicas_at(view.tick_at(unix_s))
    }

    pub(super) fn owns(&self, node: &str, replicas: u32) -> bool {
        self.view.as_ref().is_some_and(|view| view.owns(node, replicas))
    }

    async fn refresh(&mut self) -> Result<(), String> {
        let stateful_set = Arc::clone(&self.stateful_set);
        let sent_unix_s = stateful_set.now_unix_s();
        let object = stateful_set.get().await?;
        let ordinal = stateful_set.ordinal(&object)?;
        let (stored, invalid) = match object.plan() {
            None => (None, None),
            Some(Ok(plan)) => (Some(plan), None),
            Some(Err(error)) => (None, Some(error)),
        };
        let observed = Observed { wanted: object.wanted(), ready: object.ready() };
        let interval_s = self.interval_s;
        let view = self.view.get_or_insert_with(|| ShardView::new(ordinal, interval_s));
        if let Some(plan) = view.read(stored, observed, sent_unix_s) {
            return stateful_set.put(plan, object.version()).await;
        }
        match invalid {
            // Ordinal 0 replaces it.
            Some(error) => Err(stateful_set.plan_error(&error)),
            None => Ok(()),
        }
    }
}
