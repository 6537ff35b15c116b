//! Encoding of the state file. The crate documentation describes the format.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use insights_batch::state::Space;

use crate::space::{SpaceId, StoredSpace};

const MAGIC: &[u8; 8] = b"insstate";
const VERSION: u32 = 1;

pub(crate) type Spaces = BTreeMap<SpaceId, StoredSpace>;

/// Reason why bytes are not a valid state file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidState {
    #[error("is damaged")]
    Damaged,
    #[error("has format version {0}, this agent reads version {VERSION}")]
    Version(u32),
}

/// Writes all non-empty spaces.
pub(crate) fn write(spaces: &Spaces, out: impl Write) -> io::Result<()> {
    let mut out = Summed { out, sum: crc32fast::Hasher::new() };
    let filled = || spaces.iter().filter(|(_, stored)| !stored.space.is_empty());
    out.write_all(MAGIC)?;
    out.number(VERSION)?;
    out.length(filled().count())?;
    for (id, stored) in filled() {
        out.text(id.transform.as_bytes())?;
        out.text(id.scope.as_bytes())?;
        out.write_all(&stored.since_ms.to_le_bytes())?;
        out.write_all(&stored.written_ms.to_le_bytes())?;
        out.length(stored.space.len())?;
        for (key, value) in stored.space.iter() {
            out.text(key.as_bytes())?;
            out.text(value)?;
        }
    }
    let sum = out.sum.clone().finalize();
    out.number(sum)?;
    out.flush()
}

/// A writer that computes the CRC-32 of the bytes written.
struct Summed<W> {
    out: W,
    sum: crc32fast::Hasher,
}

impl<W: Write> Summed<W> {
    fn number(&mut self, number: u32) -> io::Result<()> {
        self.write_all(&number.to_le_bytes())
    }

    fn length(&mut self, length: usize) -> io::Result<()> {
        self.number(u32::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?)
    }

    fn text(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.length(bytes.len())?;
        self.write_all(bytes)
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Parses the bytes that [`write`] wrote.
pub(crate) fn read(bytes: &[u8]) -> Result<Spaces, InvalidState> {
    let damaged = InvalidState::Damaged;
    let rest = bytes.strip_prefix(MAGIC).ok_or(damaged)?;
    let (version, _) = rest.split_first_chunk().ok_or(damaged)?;
    // Checked before the checksum, whose position another version may change.
    if u32::from_le_bytes(*version) != VERSION {
        return Err(InvalidState::Version(u32::from_le_bytes(*version)));
    }
    let (summed, sum) = bytes.split_last_chunk().ok_or(damaged)?;
    if crc32fast::hash(summed) != u32::from_le_bytes(*sum) {
        return Err(damaged);
    }
    let mut reader = Reader(summed.get(MAGIC.len() + size_of::<u32>()..).ok_or(damaged)?);
    let spaces = reader.spaces().ok_or(damaged)?;
    if reader.0.is_empty() { Ok(spaces) } else { Err(damaged) }
}

/// Parses a state file and encodes it again, as the next commit would; for fuzzing.
#[doc(hidden)]
pub fn rewrite(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut rewritten = Vec::new();
    write(&read(bytes).ok()?, &mut rewritten).ok()?;
    Some(rewritten)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn spaces(&mut self) -> Option<Spaces> {
        let mut spaces = Spaces::new();
        for _ in 0..self.number()? {
            let id = SpaceId { transform: self.string()?, scope: self.string()? };
            let (since_ms, written_ms) = (self.time()?, self.time()?);
            let mut space = Space::default();
            for _ in 0..self.number()? {
                space.insert(self.string()?, self.text()?.into());
            }
            let space = Arc::new(space);
            spaces.insert(id, StoredSpace { space, since_ms, written_ms, ..StoredSpace::default() });
        }
        Some(spaces)
    }

    fn take<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        self.take().copied().map(u32::from_le_bytes)
    }

    fn time(&mut self) -> Option<u64> {
        self.take().copied().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.number()? as usize;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
    }

    fn string(&mut self) -> Option<String> {
        Some(str::from_utf8(self.text()?).ok()?.to_owned())
    }
}

#[cfg(test)]
mod tests;
