//! Choice of the bundle that an agent starts with.

use insightd_pipeline::bundle::{BundleOrigin, Generation};
use insightd_pipeline::checks;
use insightd_pipeline::library::Library;

use crate::config::Environment;
use crate::rollout::{LastGoodStore, hold_reason, is_chosen};
use crate::snapshot::Snapshot;

/// The chosen start-up bundle.
#[derive(Debug)]
pub(super) struct First {
    /// The bundle that runs instead of the configured one; `None` if the configured one runs.
    pub(super) instead: Option<Snapshot>,
    /// Origin of that bundle in the last-good store.
    pub(super) origin: BundleOrigin,
    /// The last good bundle, whether or not it runs.
    pub(super) good: Option<Generation>,
}

impl Default for First {
    fn default() -> Self {
        Self { instead: None, origin: BundleOrigin::LastGood, good: None }
    }
}

impl First {
    /// Chooses the start-up bundle: the last good one if the configured one differs. The configured one is then tried
    /// at the first batch, as without a restart, unless it failed before, cannot be used, or is held on this
    /// node. If no bundle is proven yet and the configured one may not run here, the bundle that ran before the restart
    /// runs again, and its probation starts again.
    pub(super) fn choose(
        files: &Snapshot,
        store: &LastGoodStore,
        node_name: &str,
        environment: &Environment,
        library: &mut Library,
    ) -> Self {
        let good = store.read(environment);
        let good_id = good.as_ref().map(|good| good.id);
        let first = Self { good: good_id, ..Self::default() };
        if good_id == Some(files.id) {
            return first;
        }
        let terms = &files.config.rollout;
        let failed = store.failed();
        let has_failed = failed.iter().find(|(id, _)| *id == files.id);
        let held = hold_reason(terms, is_chosen(node_name, terms.canary)).or_else(|| {
            has_failed.map(|(_, why)| format!("the configured bundle failed and was rolled back: {why}"))
        });
        let (instead, origin, why) = match (good, held) {
            (Some(good), Some(held)) => (good, BundleOrigin::LastGood, held),
            (Some(good), None) => {
                let problem = checks::faults(&files.config.pipelines, library).problems.into_iter().next();
                let why = problem.map(|problem| problem.message);
                let why =
                    why.unwrap_or_else(|| "the configured bundle has not run on this node yet".to_owned());
                (good, BundleOrigin::LastGood, why)
            }
            (None, Some(held)) => match store.read_taken(files.id, environment) {
                Some(taken) => (taken, BundleOrigin::Resumed, held),
                None => {
                    if let Some((bundle, why)) = has_failed {
                        tracing::error!(
                            %bundle,
                            why,
                            "starting with a bundle that failed on this node before: no other is stored"
                        );
                    }
                    return first;
                }
            },
            (None, None) => return first,
        };
        let message = match origin {
            BundleOrigin::Resumed => "starting with the previous bundle; its probation starts again",
            _ => "starting with the last good bundle",
        };
        tracing::warn!(bundle = %instead.id, in_files = %files.id, why, message);
        // Only the pipelines come from the store; everything else is as configured.
        let mut config = files.config.clone();
        config.pipelines.clone_from(&instead.config.pipelines);
        Self { instead: Some(Snapshot { config, ..instead }), origin, ..first }
    }
}
