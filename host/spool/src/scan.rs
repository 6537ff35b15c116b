//! Reading a segment: what it holds, and one record of it.

use std::io;

use crate::block::{Block, KeyId};
use crate::format::{
    FILE_HEADER_BYTES, MAX_SEGMENT_BYTES, NotASegment, RECORD_HEADER_BYTES, RecordHeader, check_file_header,
    payload_crc,
};

/// Bytes of a file at an offset, all of them or an error.
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

/// What stands behind the last whole record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Nothing.
    Clean,
    /// The begin of a record, with its header if that is whole.
    Short(Option<RecordHeader>),
    /// Something else.
    Unreadable,
}

/// Records of a segment by their headers and keys: bodies are not read, and keys are not verified.
#[derive(Debug)]
pub(crate) struct Scan {
    /// Blocks that wait, with their offsets and keys.
    pub(crate) waiting: Vec<(u32, RecordHeader, KeyId)>,
    /// Where the last whole record ends.
    pub(crate) end: u64,
    pub(crate) tail: Tail,
}

/// Goes through a segment that is `length` bytes long. Keys become what `key_id` makes of them.
///
/// # Errors
/// It is no segment, or its beginning cannot be read.
pub(crate) fn scan(
    source: &impl ReadAt,
    segment: u64,
    length: u64,
    key_id: &impl Fn(&[u8]) -> KeyId,
) -> io::Result<Result<Scan, NotASegment>> {
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
        // a disk that cannot be read here is as good as other bytes here
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
            // A key that cannot be read costs its own record, when that is to be delivered.
            if source.read_at(&mut key, found.end + RECORD_HEADER_BYTES).is_err() {
                key.clear();
            }
            found.waiting.push((offset, header, key_id(&key)));
        }
        found.end = end;
    }
    Ok(Ok(found))
}

/// The block at this place of a segment; None if what stands there is broken.
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

/// The blocks that wait in the bytes of a segment, as the spool would read them; for fuzzing.
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
