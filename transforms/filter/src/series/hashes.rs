//! 64-bit hashes of series, stable from tick to tick.

use core::hash::Hasher;

use insights_sdk::FxHasher;
use insights_sdk::prelude::*;

/// Hashes of the entities and names of a batch, each computed once.
#[derive(Debug, Default)]
pub(crate) struct Hashes {
    entities: Vec<Option<u64>>,
    /// Sorted by name.
    names: Vec<(Name, u64)>,
}

impl Hashes {
    /// Returns the hash of a name on an entity.
    pub(crate) fn series(&mut self, entity: Entity<'_>, name: Name) -> u64 {
        let mut hasher = FxHasher::default();
        hasher.write_u64(self.entity(entity));
        hasher.write_u64(self.name(entity.batch(), name));
        mix(hasher.finish())
    }

    /// Returns the hash of kind and id of the entity and of all above it.
    fn entity(&mut self, entity: Entity<'_>) -> u64 {
        let index = entity.index() as usize;
        if let Some(known) = self.entities.get(index).copied().flatten() {
            return known;
        }
        let mut hasher = FxHasher::default();
        let mut next = Some(entity);
        while let Some(entity) = next {
            hasher.write(entity.kind().as_bytes());
            hasher.write(entity.id().as_bytes());
            next = entity.parent();
        }
        let hash = hasher.finish();
        if index >= self.entities.len() {
            self.entities.resize(index + 1, None);
        }
        self.entities[index] = Some(hash);
        hash
    }

    fn name(&mut self, batch: &Batch, name: Name) -> u64 {
        match self.names.binary_search_by_key(&name, |&(known, _)| known) {
            Ok(at) => self.names[at].1,
            Err(at) => {
                let mut hasher = FxHasher::default();
                hasher.write(batch.text(name).as_bytes());
                let hash = hasher.finish();
                self.names.insert(at, (name, hash));
                hash
            }
        }
    }
}

/// Finalizer of SplitMix64: every bit of the input changes each bit of the output with a probability of about one half. The
/// table selects shards by the highest bits.
fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
