//! The segments of a directory.

use std::collections::VecDeque;
use std::fs::File;
use std::io;

use insightd_files::{DirError, OwnedDir, Quarantine};
use rustix::io::Errno;

use crate::block::{Block, BlockId, Candidate, NewBlock};
use crate::entry::Entry;
use crate::error::ReadError;
use crate::format::{FILE_HEADER_BYTES, InvalidSegment, RECORD_HEADER_BYTES};
use crate::ledger::Ledger;
use crate::scan::read_record;
use crate::segment::{self, Loaded, Segment};
use crate::settings::Settings;
use crate::stats::Cause;

/// The locked directory of a spool, with its waiting blocks.
#[derive(Debug)]
pub(crate) struct Disk {
    directory: OwnedDir,
    quarantine: Quarantine,
    /// Ordered by number, oldest first.
    pub(crate) segments: VecDeque<Segment>,
    /// File of the last segment, while blocks may be appended to it.
    current: Option<File>,
    next_number: u64,
    settings: Settings,
}

impl Disk {
    /// Opens and locks the directory, and loads its segments.
    pub(crate) fn open(settings: &Settings, ledger: &mut Ledger) -> Result<Self, DirError> {
        let directory = OwnedDir::open(&settings.directory)?;
        let quarantine = Quarantine::open(&directory, "spool", settings.max_bytes / 8);
        let names = directory.names().map_err(|errno| directory.io_error("", "list directory", errno))?;
        let mut numbers: Vec<u64> = names.iter().filter_map(|name| segment::number(name)).collect();
        numbers.sort_unstable();
        let is_known = |name: &str| name == quarantine.dir_name() || segment::number(name).is_some();
        let unknown = names.iter().filter(|name| !is_known(name));
        let unknown: Vec<_> = unknown.take(5).collect();
        if !unknown.is_empty() {
            tracing::warn!(
                directory = %settings.directory.display(),
                ?unknown,
                "spool: unknown files in the directory; ignored"
            );
        }
        let mut disk = Self {
            quarantine,
            directory,
            segments: VecDeque::new(),
            current: None,
            next_number: numbers.last().map_or(1, |last| last + 1),
            settings: settings.clone(),
        };
        for number in &numbers {
            // a file that fails to load does not affect the others
            if let Err(error) = disk.load(*number, numbers.last() == Some(number), ledger) {
                tracing::warn!(%error, "spool: cannot load a file; ignored");
            }
        }
        disk.retry_failed(ledger);
        if let Err(error) = disk.make_room(0, ledger) {
            tracing::warn!(%error, "spool exceeds max_bytes");
        }
        Ok(disk)
    }

    fn load(&mut self, number: u64, newest: bool, ledger: &mut Ledger) -> Result<(), DirError> {
        let name = segment::name(number);
        match Segment::load(&self.directory, number, newest, ledger)? {
            Loaded::Nothing => {
                self.directory.remove(&name).map_err(|errno| self.directory.io_error(&name, "delete", errno))
            }
            Loaded::InvalidSegment(bytes, why) => {
                if why == InvalidSegment::Damaged {
                    ledger.damage.unreadable_bytes += bytes;
                }
                self.quarantine(&name, bytes, &why.to_string(), ledger)
            }
            Loaded::Segment(segment, file) => {
                self.current = (newest && !segment.damaged).then_some(file);
                self.segments.push_back(segment);
                Ok(())
            }
        }
    }

    pub(crate) fn check_ownership(&mut self) -> Result<(), DirError> {
        self.directory.check_ownership()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.quarantine.bytes() + self.segments.iter().map(|segment| segment.length).sum::<u64>()
    }

    /// Appends a block to the last segment. On failure no block was added, and segments may have been dropped to make room. A partial
    /// record that cannot be cut off now is cut off by [`retry_failed`](Self::retry_failed), and nothing is appended behind it.
    pub(crate) fn append(
        &mut self,
        id: BlockId,
        block: &NewBlock<'_>,
        ledger: &mut Ledger,
    ) -> Result<(), DirError> {
        let record_bytes = record_bytes(block);
        self.make_room(FILE_HEADER_BYTES + record_bytes, ledger)?;
        self.begin_segment_for(record_bytes)?;
        let (Some(segment), Some(file)) = (self.segments.back_mut(), &self.current) else {
            return Err(self.directory.io_error("", "append to", io::Error::other("no segment is open")));
        };
        let candidate = Candidate { id, key: ledger.key_id(block.key) };
        let Err(error) = segment.append(file, candidate, block, self.settings.sync) else { return Ok(()) };
        let error = self.directory.io_error(&segment::name(segment.number), "write", error);
        if file.set_len(segment.length).is_err() {
            segment.has_partial_record = true;
            self.current = None;
        }
        if segment.waiting.is_empty() {
            self.delete_or_mark(self.segments.len() - 1, ledger);
        }
        Err(error)
    }

    /// Makes sure that the last segment is open and has room for a record.
    fn begin_segment_for(&mut self, record_bytes: u64) -> Result<(), DirError> {
        if let (Some(file), Some(last)) = (&self.current, self.segments.back()) {
            let has_room = last.length + record_bytes <= self.settings.segment_bytes();
            if (has_room || last.length == FILE_HEADER_BYTES) && last.is_intact(file) {
                return Ok(());
            }
        }
        self.current = None;
        let number = self.next_number;
        // even if creation fails: a remaining partial file is not overwritten
        self.next_number += 1;
        let (segment, file) = Segment::create(&self.directory, number, self.settings.sync)?;
        self.segments.push_back(segment);
        self.current = Some(file);
        Ok(())
    }

    fn quarantine(&mut self, name: &str, bytes: u64, why: &str, ledger: &mut Ledger) -> Result<(), DirError> {
        let removed = self.quarantine.take(&self.directory, name, bytes, why)?;
        ledger.damage.quarantined += 1;
        ledger.damage.quarantine_evicted += removed;
        Ok(())
    }

    /// Deletes the oldest segments until this many bytes fit, then quarantined files.
    fn make_room(&mut self, bytes: u64, ledger: &mut Ledger) -> Result<(), DirError> {
        while self.bytes() + bytes > self.settings.max_bytes {
            if let Some(oldest) = self.segments.front() {
                let name = segment::name(oldest.number);
                self.directory
                    .remove(&name)
                    .map_err(|errno| self.directory.io_error(&name, "delete", errno))?;
                if let Some(oldest) = self.remove_segment(0) {
                    oldest.waiting.iter().for_each(|entry| ledger.drop_entry(entry, Cause::DiskFull));
                }
            } else if self.quarantine.remove_oldest(&self.directory) {
                ledger.damage.quarantine_evicted += 1;
            } else {
                return Err(self.directory.io_error(
                    self.quarantine.dir_name(),
                    "make room in",
                    Errno::NOSPC,
                ));
            }
        }
        Ok(())
    }

    /// Reads a block. A damaged block is counted as lost and removed.
    pub(crate) fn read(&mut self, number: u64, id: BlockId, ledger: &mut Ledger) -> Result<Block, ReadError> {
        let at = self.position(number).ok_or(ReadError::Gone)?;
        let offset = self.segments[at].find(id).ok_or(ReadError::Gone)?.offset;
        let name = segment::name(number);
        let problem = match self.directory.open_to_read(&name) {
            Ok(file) => match read_record(&file, number, offset) {
                Ok(Some(block)) => return Ok(block),
                Ok(None) => "checksum mismatch".to_owned(),
                Err(error) => error.to_string(),
            },
            Err(DirError::Unusable { problem, .. }) => format!("the file was replaced: it {problem}"),
            Err(error) if error.is_missing() => "the file was deleted".to_owned(),
            Err(error) => return Err(error.into()),
        };
        let segment = &mut self.segments[at];
        segment.damaged = true;
        if let Some(entry) = segment.remove(id) {
            ledger.lose(entry.amount(), Cause::Damaged);
            let path = self.directory.path_of(&name);
            tracing::warn!(
                file = %path.display(), offset, events = entry.events, problem,
                "spool: cannot read a block; its events are lost"
            );
        }
        // the file has no done mark for it, so that the next reader detects the damage too
        self.delete_or_mark(at, ledger);
        Err(ReadError::Damaged { path: self.directory.path_of(&name), problem })
    }

    pub(crate) fn release(&mut self, number: u64, id: BlockId) -> bool {
        let entry = self.position(number).and_then(|at| self.segments[at].find(id));
        entry.map(|entry| entry.leased = false).is_some()
    }

    /// Ends a block permanently. Returns `None` if it is no longer there.
    pub(crate) fn finish(&mut self, number: u64, id: BlockId, ledger: &mut Ledger) -> Option<Entry> {
        let at = self.position(number)?;
        let segment = &mut self.segments[at];
        let entry = segment.remove(id)?;
        segment.unmarked.push(entry.offset);
        self.delete_or_mark(at, ledger);
        Some(entry)
    }

    /// Drops blocks older than `oldest_ms` that are not on lease.
    pub(crate) fn expire(&mut self, oldest_ms: u64, ledger: &mut Ledger) {
        for at in (0..self.segments.len()).rev() {
            let segment = &mut self.segments[at];
            let unmarked = &mut segment.unmarked;
            segment.waiting.retain(|entry| {
                let keep = entry.leased || entry.time_unix_ms >= oldest_ms;
                if !keep {
                    ledger.lose(entry.amount(), Cause::Age);
                    unmarked.push(entry.offset);
                }
                keep
            });
            self.delete_or_mark(at, ledger);
        }
    }

    /// Retries writes and deletions that failed.
    pub(crate) fn retry_failed(&mut self, ledger: &mut Ledger) {
        for at in (0..self.segments.len()).rev() {
            self.delete_or_mark(at, ledger);
        }
    }

    /// Counts all waiting blocks as lost, because the directory was deleted or replaced.
    pub(crate) fn abandon(self, ledger: &mut Ledger) {
        let waiting = self.segments.iter().flat_map(|segment| &segment.waiting);
        waiting.for_each(|entry| ledger.drop_entry(entry, Cause::Damaged));
    }

    /// Deletes or quarantines a segment without waiting blocks; in any other segment, marks the blocks that are done and cuts off a
    /// partial record.
    fn delete_or_mark(&mut self, at: usize, ledger: &mut Ledger) {
        let Some(segment) = self.segments.get(at) else { return };
        if segment.waiting.is_empty() {
            let (name, length) = (segment::name(segment.number), segment.length);
            let result = if segment.damaged {
                let why = "is damaged; no readable blocks are left in it";
                self.quarantine(&name, length, why, ledger)
            } else {
                self.directory.remove(&name).map_err(|errno| self.directory.io_error(&name, "delete", errno))
            };
            if result.is_ok() {
                self.remove_segment(at);
                return;
            }
        }
        if let Some(segment) = self.segments.get_mut(at) {
            segment.cut_off_partial_record(&self.directory);
            // a done block must not reappear, even if the file could not be deleted
            segment.write_marks(&self.directory);
        }
    }

    fn position(&self, number: u64) -> Option<usize> {
        self.segments.binary_search_by_key(&number, |segment| segment.number).ok()
    }

    fn remove_segment(&mut self, at: usize) -> Option<Segment> {
        if at + 1 == self.segments.len() {
            self.current = None;
        }
        self.segments.remove(at)
    }
}

/// Returns the bytes that a block occupies in a segment.
pub(crate) fn record_bytes(block: &NewBlock<'_>) -> u64 {
    RECORD_HEADER_BYTES + (block.key.len() + block.body.len()) as u64
}
