//! A directory without a lock: its owner and mode are checked, and only regular files of trusted owners are read.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::error::{DirError, entry_path};
use crate::owned::{PRIVATE_DIR, PRIVATE_FILE, SAFE, ignore_missing, list};
use crate::trust::{check_directory, is_trusted, is_writable_by_others};

/// Nested directories that [`PrivateDir::remove_all`] descends into.
const MAX_DEPTH: u32 = 4;

/// A directory that belongs to this user or to root.
///
/// Opening it removes write permission of group and others; if that fails, a warning is logged. No file in it is reached through a
/// symbolic link, opening never blocks, and files of other users are rejected.
#[derive(Debug)]
pub struct PrivateDir {
    path: PathBuf,
    dir: OwnedFd,
}

impl PrivateDir {
    /// Opens the directory, and removes write permission of group and others if this user may change its mode.
    ///
    /// # Errors
    /// Fails if a system call fails, or the directory belongs to another user.
    pub fn open(path: &Path) -> Result<Self, DirError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let dir = rustix::fs::openat(CWD, path, flags, Mode::empty());
        Self::checked(path.into(), dir.map_err(|errno| DirError::io(path, "", "open directory", errno))?)
    }

    /// Creates the directory and its missing parents with mode 0700, then opens it like [`open`](Self::open).
    ///
    /// # Errors
    /// Fails like [`open`](Self::open), or if a directory cannot be created.
    pub fn make(path: &Path) -> Result<Self, DirError> {
        use std::os::unix::fs::DirBuilderExt;
        let made = std::fs::DirBuilder::new().recursive(true).mode(PRIVATE_DIR.bits()).create(path);
        match Self::open(path) {
            Err(DirError::Io { .. }) if made.is_err() => Err(DirError::Io {
                path: path.into(),
                action: "create directory",
                source: made.err().unwrap_or_else(|| Errno::IO.into()),
            }),
            opened => opened,
        }
    }

    fn checked(path: PathBuf, dir: OwnedFd) -> Result<Self, DirError> {
        check_directory(&path, &dir)?;
        Ok(Self { path, dir })
    }

    /// Opens a subdirectory.
    ///
    /// # Errors
    /// Fails like [`open`](Self::open).
    pub fn subdir(&self, name: &str) -> Result<Self, DirError> {
        let path = self.path.join(name);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | SAFE;
        let dir = rustix::fs::openat(&self.dir, name, flags, Mode::empty());
        let dir = dir.map_err(|errno| DirError::io(&path, "", "open directory", errno))?;
        Self::checked(path, dir)
    }

    /// Opens a subdirectory, and creates it with mode 0700 if it is missing.
    ///
    /// # Errors
    /// Fails like [`open`](Self::open), or if the subdirectory cannot be created.
    pub fn make_subdir(&self, name: &str) -> Result<Self, DirError> {
        match rustix::fs::mkdirat(&self.dir, name, PRIVATE_DIR) {
            Ok(()) | Err(Errno::EXIST) => self.subdir(name),
            Err(errno) => Err(self.io_error(name, "create directory", errno)),
        }
    }

    /// Returns the sorted names of all entries.
    ///
    /// # Errors
    /// Fails if the directory cannot be listed.
    pub fn names(&self) -> Result<Vec<String>, DirError> {
        list(&self.dir).map_err(|errno| self.io_error("", "list directory", errno))
    }

    /// Returns the modification time of an entry: a write to a file, or a name added or removed in a directory. `None` if it cannot be read.
    pub fn modified(&self, name: &str) -> Option<SystemTime> {
        std::fs::symlink_metadata(self.path.join(name)).ok()?.modified().ok()
    }

    /// Reads a file of at most `max_bytes`. Returns `None` if it does not exist.
    ///
    /// # Errors
    /// Fails if it is not a regular file, belongs to another user, is writable by others, is larger, or cannot be read.
    pub fn read(&self, name: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, DirError> {
        let unusable = |problem: String| DirError::Unusable { path: self.path.join(name), problem };
        let file = match rustix::fs::openat(&self.dir, name, OFlags::RDONLY | SAFE, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(unusable("is a symbolic link".into())),
            Err(errno) => return Err(self.io_error(name, "open", errno)),
        };
        let found = rustix::fs::fstat(&file).map_err(|errno| self.io_error(name, "examine", errno))?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
            return Err(unusable("is not a regular file".into()));
        }
        if !is_trusted(&found) || is_writable_by_others(&found) {
            return Err(unusable("belongs to another user or is writable by other users".into()));
        }
        let too_large = || unusable(format!("has more than {max_bytes} bytes"));
        if u64::try_from(found.st_size).is_ok_and(|bytes| bytes > max_bytes) {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        let read = File::from(file).take(max_bytes.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| self.io_error(name, "read", error))?;
        if bytes.len() as u64 > max_bytes { Err(too_large()) } else { Ok(Some(bytes)) }
    }

    /// Writes a file of mode 0600 with fsync, and replaces the file of that name atomically: no reader sees a partial file.
    ///
    /// # Errors
    /// Fails if a system call fails. The previous file is then still there, unless only the final fsync of the directory failed.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), DirError> {
        let temporary = format!("{name}.new");
        // A leftover under this name is removed, never written through: it may be a link.
        self.remove_all(&temporary)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | SAFE;
        let file = rustix::fs::openat(&self.dir, &temporary, flags, PRIVATE_FILE);
        let mut file = file.map(File::from).map_err(|errno| self.io_error(&temporary, "create", errno))?;
        let written = file.write_all(content).and_then(|()| file.sync_all());
        if let Err(error) = written {
            let _ = rustix::fs::unlinkat(&self.dir, &temporary, AtFlags::empty());
            return Err(self.io_error(&temporary, "write", error));
        }
        self.rename(&temporary, name)
    }

    /// Renames an entry and syncs the directory. Replaces a file, or an empty directory, of the new name.
    ///
    /// # Errors
    /// Fails if `renameat` or `fsync` fails.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), DirError> {
        rustix::fs::renameat(&self.dir, from, &self.dir, to)
            .and_then(|()| rustix::fs::fsync(&self.dir))
            .map_err(|errno| self.io_error(from, "rename", errno))
    }

    /// Removes a file, a link, or a directory with its contents. A missing entry is not an error.
    ///
    /// # Errors
    /// Fails if a system call fails, or directories are nested deeper than the agent ever creates.
    pub fn remove_all(&self, name: &str) -> Result<(), DirError> {
        remove_all(&self.dir, name, MAX_DEPTH).map_err(|errno| self.io_error(name, "remove", errno))
    }

    /// Returns the path of an entry, or of the directory itself for an empty name.
    pub fn path_of(&self, name: &str) -> PathBuf {
        entry_path(&self.path, name)
    }

    fn io_error(&self, name: &str, action: &'static str, source: impl Into<io::Error>) -> DirError {
        DirError::io(&self.path, name, action, source)
    }
}

fn remove_all(dir: &OwnedFd, name: &str, depth: u32) -> Result<(), Errno> {
    match rustix::fs::unlinkat(dir, name, AtFlags::empty()) {
        // `unlinkat` of a directory returns `EISDIR` on Linux, `EPERM` under POSIX.
        Err(Errno::ISDIR | Errno::PERM) => {}
        other => return ignore_missing(other),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | SAFE;
    let inner = match rustix::fs::openat(dir, name, flags, Mode::empty()) {
        Ok(inner) => inner,
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    let deeper = depth.checked_sub(1).ok_or(Errno::LOOP)?;
    list(&inner)?.iter().try_for_each(|name| remove_all(&inner, name, deeper))?;
    ignore_missing(rustix::fs::unlinkat(dir, name, AtFlags::REMOVEDIR))
}

#[cfg(test)]
mod tests;
