//! Reports of the rollout to operators: log, `/status`, `/metrics` and Kubernetes Events.

use std::sync::Arc;

use insightd_kubernetes::events::{Event, EventKind, EventRecorder, InvolvedObject};
use insightd_pipeline::bundle::Generation;

use super::status::{Outcome, RolloutStatus};

/// The reason why a bundle is not installed.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Rollout is disabled, or this node is not a canary.
    Held(String),
    /// A file that it names may still arrive, or no tick ended to compare it with.
    Waiting(String),
    /// It failed a check.
    Rejected(String),
    /// It was rolled back on this node.
    Failed(String),
}

/// Reports each change once.
#[derive(Debug)]
pub struct Reporter {
    /// Rollout status for the operations endpoints.
    pub status: Arc<RolloutStatus>,
    /// Publishes Kubernetes Events.
    pub recorder: Option<EventRecorder>,
}

impl Reporter {
    /// Reports that a bundle passed all checks.
    pub(super) fn installed(&self, id: Generation) {
        self.status.count_installed();
        if self.status.record(Some(id), Outcome::Installed, "") {
            let message = format!("bundle {id} passed all checks and runs from the next tick on");
            self.publish(EventKind::Normal, "BundleInstalled", message);
        }
    }

    /// Reports that a bundle was rolled back.
    pub(super) fn rolled_back(&self, id: Generation, instead: Generation, why: &str) {
        self.status.record(Some(id), Outcome::RolledBack, why);
        let message = format!("bundle {id} failed, rolled back to {instead}: {why}");
        self.publish(EventKind::Warning, "BundleRolledBack", message);
    }

    /// Reports why a bundle is not installed; `id` is `None` if the configuration cannot be read.
    pub(super) fn refused(&self, id: Option<Generation>, refusal: Refusal) {
        let (outcome, why) = match refusal {
            Refusal::Held(why) => (Outcome::Held, why),
            Refusal::Waiting(why) => (Outcome::Waiting, why),
            Refusal::Rejected(why) => (Outcome::Rejected, why),
            Refusal::Failed(why) => {
                // The recorded state already has more details.
                let latest = self.status.latest();
                if latest.is_some_and(|latest| latest.id == id && latest.outcome == Outcome::RolledBack) {
                    return;
                }
                let why = if why.is_empty() { why } else { format!(": {why}") };
                (Outcome::Rejected, format!("it failed on this node and was rolled back{why}"))
            }
        };
        if !self.status.record(id, outcome, &why) {
            return;
        }
        let bundle = id.map(|id| id.to_string());
        if outcome == Outcome::Rejected {
            tracing::error!(bundle, why, "bundle rejected; the running bundle stays");
            let bundle = bundle.as_deref().unwrap_or("in the files");
            self.publish(EventKind::Warning, "BundleRejected", format!("bundle {bundle}: {why}"));
        } else {
            if outcome == Outcome::Waiting {
                self.publish(EventKind::Warning, "BundleWaiting", why.clone());
            }
            tracing::info!(
                bundle,
                why,
                outcome = outcome.as_str(),
                "bundle not installed; the running bundle stays"
            );
        }
    }

    fn publish(&self, kind: EventKind, reason: &str, message: String) {
        if let Some(recorder) = &self.recorder {
            recorder.publish(Event {
                kind,
                reason: reason.into(),
                message,
                involved_object: InvolvedObject::Pod,
            });
        }
    }
}
