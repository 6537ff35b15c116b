//! The disk spool between formatter and network: request bodies wait here until their receiver accepts them.
//!
//! ```no_run
//! use insightd_spool::{NewBlock, Order, Settings, Spool};
//!
//! # let (now_ms, deliver) = (0, |_: insightd_spool::Block| true);
//! let mut spool = Spool::open(Settings::new("/var/lib/insightd/spool/logs"), now_ms);
//! let block = NewBlock { key: b"group/stream", events: 2, time_unix_ms: now_ms, body: b"..." };
//! spool.append(&block)?;
//! while let Some(lease) = spool.lease(Order::Newest, |_| false) {
//!     match spool.read(&lease).map(deliver) {
//!         Ok(true) => spool.done(lease),
//!         _ => {
//!             spool.release(lease);
//!             break; // retry later
//!         }
//!     }
//! }
//! # Ok::<(), insightd_spool::AppendError>(())
//! ```
//!
//! A *block* is opaque: its key is the destination, its body is the request body. Blocks complete in any order. Blocks that
//! cannot be written to disk are held in memory, within a bound, and [`Stats::mode`] gives the reason. Every loss is
//! counted: [`Stats::lost`] has events, blocks and bytes by cause.
//!
//! # Ownership of the directory
//!
//! A directory belongs to one sink. Its owner holds an exclusive `flock` on the file `lock`. Another process waits in memory
//! mode, takes over the remaining blocks as soon as the lock is free, and appends its own after them. No symbolic
//! link inside of the directory is followed, and only regular files are read.
//!
//! # Guarantees after a crash
//!
//! - The process dies at any point: each block whose `append` returned is pending or done; a done block does not reappear.
//! - Power fails: with [`Sync::Always`] each block whose `append` returned is present. Completion is never synced, so a block
//!   delivered shortly before can be delivered again. With [`Sync::Never`] the last blocks can be lost.
//!
//! # Age and clocks
//!
//! The caller passes the time. A block expires by its own `time_unix_ms`, and only while the clock has run for ten
//! minutes without a step of more than ten minutes. A clock that is wrong at boot or for a short time therefore loses no
//! block, and blocks live ten minutes longer after a start or a step. Blocks made under a clock that ran ahead are kept longer,
//! within `max_bytes`. A clock that stays wrong by more than `max_age_ms` cannot be distinguished from a correct one.
//!
//! # The format, version 1
//!
//! All numbers are little-endian; every CRC is CRC-32 (IEEE 802.3, as in gzip). A directory contains
//!
//! | name | content |
//! |---|---|
//! | `lock` | empty; locked by the owner |
//! | `NNNNNNNNNNNNNNNN.blocks` | segment N, sixteen lowercase hexadecimal digits; below 2^63; a higher N is newer |
//! | `quarantine/MMMMMMMM-NNNNNNNNNNNNNNNN.blocks` | a quarantined segment, damaged or of another version; a higher M is later |
//!
//! A segment is a file header, then records without gaps. File header, 24 bytes:
//!
//! | offset | bytes | |
//! |---|---|---|
//! | 0 | 8 | `insspool`: the same in all versions |
//! | 8 | 4 | version of the format: at this offset in all versions |
//! | 12 | 8 | number of the segment, as in its name |
//! | 20 | 4 | CRC of bytes 0 to 19 |
//!
//! Record: a header of 32 bytes, the key, the body.
//!
//! | offset | bytes | |
//! |---|---|---|
//! | 0 | 4 | state: 0 while the block waits, 2^32 - 1 once it is done; decided by the majority of its bits |
//! | 4 | 4 | CRC of: number of the segment (8 bytes), offset of this record in the file (8 bytes), bytes 8 to 31 |
//! | 8 | 8 | time of the events, milliseconds since the Unix epoch |
//! | 16 | 4 | number of events |
//! | 20 | 4 | bytes of the key, at most 65,536 |
//! | 24 | 4 | bytes of the body, at most 8,388,608 |
//! | 28 | 4 | CRC of key and body |
//!
//! Records are only appended; afterwards only the state changes, in place. The state is not in a second file, so
//! neither can be lost without the other, and it needs no new space, so a block can be marked as done on a full disk.
//!
//! A reader parses record after record. A header with a wrong CRC or length ends the segment: the rest is unreadable. A
//! wrong CRC of key and body affects only that record. A record that exceeds the end of the newest segment was never
//! accepted and is cut off. A segment is deleted when all its blocks are done; a damaged one is moved to `quarantine` instead.
//! A segment is at most 64 MiB long.
#![forbid(unsafe_code)]

mod age;
mod block;
mod disk;
mod entry;
mod error;
mod format;
mod ledger;
mod memory;
mod scan;
mod segment;
mod settings;
mod spool;
mod stats;

pub use block::{Block, BlockId, Candidate, KeyId, Lease, NewBlock, Order};
pub use error::{AppendError, ReadError};
pub use format::{MAX_BODY_BYTES, MAX_KEY_BYTES};
pub use insightd_files::{DirError, StorageMode};
#[doc(hidden)]
pub use scan::read_segment;
pub use settings::{Settings, Sync};
pub use spool::Spool;
pub use stats::{Amount, Cause, Damage, Lost, Stats};
