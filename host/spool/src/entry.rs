//! A waiting block, as the index of its segment and the accounting know it.

use crate::block::{BlockId, Candidate, KeyId};
use crate::format::RecordHeader;
use crate::stats::Amount;

/// A waiting block on disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) id: BlockId,
    pub(crate) key: KeyId,
    pub(crate) time_unix_ms: u64,
    pub(crate) offset: u32,
    pub(crate) events: u32,
    pub(crate) payload_bytes: u32,
    pub(crate) leased: bool,
}

impl Entry {
    pub(crate) fn new(id: BlockId, key: KeyId, offset: u32, header: &RecordHeader) -> Self {
        Self {
            id,
            key,
            time_unix_ms: header.time_unix_ms,
            offset,
            events: header.events,
            payload_bytes: header.key_bytes + header.body_bytes,
            leased: false,
        }
    }

    pub(crate) fn candidate(&self) -> Candidate {
        Candidate { id: self.id, key: self.key }
    }

    pub(crate) fn amount(&self) -> Amount {
        Amount::block(self.events, self.payload_bytes as usize)
    }
}
