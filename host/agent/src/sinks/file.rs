//! Writes events to a file that is rotated by size.

mod rotate;

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use insights_batch::{Event, Limits};
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use super::line::Block;
use super::{Delivered, Sink, SinkError};
use crate::config::{FileSink, Sync};

/// A file sink that leaves only whole lines in the file: after a failed write, an incomplete line is cut off.
#[derive(Debug)]
pub struct File {
    settings: FileSink,
    /// `None` after an error: the next write reopens the file.
    open: Option<Open>,
    block: Block,
    unsynced: bool,
}

#[derive(Debug)]
struct Open {
    file: fs::File,
    /// Bytes in the file, all in whole lines.
    length: u64,
}

impl File {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// The file cannot be opened, is written by another process, or does not contain events.
    pub fn open(settings: &FileSink) -> Result<Self, SinkError> {
        let open = Open::new(&settings.path)?;
        Ok(Self { settings: settings.clone(), open: Some(open), block: Block::default(), unsynced: false })
    }

    fn failed(&self, action: &'static str, source: io::Error) -> SinkError {
        SinkError::File { action, path: self.settings.path.clone(), source }
    }

    fn flush_block(&mut self) -> Delivered {
        if self.block.events == 0 {
            return Delivered::default();
        }
        let mut delivered = match self.write_block() {
            Ok(delivered) => delivered,
            Err(error) => Delivered { lost: self.block.events, error: Some(error), ..Delivered::default() },
        };
        if delivered.error.is_some() {
            self.open = None;
        }
        self.unsynced |= delivered.bytes > 0;
        delivered.lost = self.block.events - delivered.events;
        self.block.clear();
        delivered
    }

    fn write_block(&mut self) -> Result<Delivered, SinkError> {
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(Open::new(&self.settings.path)?),
        };
        let (written, failure) = write_some(&mut open.file, &self.block.bytes);
        let whole = match failure {
            None => written,
            Some(_) => self.block.bytes[..written].iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1),
        };
        open.length += whole as u64;
        let mut delivered = Delivered { bytes: whole as u64, ..Delivered::default() };
        delivered.events = self.block.bytes[..whole].iter().filter(|&&byte| byte == b'\n').count() as u64;
        if let Some(error) = failure {
            if written > whole {
                open.file
                    .set_len(open.length)
                    .map_err(|error| self.failed("truncate a partial line of", error))?;
            }
            delivered.error = Some(self.failed("write", error));
        }
        Ok(delivered)
    }

    /// Rotates the file and opens the next one. Returns true on success.
    fn end_file(&mut self, delivered: &mut Delivered) -> bool {
        delivered.add(self.flush_block());
        if let Err(error) = self.sync() {
            delivered.error.get_or_insert(error);
        }
        self.open = None;
        let result = rotate::rotate(&self.settings.path, self.settings.max_files);
        let result = result.map_err(|source| self.failed("rotate", source));
        match result.and_then(|()| Open::new(&self.settings.path)) {
            Ok(open) => {
                self.open = Some(open);
                true
            }
            Err(error) => {
                delivered.error.get_or_insert(error);
                false
            }
        }
    }

    fn sync(&mut self) -> Result<(), SinkError> {
        if !self.unsynced || self.settings.sync == Sync::Never {
            return Ok(());
        }
        self.unsynced = false;
        match &self.open {
            Some(open) => open.file.sync_data().map_err(|error| self.failed("sync", error)),
            None => Ok(()),
        }
    }

    /// Returns true if the path still names the open file with the expected length. Another process may have moved or
    /// deleted it; later events would be lost.
    fn still_there(&self) -> bool {
        let Some(open) = &self.open else { return false };
        let same = |a: fs::Metadata, b: fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
        match (open.file.metadata(), fs::symlink_metadata(&self.settings.path)) {
            (Ok(ours), Ok(theirs)) => ours.len() == open.length && same(ours, theirs),
            _ => false,
        }
    }
}

impl Sink for File {
    fn limits(&self) -> Limits {
        let fits = u32::try_from(self.settings.max_bytes.saturating_sub(1)).unwrap_or(u32::MAX);
        Limits { max_event_bytes: Limits::default().max_event_bytes.min(fits) }
    }

    fn accept(&mut self, content_type: &str, events: &mut dyn Iterator<Item = Event<'_>>) -> Delivered {
        let mut delivered = Delivered::default();
        if self.block.events == 0 && !self.still_there() {
            // The first write opens the file again and reports the error.
            self.open = None;
            self.open = Open::new(&self.settings.path).ok();
        }
        for event in &mut *events {
            let before = self.block.bytes.len();
            self.block.push(content_type, event.bytes);
            let length = self.open.as_ref().map_or(0, |open| open.length);
            if length + self.block.bytes.len() as u64 > self.settings.max_bytes && length + before as u64 > 0
            {
                let line = self.block.bytes.split_off(before);
                self.block.events -= 1;
                if !self.end_file(&mut delivered) {
                    // The file must not grow beyond its limit.
                    delivered.lost += 1;
                    break;
                }
                self.block.bytes.extend_from_slice(&line);
                self.block.events = 1;
            }
            if self.block.is_full() {
                delivered.add(self.flush_block());
            }
        }
        delivered.lost += events.count() as u64;
        delivered
    }

    fn end_tick(&mut self) -> Delivered {
        let mut delivered = self.flush_block();
        if let Err(error) = self.sync() {
            delivered.error.get_or_insert(error);
        }
        delivered
    }
}

impl Open {
    fn new(path: &Path) -> Result<Self, SinkError> {
        let failed = |action| move |source| SinkError::File { action, path: path.into(), source };
        let unusable = |problem| SinkError::Unusable { path: path.into(), problem };
        // Opening a FIFO or a device must not block. A link that another user placed would have the agent write elsewhere.
        let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC).bits() as i32;
        let file = fs::OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o640)
            .custom_flags(flags)
            .open(path)
            .map_err(|error| match Errno::from_io_error(&error) {
                Some(Errno::LOOP) => unusable("is a symbolic link; configure the path of the file itself"),
                _ => failed("open")(error),
            })?;
        let metadata = file.metadata().map_err(failed("open"))?;
        if !metadata.is_file() {
            return Err(unusable("is not a regular file; configure another path"));
        }
        // Two writers would rotate each other's files.
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            unusable("is written by another process; configure a separate file for each agent")
        })?;
        let whole = whole_lines(&file, metadata.len()).map_err(failed("read"))?;
        let length =
            whole.ok_or_else(|| unusable("contains something other than events; configure another path"))?;
        if length < metadata.len() {
            file.set_len(length).map_err(failed("truncate a partial line of"))?;
        }
        Ok(Self { file, length })
    }
}

/// Returns the length of the whole lines in the file. A crash can leave an incomplete line at the end. Returns `None`
/// for a file without any line end that does not begin like an event: it is not ours, so nothing is cut off.
fn whole_lines(file: &fs::File, length: u64) -> io::Result<Option<u64>> {
    const STEP: u64 = 8192;
    let mut buffer = [0; STEP as usize];
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(STEP);
        let block = &mut buffer[..(end - start) as usize];
        file.read_exact_at(block, start)?;
        if let Some(at) = block.iter().rposition(|&byte| byte == b'\n') {
            return Ok(Some(start + at as u64 + 1));
        }
        end = start;
        if end == 0 && block.first() != Some(&b'{') {
            return Ok(None);
        }
    }
    Ok(Some(0))
}

/// Writes as much as possible. Returns the number of bytes written, and the error if that is not all of them.
fn write_some(file: &mut fs::File, bytes: &[u8]) -> (usize, Option<io::Error>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return (written, Some(io::ErrorKind::WriteZero.into())),
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Some(error)),
        }
    }
    (written, None)
}

#[cfg(test)]
mod tests;
