//! One open folder, and reading the small files in it.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, ResolveFlags};
use rustix::io::Errno;

use crate::error::{FileError, ParseError, Parsed, is_absent};

/// First size of the buffer: all but a few files of the kernel are smaller.
const FIRST_BYTES: usize = 16 * 1024;
/// No file that is read here is larger; a recording or a broken driver may claim otherwise.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Longest row of a file that is read row by row: an overlay of 500 layers has one of 50 KB.
const MAX_ROW: usize = 256 * 1024;
/// Longest such file: 40,000 mounts take 11 MB. An endless one in a recorded tree ends here.
const MAX_TABLE: usize = 64 * 1024 * 1024;

/// A buffer that files are read into, one after the other, and a count of them.
#[derive(Debug, Default)]
pub struct ReadBuffer {
    bytes: Vec<u8>,
    files: u64,
}

impl ReadBuffer {
    /// How many files were read so far.
    pub fn files(&self) -> u64 {
        self.files
    }

    /// The whole content of an open file, up to the end that the kernel states by an empty read; none where the thing
    /// that it was about is gone.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read_all(&mut self, file: &OwnedFd) -> Result<Option<&[u8]>, FileError> {
        self.fill(file, true)
    }

    /// Calls `visit(index, row)` for each line of an open file of any length, holding no more than one line and what the
    /// kernel hands over in one read. Returns the first row that `visit` refused or that is longer than 256 KiB; none
    /// where the thing that the file was about is gone.
    ///
    /// # Errors
    /// When it cannot be read to its end, or is longer than 64 MiB; the rows before that were visited.
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
        // inside a row that is too long
        let mut passing = false;
        loop {
            if filled == self.bytes.len() {
                if filled < MAX_ROW {
                    self.bytes.resize(filled * 2, 0);
                } else {
                    parsed.skipped = parsed.skipped.or(Some(ParseError::new(row, "a shorter row")));
                    (filled, passing) = (0, true);
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
                if !std::mem::take(&mut passing)
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

/// An entry of a folder.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its inode number as the folder states it.
    pub inode: u64,
    /// Is it a folder itself (and no link to one)?
    pub is_dir: bool,
}

/// An open folder of the host.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
}

impl Dir {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self { fd }
    }

    /// A folder below this one, for reading files in it. No link is followed: cgroup trees have none.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn dir(&self, path: &str) -> Result<Self, Errno> {
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

    /// Without `openat2`.
    fn dir_by_steps(&self, path: &str) -> Result<Self, Errno> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        if parts.contains(&"..") {
            return Err(Errno::XDEV);
        }
        let (first, rest) = parts.split_first().ok_or(Errno::NOENT)?;
        rest.iter().try_fold(self.dir(first)?, |dir, part| dir.dir(part))
    }

    /// The whole content of a file of one record, as all cgroup files but the process lists are: the kernel hands such a
    /// file over in one read when it fits, so that no second read has to find its end. None where there is no such file.
    ///
    /// # Errors
    /// When there is a file and it cannot be read.
    #[inline]
    pub fn read<'b>(&self, name: &CStr, buffer: &'b mut ReadBuffer) -> Result<Option<&'b [u8]>, FileError> {
        self.read_file(name, buffer, false)
    }

    /// As [`Dir::read`], for files of many records (process lists, `/proc/PID/net/dev`).
    ///
    /// # Errors
    /// When there is a file and it cannot be read.
    pub fn read_records<'b>(
        &self,
        name: &CStr,
        buffer: &'b mut ReadBuffer,
    ) -> Result<Option<&'b [u8]>, FileError> {
        self.read_file(name, buffer, true)
    }

    fn read_file<'b>(
        &self,
        name: &CStr,
        buffer: &'b mut ReadBuffer,
        to_the_end: bool,
    ) -> Result<Option<&'b [u8]>, FileError> {
        match self.file(name) {
            Ok(file) => buffer.fill(&file, to_the_end),
            Err(errno) if is_absent(errno) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Opens a file of this folder. `name` is one component, and links are refused, so nothing leads out of the folder.
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn file(&self, name: &CStr) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        rustix::fs::openat(&self.fd, name, flags, Mode::empty())
    }

    /// Target of a symbolic link in this directory, not followed.
    ///
    /// # Errors
    /// The kernel's error; also when the target is not UTF-8.
    pub fn link(&self, name: &CStr) -> Result<String, Errno> {
        let target = rustix::fs::readlinkat(&self.fd, name, Vec::new())?;
        target.into_string().map_err(|_| Errno::ILSEQ)
    }

    /// Inode number of the folder itself.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn inode(&self) -> Result<u64, Errno> {
        rustix::fs::fstat(&self.fd).map(|stat| stat.st_ino)
    }

    /// Calls `visit` for each entry whose name is UTF-8, but `.` and `..`.
    ///
    /// # Errors
    /// When the folder cannot be listed; what was visited before stays visited.
    pub fn for_each(&self, mut visit: impl FnMut(Entry<'_>)) -> Result<(), Errno> {
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
                // some file systems do not say it in the listing
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
