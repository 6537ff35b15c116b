//! What goes in and comes out.

use crate::stats::Amount;

/// A block to be delivered.
#[derive(Clone, Copy, Debug)]
pub struct NewBlock<'a> {
    /// Where it goes, at most [`MAX_KEY_BYTES`](crate::MAX_KEY_BYTES).
    pub key: &'a [u8],
    /// Events in it.
    pub events: u32,
    /// Their time.
    pub time_unix_ms: u64,
    /// What is sent, at most [`MAX_BODY_BYTES`](crate::MAX_BODY_BYTES).
    pub body: &'a [u8],
}

/// A block as it was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Events in it.
    pub events: u32,
    /// Their time.
    pub time_unix_ms: u64,
    /// Where it goes.
    pub key: Vec<u8>,
    /// What is sent.
    pub body: Vec<u8>,
}

impl Block {
    pub(crate) fn as_new(&self) -> NewBlock<'_> {
        NewBlock { key: &self.key, events: self.events, time_unix_ms: self.time_unix_ms, body: &self.body }
    }
}

/// Names a block while this spool is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockId(pub(crate) u64);

/// Names a key while this spool is open: equal for equal keys, and of one size however long the key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub(crate) u64);

/// A block that waits, as [`Spool::lease`](crate::Spool::lease) chooses among them: without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The block.
    pub id: BlockId,
    /// Where it goes.
    pub key: KeyId,
}

/// Which block is leased first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The one that was appended last.
    Newest,
    /// The one that was appended first.
    Oldest,
}

/// The right to deliver a block, to be given back to the spool that it came from.
#[derive(Debug)]
#[must_use = "nobody else gets the block before its lease ends with done, release or discard"]
pub struct Lease {
    pub(crate) id: BlockId,
    /// `None` in memory. A block on lease stays where it is.
    pub(crate) segment: Option<u64>,
    pub(crate) key: KeyId,
    pub(crate) amount: Amount,
    pub(crate) time_unix_ms: u64,
}

impl Lease {
    /// The block.
    pub fn id(&self) -> BlockId {
        self.id
    }

    /// Where the block goes.
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// What is in the block.
    pub fn amount(&self) -> Amount {
        self.amount
    }

    /// Time of its events.
    pub fn time_unix_ms(&self) -> u64 {
        self.time_unix_ms
    }
}
