//! The end of a replica that a scale-down removes.

use std::fmt;
use std::sync::Arc;

use super::stateful_set::{StatefulSet, StatefulSetClient};

/// Asks the StatefulSet, after SIGTERM, for the reason of the end. A replica that is only restarted ends at once; one that is
/// removed works on until the others have its nodes.
#[derive(Clone)]
pub struct Removal {
    stateful_set: Arc<StatefulSetClient>,
}

impl fmt::Debug for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Removal").finish_non_exhaustive()
    }
}

impl Removal {
    pub(super) fn new(stateful_set: Arc<StatefulSetClient>) -> Self {
        Self { stateful_set }
    }

    /// Returns true if the StatefulSet removes this replica, and the plan leaves it nodes in the present tick or a later one.
    /// Returns false if the StatefulSet cannot be read: its nodes cannot be read either.
    pub async fn is_early(&self) -> bool {
        match self.stateful_set.get().await {
            Ok(object) if self.has_nodes(&object) => {
                tracing::info!(
                    "a scale-down removes this replica; it reads its nodes until the other replicas do"
                );
                true
            }
            Ok(_) => false,
            Err(error) => {
                tracing::warn!(
                    error,
                    "cannot read the StatefulSet; ending without regard to the other replicas"
                );
                false
            }
        }
    }

    fn has_nodes(&self, object: &StatefulSet) -> bool {
        let Ok(ordinal) = self.stateful_set.ordinal(object) else { return false };
        let wanted = object.wanted();
        let others_remain = wanted > 0 && !object.is_being_deleted();
        let plan = object.plan().and_then(Result::ok);
        others_remain
            && ordinal >= wanted
            && plan.is_some_and(|plan| plan.includes(ordinal, self.stateful_set.now_unix_s()))
    }
}
