//! What a spool holds and what it lost.

use std::ops::{AddAssign, SubAssign};

/// Blocks and what is in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Blocks.
    pub blocks: u64,
    /// Events in them.
    pub events: u64,
    /// Bytes of their keys and bodies.
    pub bytes: u64,
}

impl Amount {
    /// One block with so many events and bytes.
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
    /// Ends at zero.
    fn sub_assign(&mut self, other: Self) {
        self.blocks = self.blocks.saturating_sub(other.blocks);
        self.events = self.events.saturating_sub(other.events);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }
}

/// Why a block was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It was among the oldest when the folder reached `max_bytes`.
    DiskFull,
    /// It was among the oldest when `memory_bytes` was reached, or did not fit there at all.
    MemoryFull,
    /// Its events were older than `max_age_ms`.
    Age,
    /// It could not be read back, or its file is gone.
    Damaged,
    /// It is larger than a block may be.
    Oversized,
    /// Its receiver refused it for good.
    Rejected,
}

impl Cause {
    /// All causes.
    pub const ALL: [Self; 6] =
        [Self::DiskFull, Self::MemoryFull, Self::Age, Self::Damaged, Self::Oversized, Self::Rejected];

    /// Name of the cause, for a label.
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

/// What was given up since the spool was opened, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost([Amount; Cause::ALL.len()]);

impl Lost {
    /// What was given up for this cause.
    pub fn by(&self, cause: Cause) -> Amount {
        self.0[cause as usize]
    }

    /// All of it.
    pub fn total(&self) -> Amount {
        let mut total = Amount::default();
        self.0.iter().for_each(|amount| total += *amount);
        total
    }

    /// Counts what was given up.
    pub fn add(&mut self, cause: Cause, amount: Amount) {
        self.0[cause as usize] += amount;
    }
}

/// What was found broken since the spool was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// Records that were cut off at the end of the newest segment: written halfway when a process died, never accepted.
    pub torn: u64,
    /// Bytes behind a broken header, in which nobody knows how many events were.
    pub unreadable_bytes: u64,
    /// Files that were put into `aside`.
    pub set_aside: u64,
    /// Of them, those that were deleted again because `aside` was full.
    pub aside_removed: u64,
}

/// Where new blocks go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To the folder.
    Disk,
    /// To memory.
    Memory {
        /// The file or folder, what is wrong with it and what to do.
        reason: String,
    },
}

/// State of a spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// What waits, on disk and in memory, blocks on lease included.
    pub pending: Amount,
    /// The part of it that is in memory.
    pub in_memory: Amount,
    /// Earliest time of a block that waits.
    pub oldest_time_unix_ms: Option<u64>,
    /// Bytes of all files, those put aside included.
    pub disk_bytes: u64,
    /// Bytes of the files put aside.
    pub aside_bytes: u64,
    /// What was given up.
    pub lost: Lost,
    /// What was found broken.
    pub damage: Damage,
    /// Where new blocks go.
    pub mode: Mode,
}
