//! The generations that ran on this node: on probation, good, or failed. They are stored for the next start.

use insightd_pipeline::bundle::Generation;

use super::last_good::LastGoodStore;
use crate::snapshot::Snapshot;

/// Maximum number of good generations in memory.
const MAX_GOOD: usize = 20;
/// Maximum number of failed generations in memory.
const MAX_FAILED: usize = 40;

/// The generations that ran on this node.
#[derive(Debug, Default)]
pub struct History {
    /// The last-good store; `None` if nothing is stored.
    store: Option<LastGoodStore>,
    /// The start-up bundle, until it is stored.
    first: Option<Snapshot>,
    /// Generations that were offered last and are stored; the latest last.
    on_probation: Vec<Generation>,
    /// Generations that passed their probation; the latest last.
    good: Vec<Generation>,
    /// Generations that were rolled back, with the error text; it may be empty for those of earlier runs.
    failed: Vec<(Generation, String)>,
}

impl History {
    /// Creates the history of an agent that starts with the bundle `first`; `good` is the last good generation in the store.
    pub fn new(store: Option<LastGoodStore>, first: Snapshot, good: Option<Generation>) -> Self {
        let failed = store.as_ref().map(LastGoodStore::failed).unwrap_or_default();
        Self { store, first: Some(first), on_probation: Vec::new(), good: good.into_iter().collect(), failed }
    }

    /// Takes the start-up bundle, which is to be stored; later calls return `None`.
    pub(super) fn take_first(&mut self) -> Option<Snapshot> {
        self.first.take()
    }

    /// Returns true if a generation passed its probation on this node.
    pub(super) fn is_good(&self, id: Generation) -> bool {
        self.good.contains(&id)
    }

    /// Returns the error text of a generation that was rolled back on this node.
    pub(super) fn failure(&self, id: Generation) -> Option<&str> {
        self.failed.iter().find(|(failed, _)| *failed == id).map(|(_, why)| &**why)
    }

    /// Records a failed generation, so that neither this agent nor the next one tries it again.
    pub(super) fn record_failed(&mut self, id: Generation, why: &str) {
        self.failed.retain(|(other, _)| *other != id);
        self.failed.push((id, why.to_owned()));
        if self.failed.len() > MAX_FAILED {
            self.failed.remove(0);
        }
        self.on_probation.retain(|other| *other != id);
        if let Some(store) = &self.store
            && let Err(error) = store.remember_failed(id, why)
        {
            tracing::warn!(%error, "cannot store the failed generation; a restart will retry it");
        }
    }

    /// Records the end of a probation: the bundle is good and becomes the last good one in the store.
    pub(super) fn record_good(&mut self, id: Generation) {
        self.good.retain(|other| *other != id);
        self.good.push(id);
        self.failed.retain(|(other, _)| *other != id);
        if self.good.len() > MAX_GOOD {
            self.good.remove(0);
        }
        let Some(index) = self.on_probation.iter().position(|stored| *stored == id) else { return };
        self.on_probation.drain(..=index);
        if let Some(store) = &self.store
            && let Err(error) = store.keep(id, &self.on_probation)
        {
            tracing::warn!(%error, "cannot store the last good bundle; a restart uses the one in the files");
        }
    }

    /// Stores a bundle whose probation begins, so that it need not stay in memory: it becomes the last good one if it passes. `in_use` are the
    /// generations that may be running when this probation ends, or again after a rollback. Of its files only those for which `is_used`
    /// returns true are stored.
    pub(super) fn store_on_probation(
        &mut self,
        snapshot: &Snapshot,
        in_use: &[Generation],
        is_used: impl Fn(&str, &[u8]) -> bool,
    ) {
        let Some(store) = &self.store else { return };
        let latest = self.on_probation.last().copied();
        self.on_probation.retain(|id| in_use.contains(id) || Some(*id) == latest);
        match store.write_taken(snapshot, &self.on_probation, is_used) {
            Ok(()) => {
                self.on_probation.retain(|other| *other != snapshot.id);
                self.on_probation.push(snapshot.id);
            }
            Err(error) => {
                tracing::warn!(
                    %error,
                    bundle = %snapshot.id,
                    "cannot store the new bundle; a restart uses the one in the files"
                );
            }
        }
    }
}
