//! Blocks, their ids, and leases.

use crate::stats::Amount;

/// A block to append.
#[derive(Clone, Copy, Debug)]
pub struct NewBlock<'a> {
    /// Destination, at most [`MAX_KEY_BYTES`](crate::MAX_KEY_BYTES) long.
    pub key: &'a [u8],
    /// Number of events in the body.
    pub events: u32,
    /// Time of the events, milliseconds since the Unix epoch.
    pub time_unix_ms: u64,
    /// Request body, at most [`MAX_BODY_BYTES`](crate::MAX_BODY_BYTES) long.
    pub body: &'a [u8],
}

/// A block read from the spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Number of events in the body.
    pub events: u32,
    /// Time of the events, milliseconds since the Unix epoch.
    pub time_unix_ms: u64,
    /// Destination.
    pub key: Vec<u8>,
    /// Request body.
    pub body: Vec<u8>,
}

impl Block {
    pub(crate) fn as_new(&self) -> NewBlock<'_> {
        NewBlock { key: &self.key, events: self.events, time_unix_ms: self.time_unix_ms, body: &self.body }
    }
}

/// Id of a block while this spool is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockId(pub(crate) u64);

/// Id of a key while this spool is open: a hash of fixed size, equal for equal keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub(crate) u64);

/// A waiting block as seen by the filter of [`Spool::lease`](crate::Spool::lease), before its body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Id of the block.
    pub id: BlockId,
    /// Id of its destination.
    pub key: KeyId,
}

/// Order in which blocks are leased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Last appended first.
    Newest,
    /// First appended first.
    Oldest,
}

/// The right to deliver a block. It must be returned to the spool that granted it.
#[derive(Debug)]
#[must_use = "the block stays leased until done, release or discard is called"]
pub struct Lease {
    pub(crate) id: BlockId,
    /// Number of the segment, `None` for a block in memory. A leased block does not move.
    pub(crate) segment: Option<u64>,
    pub(crate) key: KeyId,
    pub(crate) amount: Amount,
    pub(crate) time_unix_ms: u64,
}

impl Lease {
    /// Returns the id of the block.
    pub fn id(&self) -> BlockId {
        self.id
    }

    /// Returns the id of the block's destination.
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// Returns the events and bytes of the block.
    pub fn amount(&self) -> Amount {
        self.amount
    }

    /// Returns the time of the block's events, milliseconds since the Unix epoch.
    pub fn time_unix_ms(&self) -> u64 {
        self.time_unix_ms
    }
}
