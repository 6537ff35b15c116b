//! Reading of a segment: the scan of its records, and single records.

use std::io;

use crate::block::{Block, KeyId};
use crate::format::{
    FILE_HEADER_BYTES, InvalidSegment, MAX_SEGMENT_BYTES, RECORD_HEADER_BYTES, RecordHeader,
    check_file_header, payload_crc,
};

/// Reads exactly `buffer.len()` bytes at an offset, or fails.
pub(crate) trait ReadAt {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for std::fs::File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, buffer, offset)
    }
}

impl ReadAt for &[u8] {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let bytes = self.get(start..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Content after the last complete record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// No bytes.
    Clean,
    /// The beginning of a record, with its header if that is complete and the block is not done.
    Short(Option<RecordHeader>),
    /// Bytes that are not a record.
    Unreadable,
}

/// Records of a segment, from their headers and keys: bodies are not read, and keys are not verified.
#[derive(Debug)]
pub(crate) struct Scan {
    /// Offset, header and key id of each waiting block.
    pub(crate) waiting: Vec<(u32, RecordHeader, KeyId)>,
    /// Offset after the last complete record.
    pub(crate) end: u64,
    pub(crate) tail: Tail,
}

/// Scans the records of a segment of `length` bytes. `key_id` maps keys to their ids.
///
/// # Errors
/// Fails if the beginning of the file cannot be read. A file that is not a segment gives an inner error.
pub(crate) fn scan(
    source: &impl ReadAt,
    segment: u64,
    length: u64,
    key_id: &impl Fn(&[u8]) -> KeyId,
) -> io::Result<Result<Scan, InvalidSegment>> {
    let mut header = [0; FILE_HEADER_BYTES as usize];
    source.read_at(&mut header, 0)?;
    if let Err(why) = check_file_header(&header, segment) {
        return Ok(Err(why));
    }
    let mut key = Vec::new();
    let mut found = Scan { waiting: Vec::new(), end: FILE_HEADER_BYTES, tail: Tail::Clean };
    while found.end < length {
        if length - found.end < RECORD_HEADER_BYTES {
            found.tail = Tail::Short(None);
            break;
        }
        // a read error is treated like invalid bytes
        let Some((header, done)) = record_header(source, segment, found.end).unwrap_or(None) else {
            found.tail = Tail::Unreadable;
            break;
        };
        let end = found.end + RECORD_HEADER_BYTES + header.payload_bytes();
        if end > length {
            found.tail = Tail::Short((!done).then_some(header));
            break;
        }
        if let (false, Ok(offset)) = (done, u32::try_from(found.end)) {
            key.resize(header.key_bytes as usize, 0);
            // An unreadable key affects only its own record, at delivery.
            if source.read_at(&mut key, found.end + RECORD_HEADER_BYTES).is_err() {
                key.clear();
            }
            found.waiting.push((offset, header, key_id(&key)));
        }
        found.end = end;
    }
    Ok(Ok(found))
}

/// Reads the block at an offset of a segment. Returns `None` if its header or checksum is invalid.
pub(crate) fn read_record(source: &impl ReadAt, segment: u64, offset: u32) -> io::Result<Option<Block>> {
    let Some((header, _)) = record_header(source, segment, offset.into())? else { return Ok(None) };
    let start = u64::from(offset) + RECORD_HEADER_BYTES;
    let mut key = vec![0; header.key_bytes as usize];
    source.read_at(&mut key, start)?;
    let mut body = vec![0; header.body_bytes as usize];
    source.read_at(&mut body, start + u64::from(header.key_bytes))?;
    if payload_crc(&key, &body) != header.payload_crc {
        return Ok(None);
    }
    Ok(Some(Block { events: header.events, time_unix_ms: header.time_unix_ms, key, body }))
}

fn record_header(
    source: &impl ReadAt,
    segment: u64,
    offset: u64,
) -> io::Result<Option<(RecordHeader, bool)>> {
    let mut bytes = [0; RECORD_HEADER_BYTES as usize];
    source.read_at(&mut bytes, offset)?;
    Ok(RecordHeader::parse(&bytes, segment, offset))
}

/// Returns the waiting blocks in the bytes of a segment, as the spool would read them; for fuzzing.
#[doc(hidden)]
pub fn read_segment(segment: u64, bytes: &[u8]) -> Vec<Block> {
    let length = (bytes.len() as u64).min(MAX_SEGMENT_BYTES);
    let Ok(Ok(found)) = scan(&bytes, segment, length, &|_| KeyId(0)) else { return Vec::new() };
    found
        .waiting
        .iter()
        .filter_map(|(offset, ..)| read_record(&bytes, segment, *offset).ok().flatten())
        .collect()
}
