//! Blocks held in memory, within a bound.

use std::collections::VecDeque;

use crate::block::{Block, BlockId, Candidate, KeyId, NewBlock};
use crate::ledger::Ledger;
use crate::stats::{Amount, Cause};

/// A block held in memory.
#[derive(Debug)]
pub(crate) struct MemoryBlock {
    pub(crate) id: BlockId,
    pub(crate) key: KeyId,
    pub(crate) block: Block,
    pub(crate) leased: bool,
}

impl MemoryBlock {
    pub(crate) fn candidate(&self) -> Candidate {
        Candidate { id: self.id, key: self.key }
    }

    pub(crate) fn amount(&self) -> Amount {
        Amount::block(self.block.events, self.block.key.len() + self.block.body.len())
    }
}

/// All blocks held in memory, oldest first.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) blocks: VecDeque<MemoryBlock>,
    bytes: u64,
    max_bytes: u64,
}

impl Memory {
    pub(crate) fn new(max_bytes: u64) -> Self {
        Self { blocks: VecDeque::new(), bytes: 0, max_bytes }
    }

    /// Adds a block, and drops the oldest blocks that are not on lease to make room. Returns true if the block was added.
    pub(crate) fn push(&mut self, id: BlockId, new: &NewBlock<'_>, ledger: &mut Ledger) -> bool {
        let needed = (new.key.len() + new.body.len()) as u64;
        let on_lease = self.blocks.iter().filter(|held| held.leased).map(|held| held.amount().bytes);
        if needed + on_lease.sum::<u64>() > self.max_bytes {
            return false;
        }
        while self.bytes + needed > self.max_bytes {
            let Some(at) = self.blocks.iter().position(|held| !held.leased) else { break };
            if let Some(held) = self.remove_at(at) {
                ledger.lose(held.amount(), Cause::MemoryFull);
            }
        }
        let block = Block {
            events: new.events,
            time_unix_ms: new.time_unix_ms,
            key: new.key.to_vec(),
            body: new.body.to_vec(),
        };
        self.blocks.push_back(MemoryBlock { id, key: ledger.key_id(new.key), block, leased: false });
        self.bytes += needed;
        true
    }

    pub(crate) fn find(&mut self, id: BlockId) -> Option<&mut MemoryBlock> {
        self.blocks.iter_mut().find(|held| held.id == id)
    }

    pub(crate) fn remove(&mut self, id: BlockId) -> Option<MemoryBlock> {
        let at = self.blocks.iter().position(|held| held.id == id)?;
        self.remove_at(at)
    }

    pub(crate) fn remove_at(&mut self, at: usize) -> Option<MemoryBlock> {
        let held = self.blocks.remove(at)?;
        self.bytes -= held.amount().bytes;
        Some(held)
    }

    /// Drops blocks older than `oldest_ms` that are not on lease.
    pub(crate) fn expire(&mut self, oldest_ms: u64, ledger: &mut Ledger) {
        let old = |held: &MemoryBlock| held.block.time_unix_ms < oldest_ms && !held.leased;
        while let Some(at) = self.blocks.iter().position(old) {
            if let Some(held) = self.remove_at(at) {
                ledger.lose(held.amount(), Cause::Age);
            }
        }
    }
}
