//! An open directory, and reads of the small files in it.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, ResolveFlags};
use rustix::io::Errno;

use crate::error::{FileError, ParseError, Parsed, is_absent};

/// Initial size of the buffer; nearly all kernel files are smaller.
const FIRST_BYTES: usize = 16 * 1024;
/// Upper bound on the size of a file read as a whole; a recording or a broken driver may have a larger one.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Longest row of a file that is read row by row: an overlay of 500 layers has a row of 50 KB.
const MAX_ROW: usize = 256 * 1024;
/// Largest file that is read row by row: 40,000 mounts take 11 MB. Ends the read of an endless file in a recorded tree.
const MAX_TABLE: usize = 64 * 1024 * 1024;

/// A buffer that files are read into, one after the other, and a count of them.
#[derive(Debug, Default)]
pub struct ReadBuffer {
    bytes: Vec<u8>,
    files: u64,
}

impl ReadBuffer {
    /// Returns the number of files read so far.
    pub fn files(&self) -> u64 {
        self.files
    }

    /// Reads an open file up to the end, which the kernel marks by an empty read. Returns `None` if the object behind the file
    /// is gone.
    ///
    /// # Errors
    /// If it cannot be read or is larger than 8 MiB.
    pub(crate) fn read_all(&mut self, file: &OwnedFd) -> Result<Option<&[u8]>, FileError> {
        self.fill(file, true)
    }

    /// Calls `visit(index, row)` for each line of an open file of any length. Holds one line and the data of one kernel read at
    /// most. Returns the first row that `visit` rejected or that does not fit the buffer (at least 256 KiB). Returns `None` if
    /// the object behind the file is gone.
    ///
    /// # Errors
    /// If it cannot be read to its end, or is longer than 64 MiB; the rows before that were visited.
    pub fn each_row(
        &mut self,
        file: &OwnedFd,
        mut visit: impl FnMut(usize, &[u8]) -> Result<(), ParseError>,
    ) -> Result<Option<Parsed<()>>, FileError> {
        self.files += 1;
        if self.bytes.is_empty() {
            self.bytes.resize(FIRST_BYTES, 0);
        }
        let mut parsed = Parsed::default();
        let (mut filled, mut row, mut total) = (0, 0, 0);
        // true inside a row that is too long
        let mut skipping = false;
        loop {
            if filled == self.bytes.len() {
                if filled < MAX_ROW {
                    self.bytes.resize(filled * 2, 0);
                } else {
                    parsed.skipped =
                        parsed.skipped.or(Some(ParseError::new(row, "a row of at most 256 KiB")));
                    (filled, skipping) = (0, true);
                }
            }
            let read = match rustix::io::read(file, &mut self.bytes[filled..]) {
                Ok(read) => read,
                Err(Errno::INTR) => continue,
                Err(errno) if is_absent(errno) => return Ok(None),
                Err(errno) => return Err(errno.into()),
            };
            filled += read;
            total += read;
            if total > MAX_TABLE {
                return Err(FileError::TooLarge(MAX_TABLE));
            }
            let whole = match self.bytes[..filled].iter().rposition(|&byte| byte == b'\n') {
                Some(end) => end + 1,
                None if read == 0 => filled,
                None => continue,
            };
            for line in self.bytes[..whole].split_inclusive(|&byte| byte == b'\n') {
                if !std::mem::take(&mut skipping)
                    && let Err(error) = visit(row, line.strip_suffix(b"\n").unwrap_or(line))
                {
                    parsed.skipped = parsed.skipped.or(Some(error));
                }
                row += 1;
            }
            self.bytes.copy_within(whole..filled, 0);
            filled -= whole;
            if read == 0 {
                return Ok(Some(parsed));
            }
        }
    }

    fn fill(&mut self, file: &OwnedFd, to_the_end: bool) -> Result<Option<&[u8]>, FileError> {
        self.files += 1;
        if self.bytes.is_empty() {
            self.bytes.resize(FIRST_BYTES, 0);
        }
        let mut filled = 0;
        loop {
            if filled == self.bytes.len() {
                if filled >= MAX_BYTES {
                    return Err(FileError::TooLarge(MAX_BYTES));
                }
                self.bytes.resize(filled * 2, 0);
            }
            match rustix::io::read(file, &mut self.bytes[filled..]) {
                Ok(0) => break,
                Ok(read) => {
                    filled += read;
                    if !to_the_end && filled < self.bytes.len() {
                        break;
                    }
                }
                Err(Errno::INTR) => {}
                Err(errno) if is_absent(errno) => return Ok(None),
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(Some(&self.bytes[..filled]))
    }
}

/// An entry of a directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    /// Name of the entry.
    pub(crate) name: &'a str,
    /// Inode number in the directory listing.
    pub(crate) inode: u64,
    /// `true` for a directory, but not for a link to one.
    pub(crate) is_dir: bool,
}

/// An open directory of the host.
#[derive(Debug)]
pub(crate) struct Dir {
    fd: OwnedFd,
}

impl Dir {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self { fd }
    }

    /// Opens a directory below this one. No symbolic link is followed: cgroup trees have none.
    ///
    /// # Errors
    /// The kernel's error.
    pub(crate) fn dir(&self, path: &str) -> Result<Self, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        if !path.contains('/') && path != ".." {
            return Ok(Self { fd: rustix::fs::openat(&self.fd, path, flags, Mode::empty())? });
        }
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        match rustix::fs::openat2(&self.fd, path, flags, Mode::empty(), resolve) {
            Ok(fd) => Ok(Self { fd }),
            Err(Errno::NOSYS | Errno::PERM) => self.dir_by_steps(path),
            Err(errno) => Err(errno),
        }
    }

    /// Implements [`Dir::dir`] without `openat2`.
    fn dir_by_steps(&self, path: &str) -> Result<Self, Errno> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        if parts.contains(&"..") {
            return Err(Errno::XDEV);
        }
        let (first, rest) = parts.split_first().ok_or(Errno::NOENT)?;
        rest.iter().try_fold(self.dir(first)?, |dir, part| dir.dir(part))
    }

    /// Reads a file of one record, such as all cgroup files except the process lists: the kernel returns such a file in one
    /// read if it fits, so no second read is needed to find its end. Returns `None` if the file does not exist.
    ///
    /// # Errors
    /// If the file exists and cannot be read.
    #[inline]
    pub(crate) fn read<'b>(
        &self,
        name: &CStr,
        buffer: &'b mut ReadBuffer,
    ) -> Result<Option<&'b [u8]>, FileError> {
        match self.file(name) {
            Ok(file) => buffer.fill(&file, false),
            Err(errno) if is_absent(errno) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Opens a file of this directory. `name` is one component, and links are rejected, so nothing leads out of the directory.
    ///
    /// # Errors
    /// The kernel's error.
    #[inline]
    pub(crate) fn file(&self, name: &CStr) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        rustix::fs::openat(&self.fd, name, flags, Mode::empty())
    }

    /// Reads the target of a symbolic link in this directory, without following it.
    ///
    /// # Errors
    /// The kernel's error; `ILSEQ` if the target is not UTF-8.
    pub(crate) fn link(&self, name: &CStr) -> Result<String, Errno> {
        let target = rustix::fs::readlinkat(&self.fd, name, Vec::new())?;
        target.into_string().map_err(|_| Errno::ILSEQ)
    }

    /// Calls `visit` for each entry whose name is UTF-8, except `.` and `..`.
    ///
    /// # Errors
    /// If the directory cannot be listed; entries before the error were visited.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(Entry<'_>)) -> Result<(), Errno> {
        let mut space = [MaybeUninit::uninit(); 8 * 1024];
        let mut listing = RawDir::new(&self.fd, &mut space);
        while let Some(entry) = listing.next() {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name == "." || name == ".." {
                continue;
            }
            let is_dir = match entry.file_type() {
                FileType::Directory => true,
                // some file systems do not report the type in the listing
                FileType::Unknown => rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)
                    .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_dir()),
                _ => false,
            };
            visit(Entry { name, inode: entry.ino(), is_dir });
        }
        Ok(())
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
