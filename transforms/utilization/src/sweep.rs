//! What is taken off the events at the end.

use core::hash::{Hash, Hasher};

use insights_sdk::{Batch, Entity, FxHasher, Name};

/// More slots than a batch has names of figures, most of the time.
const SLOTS: usize = 256;

/// Drops figures under raw names. Whether a name is raw is looked up in its text once, as long as no other name takes its
/// slot.
pub(crate) struct Sweep {
    slots: [Option<(Name, bool)>; SLOTS],
}

impl Sweep {
    pub(crate) fn new() -> Self {
        Self { slots: [None; SLOTS] }
    }

    /// Drops raw figures of `entity`.
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
