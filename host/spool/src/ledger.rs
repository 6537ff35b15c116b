//! What became of blocks that were not delivered.

use std::hash::{BuildHasher, RandomState};

use crate::block::{BlockId, KeyId};
use crate::segment::Entry;
use crate::stats::{Amount, Cause, Damage, Lost};

/// Counts since the spool was opened, and blocks whose end is open.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) lost: Lost,
    pub(crate) damage: Damage,
    /// Dropped while on lease: lost only if the delivery under way fails.
    dropped: Vec<(BlockId, Amount, Cause)>,
    ids: u64,
    /// Seeded anew in every process: nobody can choose keys that share an id.
    keys: RandomState,
}

impl Ledger {
    pub(crate) fn next_id(&mut self) -> BlockId {
        self.ids += 1;
        BlockId(self.ids)
    }

    pub(crate) fn key_id(&self, key: &[u8]) -> KeyId {
        KeyId(self.keys.hash_one(key))
    }

    pub(crate) fn lose(&mut self, amount: Amount, cause: Cause) {
        self.lost.add(cause, amount);
    }

    /// A block is dropped that may be on lease.
    pub(crate) fn drop_entry(&mut self, entry: &Entry, cause: Cause) {
        if entry.leased {
            self.dropped.push((entry.id, entry.amount(), cause));
        } else {
            self.lose(entry.amount(), cause);
        }
    }

    /// The lease of a block that may have been dropped ends.
    pub(crate) fn end_dropped(&mut self, id: BlockId, delivered: bool) {
        let Some(at) = self.dropped.iter().position(|(dropped, ..)| *dropped == id) else { return };
        let (_, amount, cause) = self.dropped.swap_remove(at);
        if !delivered {
            self.lose(amount, cause);
        }
    }
}
