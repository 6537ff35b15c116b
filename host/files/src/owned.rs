//! An owned directory and its lock. No file in it is reached through a symbolic link.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::error::{DirError, entry_path};
use crate::trust::{check_directory, is_trusted};

const LOCK: &str = "lock";
/// Open flags for every file. Without `O_NONBLOCK`, opening a FIFO placed there would block forever.
pub(crate) const SAFE: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);
pub(crate) const PRIVATE_FILE: Mode = Mode::RUSR.union(Mode::WUSR);
pub(crate) const PRIVATE_DIR: Mode = Mode::RWXU;

/// A directory that this process owns.
#[derive(Debug)]
pub struct OwnedDir {
    path: PathBuf,
    dir: OwnedFd,
    lock: OwnedFd,
}

impl OwnedDir {
    /// Opens and locks the directory, and creates it if only its last component is missing. Removes write permission of group and
    /// others if this user may change its mode.
    ///
    /// # Errors
    /// Fails if a system call fails, the directory belongs to another user, or another process holds the lock.
    pub fn open(path: &Path) -> Result<Self, DirError> {
        let failed = |action| move |errno: Errno| DirError::io(path, "", action, errno);
        match rustix::fs::mkdir(path, PRIVATE_DIR) {
            // Syncs the parent so that the new name survives a power failure. A failure is ignored: later syncs report it.
            Ok(()) => drop(path.parent().map(|parent| File::open(parent).and_then(|dir| dir.sync_all()))),
            // `mkdir` can fail although the directory exists, for example on a read-only file system.
            Err(errno) if rustix::fs::stat(path).is_err() => return Err(failed("create directory")(errno)),
            Err(_) => {}
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(failed("open directory"))?;
        // Whoever can write to the directory could place files in it that the agent would read and send.
        check_directory(path, &dir)?;
        let lock = lock(path, &dir)?;
        let mut owned = Self { path: path.into(), dir, lock };
        // The previous owner's file may have been replaced between the open and the lock.
        owned.check_ownership()?;
        Ok(owned)
    }

    /// Verifies that the path still names this directory, and locks again if the lock file was deleted or replaced.
    ///
    /// Data written to a replaced directory would not be found again, or another process may own the path.
    ///
    /// # Errors
    /// Fails if the directory was replaced, another process holds the lock, or the path cannot be examined.
    pub fn check_ownership(&mut self) -> Result<(), DirError> {
        let same = |a: Stat, b: Stat| (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino);
        let named = rustix::fs::stat(&self.path);
        match named.and_then(|named| Ok(same(named, rustix::fs::fstat(&self.dir)?))) {
            Ok(true) => {}
            Ok(false) | Err(Errno::NOENT | Errno::NOTDIR) => {
                return Err(DirError::Replaced { path: self.path.clone() });
            }
            Err(errno) => return Err(self.io_error("", "examine directory", errno)),
        }
        let named = rustix::fs::statat(&self.dir, LOCK, AtFlags::SYMLINK_NOFOLLOW);
        if !named.is_ok_and(|named| rustix::fs::fstat(&self.lock).is_ok_and(|ours| same(named, ours))) {
            self.lock = lock(&self.path, &self.dir)?;
        }
        Ok(())
    }

    /// Returns the path of a file in the directory, or of the directory itself for an empty name.
    pub fn path_of(&self, name: &str) -> PathBuf {
        entry_path(&self.path, name)
    }

    /// Builds a [`DirError::Io`] from a file in the directory, the action that failed, and its error.
    pub fn io_error(&self, name: &str, action: &'static str, source: impl Into<io::Error>) -> DirError {
        DirError::io(&self.path, name, action, source)
    }

    /// Returns the sorted names of all entries except the lock.
    ///
    /// # Errors
    /// Returns the error of `getdents64`.
    pub fn names(&self) -> Result<Vec<String>, Errno> {
        let mut names = list(&self.dir)?;
        names.retain(|name| name != LOCK);
        Ok(names)
    }

    /// Opens a regular file of this user or root for reading.
    ///
    /// # Errors
    /// Returns [`DirError::Unusable`] for a symbolic link, any other file type, or a file of another user, and [`DirError::Io`] if
    /// `openat` or `fstat` fails.
    pub fn open_to_read(&self, name: &str) -> Result<File, DirError> {
        self.open_regular(name, OFlags::RDONLY)
    }

    /// Opens a regular file for reading and writing; otherwise like [`open_to_read`](Self::open_to_read).
    ///
    /// # Errors
    /// Fails like [`open_to_read`](Self::open_to_read).
    pub fn open_to_write(&self, name: &str) -> Result<File, DirError> {
        self.open_regular(name, OFlags::RDWR)
    }

    fn open_regular(&self, name: &str, access: OFlags) -> Result<File, DirError> {
        let unusable =
            |problem: &str| DirError::Unusable { path: self.path_of(name), problem: problem.to_owned() };
        let file = match rustix::fs::openat(&self.dir, name, access | SAFE, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::LOOP) => return Err(unusable("is a symbolic link")),
            Err(errno) => return Err(self.io_error(name, "open", errno)),
        };
        let found = rustix::fs::fstat(&file).map_err(|errno| self.io_error(name, "examine", errno))?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
            return Err(unusable("is not a regular file"));
        }
        if !is_trusted(&found) {
            return Err(unusable("belongs to another user"));
        }
        Ok(file.into())
    }

    /// Creates a new file with mode 0600 and opens it for reading and writing.
    ///
    /// # Errors
    /// Returns the error of `openat`, such as `EEXIST` if the name is taken.
    pub fn create(&self, name: &str) -> Result<File, Errno> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | SAFE;
        rustix::fs::openat(&self.dir, name, flags, PRIVATE_FILE).map(File::from)
    }

    /// Deletes a file. A missing file is not an error.
    ///
    /// # Errors
    /// Returns the error of `unlinkat`.
    pub fn remove(&self, name: &str) -> Result<(), Errno> {
        ignore_missing(rustix::fs::unlinkat(&self.dir, name, AtFlags::empty()))
    }

    /// Syncs the directory, so that the names of new files are on disk.
    ///
    /// # Errors
    /// Returns the error of `fsync`.
    pub fn sync(&self) -> Result<(), Errno> {
        rustix::fs::fsync(&self.dir)
    }

    /// Opens a subdirectory.
    ///
    /// # Errors
    /// Returns the error of `openat`.
    pub fn subdir(&self, name: &str) -> Result<Subdir, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | SAFE;
        rustix::fs::openat(&self.dir, name, flags, Mode::empty()).map(Subdir)
    }

    /// Opens a subdirectory, and creates it with mode 0700 if it is missing.
    ///
    /// # Errors
    /// Returns the error of `mkdirat` or `openat`.
    pub fn make_subdir(&self, name: &str) -> Result<Subdir, Errno> {
        match rustix::fs::mkdirat(&self.dir, name, PRIVATE_DIR) {
            Ok(()) | Err(Errno::EXIST) => self.subdir(name),
            Err(errno) => Err(errno),
        }
    }

    /// Renames `replacement` to `name` and replaces the file of that name atomically: a reader sees the old file or the new one.
    ///
    /// # Errors
    /// Returns the error of `renameat`.
    pub fn replace(&self, name: &str, replacement: &str) -> Result<(), Errno> {
        rustix::fs::renameat(&self.dir, replacement, &self.dir, name)
    }

    /// Deletes an empty subdirectory. A missing one is not an error.
    ///
    /// # Errors
    /// Returns the error of `unlinkat`, such as `ENOTEMPTY`.
    pub fn remove_subdir(&self, name: &str) -> Result<(), Errno> {
        ignore_missing(rustix::fs::unlinkat(&self.dir, name, AtFlags::REMOVEDIR))
    }

    /// Moves a file into a subdirectory under a new name. A missing file is not an error.
    ///
    /// # Errors
    /// Returns the error of `renameat`.
    pub fn move_into(&self, name: &str, target: &Subdir, new_name: &str) -> Result<(), Errno> {
        ignore_missing(rustix::fs::renameat(&self.dir, name, &target.0, new_name))
    }
}

impl Drop for OwnedDir {
    /// Unlocks explicitly: a child process being started by another thread holds a copy of the lock's descriptor until `execve`.
    fn drop(&mut self) {
        let _ = rustix::fs::flock(&self.lock, FlockOperation::Unlock);
    }
}

fn lock(path: &Path, dir: &OwnedFd) -> Result<OwnedFd, DirError> {
    let failed = |action| move |errno: Errno| DirError::io(path, LOCK, action, errno);
    let lock = rustix::fs::openat(dir, LOCK, OFlags::RDWR | OFlags::CREATE | SAFE, PRIVATE_FILE)
        .map_err(failed("open lock"))?;
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(Errno::WOULDBLOCK) => Err(DirError::InUse { path: path.into() }),
        Err(errno) => Err(failed("lock")(errno)),
    }
}

/// A subdirectory of an [`OwnedDir`].
#[derive(Debug)]
pub struct Subdir(OwnedFd);

impl Subdir {
    /// Returns names and lengths in bytes of all entries except directories.
    ///
    /// # Errors
    /// Returns the error of `getdents64`.
    pub fn files(&self) -> Result<Vec<(String, u64)>, Errno> {
        let with_length = |name: String| {
            let found = rustix::fs::statat(&self.0, &name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
            let is_directory = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
            (!is_directory).then(|| (name, u64::try_from(found.st_size).unwrap_or(0)))
        };
        Ok(list(&self.0)?.into_iter().filter_map(with_length).collect())
    }

    /// Moves a file into another subdirectory under a new name. A missing file is not an error.
    ///
    /// # Errors
    /// Returns the error of `renameat`.
    pub fn move_into(&self, name: &str, target: &Self, new_name: &str) -> Result<(), Errno> {
        ignore_missing(rustix::fs::renameat(&self.0, name, &target.0, new_name))
    }

    /// Deletes a file. A missing file is not an error.
    ///
    /// # Errors
    /// Returns the error of `unlinkat`.
    pub fn remove(&self, name: &str) -> Result<(), Errno> {
        ignore_missing(rustix::fs::unlinkat(&self.0, name, AtFlags::empty()))
    }
}

pub(crate) fn list(dir: &OwnedFd) -> Result<Vec<String>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

pub(crate) fn ignore_missing(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests;
