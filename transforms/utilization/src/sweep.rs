//! Removal of raw metrics from the events.

use core::hash::{Hash, Hasher};

use insights_sdk::{Batch, Entity, FxHasher, Name};

/// Number of cache slots; most batches have fewer metric names.
const SLOTS: usize = 256;

/// A remover of points under raw names. Each name's text is examined once, as long as no other name takes its cache slot.
pub(crate) struct Sweep {
    slots: [Option<(Name, bool)>; SLOTS],
}

impl Sweep {
    pub(crate) fn new() -> Self {
        Self { slots: [None; SLOTS] }
    }

    /// Removes the raw metrics of `entity`.
    pub(crate) fn drop_raw(&mut self, entity: Entity<'_>) {
        entity.retain_point_names(|name| !self.is_raw(entity.batch(), name));
    }

    fn is_raw(&mut self, batch: &Batch, name: Name) -> bool {
        let mut hasher = FxHasher::default();
        name.hash(&mut hasher);
        let slot = &mut self.slots[hasher.finish() as usize % SLOTS];
        match *slot {
            Some((known, is_raw)) if known == name => is_raw,
            _ => {
                let is_raw = batch.text(name).contains('.');
                *slot = Some((name, is_raw));
                is_raw
            }
        }
    }
}
