//! Statistics of pending and lost blocks.

use std::ops::{AddAssign, SubAssign};

use insightd_files::StorageMode;

/// Number of blocks, events and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Number of blocks.
    pub blocks: u64,
    /// Number of events in them.
    pub events: u64,
    /// Bytes of their keys and bodies.
    pub bytes: u64,
}

impl Amount {
    /// Returns the amount of one block with this many events and bytes.
    pub fn block(events: u32, bytes: usize) -> Self {
        Self { blocks: 1, events: events.into(), bytes: bytes as u64 }
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.blocks += other.blocks;
        self.events += other.events;
        self.bytes += other.bytes;
    }
}

impl SubAssign for Amount {
    /// Saturates at zero.
    fn sub_assign(&mut self, other: Self) {
        self.blocks = self.blocks.saturating_sub(other.blocks);
        self.events = self.events.saturating_sub(other.events);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }
}

/// Reason why a block was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The directory reached `max_bytes`, and the block was in the oldest segment.
    DiskFull,
    /// `memory_bytes` was reached, and the block was among the oldest or too large.
    MemoryFull,
    /// Its events were older than `max_age_ms`.
    Age,
    /// It could not be read back, or its file was deleted.
    Damaged,
    /// It exceeds the maximum size of a block.
    Oversized,
    /// Its receiver rejected it permanently.
    Rejected,
}

impl Cause {
    /// All causes.
    pub const ALL: [Self; 6] =
        [Self::DiskFull, Self::MemoryFull, Self::Age, Self::Damaged, Self::Oversized, Self::Rejected];

    /// Returns the name used as a metric label.
    pub fn name(self) -> &'static str {
        match self {
            Self::DiskFull => "disk_full",
            Self::MemoryFull => "memory_full",
            Self::Age => "age",
            Self::Damaged => "damaged",
            Self::Oversized => "oversized",
            Self::Rejected => "rejected",
        }
    }
}

/// Amounts lost since the spool was opened, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost([Amount; Cause::ALL.len()]);

impl Lost {
    /// Returns the amount lost for this cause.
    pub fn by(&self, cause: Cause) -> Amount {
        self.0[cause as usize]
    }

    /// Returns the sum over all causes.
    pub fn total(&self) -> Amount {
        let mut total = Amount::default();
        self.0.iter().for_each(|amount| total += *amount);
        total
    }

    /// Counts a lost amount.
    pub fn add(&mut self, cause: Cause, amount: Amount) {
        self.0[cause as usize] += amount;
    }
}

/// Damage found since the spool was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// Records cut off at the end of the newest segment: partially written when a process died, and never accepted.
    pub torn: u64,
    /// Bytes after a damaged header, with an unknown number of events.
    pub unreadable_bytes: u64,
    /// Files quarantined.
    pub quarantined: u64,
    /// Quarantined files that were deleted because the quarantine was full.
    pub quarantine_evicted: u64,
}

/// Statistics of a spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Waiting blocks on disk and in memory, including leased ones.
    pub pending: Amount,
    /// Portion of `pending` that is in memory.
    pub in_memory: Amount,
    /// Earliest time of a waiting block, milliseconds since the Unix epoch.
    pub oldest_time_unix_ms: Option<u64>,
    /// Bytes of all segments and quarantined files.
    pub disk_bytes: u64,
    /// Amounts lost, by cause.
    pub lost: Lost,
    /// Damage found.
    pub damage: Damage,
    /// Destination of new blocks.
    pub mode: StorageMode,
}
