//! Encoding of file and record headers. The crate documentation describes the format.

use crate::stats::Amount;

/// Maximum length of a key in bytes.
pub const MAX_KEY_BYTES: usize = 64 << 10;
/// Maximum length of a body in bytes.
pub const MAX_BODY_BYTES: usize = 8 << 20;
/// Maximum length of a segment: offsets fit into 32 bits, and the scan of a foreign file is bounded.
pub(crate) const MAX_SEGMENT_BYTES: u64 = 64 << 20;

pub(crate) const FILE_HEADER_BYTES: u64 = 24;
pub(crate) const RECORD_HEADER_BYTES: u64 = 32;
pub(crate) const DONE: [u8; 4] = [0xff; 4];

const MAGIC: [u8; 8] = *b"insspool";
const VERSION: u32 = 1;

/// Reason why a file is not a readable segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidSegment {
    #[error("is not a spool segment")]
    Foreign,
    #[error(
        "has format version {0}, this agent reads version {VERSION}; the agent that wrote it can deliver it"
    )]
    Version(u32),
    #[error("has a damaged header")]
    Damaged,
}

pub(crate) fn file_header(segment: u64) -> [u8; FILE_HEADER_BYTES as usize] {
    let mut bytes = [0; FILE_HEADER_BYTES as usize];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..20].copy_from_slice(&segment.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..20]);
    bytes[20..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

pub(crate) fn check_file_header(
    bytes: &[u8; FILE_HEADER_BYTES as usize],
    segment: u64,
) -> Result<(), InvalidSegment> {
    if *bytes == file_header(segment) {
        return Ok(());
    }
    if bytes[..8] != MAGIC {
        return Err(InvalidSegment::Foreign);
    }
    match u32_at(bytes, 8) {
        VERSION => Err(InvalidSegment::Damaged),
        other => Err(InvalidSegment::Version(other)),
    }
}

/// Header of a record, without its state field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub(crate) time_unix_ms: u64,
    pub(crate) events: u32,
    pub(crate) key_bytes: u32,
    pub(crate) body_bytes: u32,
    pub(crate) payload_crc: u32,
}

impl RecordHeader {
    /// Encodes the header with the state of a waiting block.
    pub(crate) fn encode(&self, segment: u64, offset: u64) -> [u8; RECORD_HEADER_BYTES as usize] {
        let mut bytes = [0; RECORD_HEADER_BYTES as usize];
        bytes[8..16].copy_from_slice(&self.time_unix_ms.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.events.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.key_bytes.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.body_bytes.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.payload_crc.to_le_bytes());
        let crc = header_crc(&bytes, segment, offset);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Parses a header and whether its block is done. Returns `None` if the header is invalid at this offset.
    pub(crate) fn parse(
        bytes: &[u8; RECORD_HEADER_BYTES as usize],
        segment: u64,
        offset: u64,
    ) -> Option<(Self, bool)> {
        if u32_at(bytes, 4) != header_crc(bytes, segment, offset) {
            return None;
        }
        let header = Self {
            time_unix_ms: u64::from(u32_at(bytes, 8)) | u64::from(u32_at(bytes, 12)) << 32,
            events: u32_at(bytes, 16),
            key_bytes: u32_at(bytes, 20),
            body_bytes: u32_at(bytes, 24),
            payload_crc: u32_at(bytes, 28),
        };
        let fits = header.key_bytes as usize <= MAX_KEY_BYTES && header.body_bytes as usize <= MAX_BODY_BYTES;
        // decided by majority: one damaged byte does not change the state
        fits.then_some((header, u32_at(bytes, 0).count_ones() >= 16))
    }

    pub(crate) fn payload_bytes(&self) -> u64 {
        u64::from(self.key_bytes) + u64::from(self.body_bytes)
    }

    pub(crate) fn amount(&self) -> Amount {
        Amount { blocks: 1, events: self.events.into(), bytes: self.payload_bytes() }
    }
}

pub(crate) fn payload_crc(key: &[u8], body: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(key);
    crc.update(body);
    crc.finalize()
}

/// Computes the CRC of a header. It covers segment and offset, so that bytes of another file or offset are not accepted as a record.
fn header_crc(bytes: &[u8; RECORD_HEADER_BYTES as usize], segment: u64, offset: u64) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&segment.to_le_bytes());
    crc.update(&offset.to_le_bytes());
    crc.update(&bytes[8..]);
    crc.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
