//! The disk spool between formatter and network: request bodies wait here until their receiver has accepted them.
//!
//! ```no_run
//! use insightd_spool::{NewBlock, Order, Settings, Spool};
//!
//! # let (now_ms, deliver) = (0, |_: insightd_spool::Block| true);
//! let mut spool = Spool::open(Settings::in_folder("/var/lib/insightd/spool/logs"), now_ms);
//! let block = NewBlock { key: b"group/stream", events: 2, time_unix_ms: now_ms, body: b"..." };
//! spool.append(&block)?;
//! while let Some(lease) = spool.lease(Order::Newest, |_| false) {
//!     match spool.read(&lease).map(deliver) {
//!         Ok(true) => spool.done(lease),
//!         _ => {
//!             spool.release(lease);
//!             break; // and later again
//!         }
//!     }
//! }
//! # Ok::<(), insightd_spool::AppendError>(())
//! ```
//!
//! A *block* is opaque: the key says where it goes, the body is what is sent. Blocks end in any order. What cannot be on
//! disk is held in memory, within a bound, and [`Stats::mode`] says why. Nothing is lost silently: [`Stats::lost`] counts
//! events, blocks and bytes by cause.
//!
//! # Who owns the folder
//!
//! One folder belongs to one sink. Its owner holds an exclusive `flock` on the file `lock`; another process waits in memory
//! mode, takes over what the owner left as soon as the lock is free, and writes its own blocks behind that. No symbolic
//! link inside of the folder is followed, and only regular files are read.
//!
//! # What holds after a crash
//!
//! - The process dies at any point: each block whose `append` came back is there, or was done; none that was done comes back.
//! - Power fails: with [`Sync::Always`] each block whose `append` came back is there. That a block is done is never
//!   synced, so one that was delivered shortly before can be delivered again. With [`Sync::Never`] the last blocks can be lost.
//!
//! # Age and clocks
//!
//! Time comes from the caller. A block is too old by its own `time_unix_ms`, and only by a clock that has run for ten
//! minutes without a step of more than ten minutes: a clock that is wrong at boot or for a while costs no block, and
//! after a start or a step blocks live ten minutes longer. A clock that was ahead when blocks were made keeps them longer, within
//! `max_bytes`. A clock that stays wrong by more than `max_age_ms` cannot be told from a right one.
//!
//! # The format, version 1
//!
//! All numbers are little-endian; every CRC is CRC-32 (IEEE 802.3, as in gzip). A folder holds
//!
//! | name | content |
//! |---|---|
//! | `lock` | nothing; the owner has locked it |
//! | `NNNNNNNNNNNNNNNN.blocks` | segment N, sixteen lowercase hexadecimal digits; below 2^63; higher is newer |
//! | `aside/MMMMMMMM-NNNNNNNNNNNNNNNN.blocks` | a segment that was damaged or not of this version; higher M came later |
//!
//! A segment is a file header, then records without gaps. File header, 24 bytes:
//!
//! | at | bytes | |
//! |---|---|---|
//! | 0 | 8 | `insspool`: the same in all versions |
//! | 8 | 4 | version of the format: at this place in all versions |
//! | 12 | 8 | number of the segment, as in its name |
//! | 20 | 4 | CRC of bytes 0 to 19 |
//!
//! Record: a header of 32 bytes, the key, the body.
//!
//! | at | bytes | |
//! |---|---|---|
//! | 0 | 4 | state: 0 while the block waits, 2^32 - 1 once it needs no delivery any more; read by the majority of its bits |
//! | 4 | 4 | CRC of: the segment's number (8 bytes), offset of this record in the file (8 bytes), bytes 8 to 31 |
//! | 8 | 8 | time of the events, milliseconds since the Unix epoch |
//! | 16 | 4 | number of events |
//! | 20 | 4 | bytes of the key, at most 65,536 |
//! | 24 | 4 | bytes of the body, at most 8,388,608 |
//! | 28 | 4 | CRC of key and body |
//!
//! Records are only ever appended; the one thing that changes afterwards is the state, in place. It has no second file,
//! so that none can be lost without the other, and it needs no space, so that a block is done on a full disk too.
//!
//! A reader goes from record to record. A header with a wrong CRC or length ends the segment: the rest is unreadable. A
//! wrong CRC of key and body costs that record alone. A record that goes past the end of the newest segment was never
//! accepted and is cut off. A segment is deleted when all its blocks are done, and put into `aside` instead when it
//! is damaged. A segment is at most 64 MiB long.
#![forbid(unsafe_code)]

mod age;
mod block;
mod disk;
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
pub use insightd_folder::Trouble;
#[doc(hidden)]
pub use scan::read_segment;
pub use settings::{Settings, Sync};
pub use spool::Spool;
pub use stats::{Amount, Cause, Damage, Lost, Mode, Stats};
