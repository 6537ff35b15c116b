//! One segment: its waiting blocks and its file.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use insightd_files::{DirError, OwnedDir};

use crate::block::{BlockId, Candidate, NewBlock};
use crate::entry::Entry;
use crate::format::{
    DONE, FILE_HEADER_BYTES, InvalidSegment, MAX_SEGMENT_BYTES, RECORD_HEADER_BYTES, RecordHeader,
    file_header, payload_crc,
};
use crate::ledger::Ledger;
use crate::scan::{Tail, scan};
use crate::settings::Sync;
use crate::stats::Cause;

/// A segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    /// Length of the file in bytes: complete records only, unless the segment is damaged.
    pub(crate) length: u64,
    /// Waiting blocks in the order of their appends.
    pub(crate) waiting: VecDeque<Entry>,
    /// `true` if the segment must be quarantined once no block in it waits.
    pub(crate) damaged: bool,
    /// Offsets of blocks that are done but not yet marked so in the file.
    pub(crate) unmarked: Vec<u32>,
    /// `true` if a failed append left bytes behind the last record that could not be cut off.
    pub(crate) has_partial_record: bool,
}

/// Result of loading a file with the name of a segment.
pub(crate) enum Loaded {
    Segment(Segment, File),
    /// A file to quarantine: its length, and the reason.
    InvalidSegment(u64, InvalidSegment),
    /// A partial file header, left by a process that died: no blocks.
    Nothing,
}

pub(crate) fn name(number: u64) -> String {
    format!("{number:016x}.blocks")
}

/// Parses the number of a segment from its file name.
pub(crate) fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".blocks").filter(|digits| digits.len() == 16)?;
    let number = u64::from_str_radix(digits, 16).ok().filter(|number| *number < 1 << 63)?;
    // rejects signs and capitals
    (self::name(number) == name).then_some(number)
}

impl Segment {
    /// Creates an empty segment.
    pub(crate) fn create(directory: &OwnedDir, number: u64, sync: Sync) -> Result<(Self, File), DirError> {
        let name = name(number);
        let file = directory.create(&name).map_err(|errno| directory.io_error(&name, "create", errno))?;
        let mut result = file.write_all_at(&file_header(number), 0);
        if sync == Sync::Always {
            result = result.and_then(|()| directory.sync().map_err(io::Error::from));
        }
        match result {
            Ok(()) => {
                let empty = Self {
                    number,
                    length: FILE_HEADER_BYTES,
                    waiting: VecDeque::new(),
                    damaged: false,
                    unmarked: Vec::new(),
                    has_partial_record: false,
                };
                Ok((empty, file))
            }
            Err(error) => {
                // a partial header that remains is deleted when it is loaded
                let _ = directory.remove(&name);
                Err(directory.io_error(&name, "write", error))
            }
        }
    }

    /// Loads the segment of this number. A partial record at the end of the newest segment, left by a dying process, is cut off.
    pub(crate) fn load(
        directory: &OwnedDir,
        number: u64,
        newest: bool,
        ledger: &mut Ledger,
    ) -> Result<Loaded, DirError> {
        let name = name(number);
        let failed = |action| {
            let (directory, name) = (directory, &name);
            move |error: io::Error| directory.io_error(name, action, error)
        };
        let file = directory.open_to_write(&name)?;
        let length = file.metadata().map_err(failed("open"))?.len();
        if length < FILE_HEADER_BYTES {
            let mut begin = vec![0; length as usize];
            file.read_exact_at(&mut begin, 0).map_err(failed("read"))?;
            let ours = file_header(number).starts_with(&begin);
            return Ok(if ours {
                Loaded::Nothing
            } else {
                Loaded::InvalidSegment(length, InvalidSegment::Foreign)
            });
        }
        let key_id = |key: &[u8]| ledger.key_id(key);
        let scanned = scan(&file, number, length.min(MAX_SEGMENT_BYTES), &key_id).map_err(failed("read"))?;
        let scanned = match scanned {
            Ok(scanned) => scanned,
            Err(why) => return Ok(Loaded::InvalidSegment(length, why)),
        };
        let mut segment = Self {
            number,
            length,
            waiting: VecDeque::with_capacity(scanned.waiting.len()),
            damaged: false,
            unmarked: Vec::new(),
            has_partial_record: false,
        };
        for (offset, header, key) in &scanned.waiting {
            segment.waiting.push_back(Entry::new(ledger.next_id(), *key, *offset, header));
        }
        let (rest, file_name) = (length - scanned.end, directory.path_of(&name));
        match scanned.tail {
            Tail::Clean if rest == 0 => {}
            Tail::Short(_) if newest && length <= MAX_SEGMENT_BYTES => {
                file.set_len(scanned.end).map_err(failed("truncate"))?;
                segment.length = scanned.end;
                ledger.damage.torn += 1;
                tracing::info!(
                    file = %file_name.display(), bytes = rest,
                    "spool: truncated a partial record"
                );
            }
            tail => {
                segment.damaged = true;
                ledger.damage.unreadable_bytes += rest;
                let known = if let Tail::Short(Some(header)) = tail { Some(header.amount()) } else { None };
                ledger.lose(known.unwrap_or_default(), Cause::Damaged);
                tracing::warn!(
                    file = %file_name.display(), bytes = rest, known_events = known.map(|known| known.events),
                    "spool: cannot read the rest of a segment; the file will be quarantined"
                );
            }
        }
        Ok(Loaded::Segment(segment, file))
    }

    /// Returns true if `file` is still linked and has the length of this segment.
    pub(crate) fn is_intact(&self, file: &File) -> bool {
        file.metadata().is_ok_and(|found| found.nlink() > 0 && found.len() == self.length)
    }

    /// Appends a block to the file. On failure the segment's length and blocks are unchanged; the caller truncates the file.
    pub(crate) fn append(
        &mut self,
        file: &File,
        candidate: Candidate,
        block: &NewBlock<'_>,
        sync: Sync,
    ) -> io::Result<()> {
        let offset = u32::try_from(self.length).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let header = RecordHeader {
            time_unix_ms: block.time_unix_ms,
            events: block.events,
            key_bytes: u32::try_from(block.key.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
            body_bytes: u32::try_from(block.body.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
            payload_crc: payload_crc(block.key, block.body),
        };
        let mut front = Vec::with_capacity(RECORD_HEADER_BYTES as usize + block.key.len());
        front.extend_from_slice(&header.encode(self.number, self.length));
        front.extend_from_slice(block.key);
        file.write_all_at(&front, self.length)?;
        file.write_all_at(block.body, self.length + front.len() as u64)?;
        if sync == Sync::Always {
            file.sync_data()?;
        }
        self.length += RECORD_HEADER_BYTES + header.payload_bytes();
        self.waiting.push_back(Entry::new(candidate.id, candidate.key, offset, &header));
        Ok(())
    }

    pub(crate) fn find(&mut self, id: BlockId) -> Option<&mut Entry> {
        self.waiting.iter_mut().find(|entry| entry.id == id)
    }

    pub(crate) fn remove(&mut self, id: BlockId) -> Option<Entry> {
        let at = self.waiting.iter().position(|entry| entry.id == id)?;
        self.waiting.remove(at)
    }

    /// Cuts off what a failed append left behind the last record. Without that, an agent that loads the segment later would count the
    /// block, which is in memory or in another segment, as damaged.
    pub(crate) fn cut_off_partial_record(&mut self, directory: &OwnedDir) {
        if self.has_partial_record
            && let Ok(file) = directory.open_to_write(&name(self.number))
        {
            self.has_partial_record = file.set_len(self.length).is_err();
        }
    }

    /// Marks blocks as done in the file. Marks that cannot be written are kept for the next attempt.
    pub(crate) fn write_marks(&mut self, directory: &OwnedDir) {
        if self.unmarked.is_empty() {
            return;
        }
        match directory.open_to_write(&name(self.number)) {
            Ok(file) => self.unmarked.retain(|offset| file.write_all_at(&DONE, (*offset).into()).is_err()),
            // without its file, no block can reappear
            Err(error) if error.is_missing() => self.unmarked.clear(),
            Err(_) => {}
        }
    }
}
