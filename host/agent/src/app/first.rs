//! Which set an agent begins with.

use crate::assemble;
use crate::config::Environment;
use crate::library::Library;
use crate::rollout::{Kept, SetId, SetOrigin, Snapshot, is_chosen};

/// The choice.
#[derive(Debug)]
pub(super) struct First {
    /// The set that runs in place of the one in the files.
    pub(super) instead: Option<Snapshot>,
    /// Where that was kept.
    pub(super) origin: SetOrigin,
    /// The last good set, whether it is the one that runs or not.
    pub(super) good: Option<SetId>,
}

impl Default for First {
    fn default() -> Self {
        Self { instead: None, origin: SetOrigin::Kept, good: None }
    }
}

impl First {
    /// Chooses the last good set where the files have another one. That is tried as soon as there is a batch, as it would have been
    /// without a restart; or it failed before, cannot be used, or is not for this node yet. Where nothing was proven yet, and the
    /// set in the files may not run here, what ran before it goes on with its trial.
    pub(super) fn choose(
        files: &Snapshot,
        kept: &Kept,
        node_name: &str,
        environment: &Environment,
        library: &mut Library,
    ) -> Self {
        let good = kept.read(environment);
        let good_id = good.as_ref().map(|good| good.id);
        let first = Self { good: good_id, ..Self::default() };
        if good_id == Some(files.id) {
            return first;
        }
        let terms = &files.config.rollout;
        let failed = kept.failed();
        let has_failed = failed.iter().find(|(id, _)| *id == files.id);
        let held = if !terms.enabled {
            Some("`rollout.enabled` is false".to_owned())
        } else if !is_chosen(node_name, terms.canary) {
            Some("this node is not among the first of `rollout.canary`".to_owned())
        } else {
            has_failed.map(|(_, why)| format!("the one in the files failed and was taken back: {why}"))
        };
        let (instead, origin, why) = match (good, held) {
            (Some(good), Some(held)) => (good, SetOrigin::Kept, held),
            (Some(good), None) => {
                let problem = assemble::problems(&files.config, library).into_iter().next();
                let why = problem.map(|problem| problem.message);
                let why =
                    why.unwrap_or_else(|| "the one in the files has not run on this node yet".to_owned());
                (good, SetOrigin::Kept, why)
            }
            (None, Some(held)) => match kept.read_taken(files.id, environment) {
                Some(taken) => (taken, SetOrigin::Resumed, held),
                None => {
                    if let Some((set, why)) = has_failed {
                        tracing::error!(%set, why, "the set in the files failed on this node before, and no other was kept: it runs");
                    }
                    return first;
                }
            },
            (None, None) => return first,
        };
        let message = match origin {
            SetOrigin::Resumed => "begins with the set that ran before; its trial goes on",
            _ => "begins with the last good set",
        };
        tracing::warn!(set = %instead.id, in_files = %files.id, why, message);
        // Only what it is about: everything else is as in the files.
        let mut config = files.config.clone();
        config.pipelines.clone_from(&instead.config.pipelines);
        Self { instead: Some(Snapshot { config, ..instead }), origin, ..first }
    }
}
