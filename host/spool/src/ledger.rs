//! Accounting of blocks that were not delivered.

use std::hash::{BuildHasher, RandomState};

use crate::block::{BlockId, KeyId};
use crate::entry::Entry;
use crate::stats::{Amount, Cause, Damage, Lost};

/// Loss counters since the spool was opened, and blocks dropped while their delivery is in progress.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) lost: Lost,
    pub(crate) damage: Damage,
    /// Blocks dropped while on lease: they count as lost only if the delivery in progress fails.
    dropped: Vec<(BlockId, Amount, Cause)>,
    ids: u64,
    /// Randomly seeded in every process, so that nobody can construct keys with equal ids.
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

    /// Accounts for a dropped block, which may be on lease.
    pub(crate) fn drop_entry(&mut self, entry: &Entry, cause: Cause) {
        if entry.leased {
            self.dropped.push((entry.id, entry.amount(), cause));
        } else {
            self.lose(entry.amount(), cause);
        }
    }

    /// Ends the lease of a block that may have been dropped. An undelivered one counts as lost.
    pub(crate) fn end_dropped(&mut self, id: BlockId, delivered: bool) {
        let Some(at) = self.dropped.iter().position(|(dropped, ..)| *dropped == id) else { return };
        let (_, amount, cause) = self.dropped.swap_remove(at);
        if !delivered {
            self.lose(amount, cause);
        }
    }
}
