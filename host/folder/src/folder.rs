//! The folder and its lock. Nothing in it is reached through a symbolic link.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::trouble::Trouble;

const LOCK: &str = "lock";
/// Not blocking: opening a pipe that somebody put there would wait for ever.
pub(crate) const SAFE: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);
pub(crate) const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);
pub(crate) const PRIVATE_FOLDER: Mode = Mode::RWXU;

/// A folder that this process owns.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    dir: OwnedFd,
    lock: OwnedFd,
}

impl Folder {
    /// Makes the folder if it is missing but its parent is there, opens and locks it.
    ///
    /// # Errors
    /// The kernel refused, or another process owns it.
    pub fn open(path: &Path) -> Result<Self, Trouble> {
        let failed =
            |action| move |errno: Errno| Trouble::Io { path: path.into(), action, source: errno.into() };
        match rustix::fs::mkdir(path, PRIVATE_FOLDER) {
            // its name must outlive a power failure as much as what is in it; where that fails, so do later syncs
            Ok(()) => drop(path.parent().map(|parent| File::open(parent).and_then(|dir| dir.sync_all()))),
            // the folder may be there already all the same
            Err(errno) if rustix::fs::stat(path).is_err() => return Err(failed("make the folder")(errno)),
            Err(_) => {}
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(failed("open the folder"))?;
        let lock = lock(path, &dir)?;
        let mut folder = Self { path: path.into(), dir, lock };
        // between opening and locking, the former owner's file may have been replaced
        folder.check_still_ours()?;
        Ok(folder)
    }

    /// Somebody may have deleted or replaced the folder or the lock: what is written on would not be found again, or
    /// another process may own it.
    ///
    /// # Errors
    /// It is another's, or it cannot be looked at.
    pub fn check_still_ours(&mut self) -> Result<(), Trouble> {
        let same = |a: Stat, b: Stat| (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino);
        let named = rustix::fs::stat(&self.path);
        match named.and_then(|named| Ok(same(named, rustix::fs::fstat(&self.dir)?))) {
            Ok(true) => {}
            Ok(false) | Err(Errno::NOENT | Errno::NOTDIR) => {
                return Err(Trouble::Replaced { path: self.path.clone() });
            }
            Err(errno) => return Err(self.trouble("", "look at the folder", errno)),
        }
        let named = rustix::fs::statat(&self.dir, LOCK, AtFlags::SYMLINK_NOFOLLOW);
        if !named.is_ok_and(|named| rustix::fs::fstat(&self.lock).is_ok_and(|ours| same(named, ours))) {
            self.lock = lock(&self.path, &self.dir)?;
        }
        Ok(())
    }

    /// Path of a file in it; of itself for the empty name.
    pub fn path_of(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.path.clone() } else { self.path.join(name) }
    }

    /// What was tried with a file in it, and what the kernel said.
    pub fn trouble(&self, name: &str, action: &'static str, source: impl Into<io::Error>) -> Trouble {
        Trouble::Io { path: self.path_of(name), action, source: source.into() }
    }

    /// Names of everything in it but its lock.
    ///
    /// # Errors
    /// The kernel's.
    pub fn names(&self) -> Result<Vec<String>, Errno> {
        let mut names = list(&self.dir)?;
        names.retain(|name| name != LOCK);
        Ok(names)
    }

    /// Opens a regular file for reading; ELOOP for anything else.
    ///
    /// # Errors
    /// The kernel's.
    pub fn open_to_read(&self, name: &str) -> Result<File, Errno> {
        self.open_regular(name, OFlags::RDONLY)
    }

    /// Likewise for reading and writing.
    ///
    /// # Errors
    /// The kernel's.
    pub fn open_to_write(&self, name: &str) -> Result<File, Errno> {
        self.open_regular(name, OFlags::RDWR)
    }

    fn open_regular(&self, name: &str, access: OFlags) -> Result<File, Errno> {
        let file = rustix::fs::openat(&self.dir, name, access | SAFE, Mode::empty())?;
        match FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) {
            FileType::RegularFile => Ok(file.into()),
            _ => Err(Errno::LOOP),
        }
    }

    /// Makes a file that is not there yet, for its owner alone.
    ///
    /// # Errors
    /// The kernel's.
    pub fn create(&self, name: &str) -> Result<File, Errno> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | SAFE;
        rustix::fs::openat(&self.dir, name, flags, PRIVATE).map(File::from)
    }

    /// Deletes a file; that it is gone already is no error.
    ///
    /// # Errors
    /// The kernel's.
    pub fn remove(&self, name: &str) -> Result<(), Errno> {
        gone(rustix::fs::unlinkat(&self.dir, name, AtFlags::empty()))
    }

    /// Forces the names of new files to the disk.
    ///
    /// # Errors
    /// The kernel's.
    pub fn sync(&self) -> Result<(), Errno> {
        rustix::fs::fsync(&self.dir)
    }

    /// Opens a folder in it.
    ///
    /// # Errors
    /// The kernel's.
    pub fn subfolder(&self, name: &str) -> Result<Subfolder, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | SAFE;
        rustix::fs::openat(&self.dir, name, flags, Mode::empty()).map(Subfolder)
    }

    /// Opens a folder in it, and makes it if it is missing.
    ///
    /// # Errors
    /// The kernel's.
    pub fn make_subfolder(&self, name: &str) -> Result<Subfolder, Errno> {
        match rustix::fs::mkdirat(&self.dir, name, PRIVATE_FOLDER) {
            Ok(()) | Err(Errno::EXIST) => self.subfolder(name),
            Err(errno) => Err(errno),
        }
    }

    /// Gives a file another name; what had that name before is gone. Nobody ever sees neither or half of both.
    ///
    /// # Errors
    /// The kernel's.
    pub fn replace(&self, name: &str, by: &str) -> Result<(), Errno> {
        rustix::fs::renameat(&self.dir, by, &self.dir, name)
    }

    /// Moves a file into a folder in it; that it is gone already is no error.
    ///
    /// # Errors
    /// The kernel's.
    pub fn move_into(&self, name: &str, target: &Subfolder, new_name: &str) -> Result<(), Errno> {
        gone(rustix::fs::renameat(&self.dir, name, &target.0, new_name))
    }
}

impl Drop for Folder {
    /// A child that another thread is starting has a copy of the lock until it executes its program.
    fn drop(&mut self) {
        let _ = rustix::fs::flock(&self.lock, FlockOperation::Unlock);
    }
}

fn lock(path: &Path, dir: &OwnedFd) -> Result<OwnedFd, Trouble> {
    let failed =
        |action| move |errno: Errno| Trouble::Io { path: path.join(LOCK), action, source: errno.into() };
    let lock = rustix::fs::openat(dir, LOCK, OFlags::RDWR | OFlags::CREATE | SAFE, PRIVATE)
        .map_err(failed("open the lock"))?;
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(Errno::WOULDBLOCK) => Err(Trouble::InUse { path: path.into() }),
        Err(errno) => Err(failed("lock")(errno)),
    }
}

/// A folder in the folder.
#[derive(Debug)]
pub struct Subfolder(OwnedFd);

impl Subfolder {
    /// Names and lengths of what is in it, folders left out.
    ///
    /// # Errors
    /// The kernel's.
    pub fn files(&self) -> Result<Vec<(String, u64)>, Errno> {
        let with_length = |name: String| {
            let found = rustix::fs::statat(&self.0, &name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
            let is_folder = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
            (!is_folder).then(|| (name, u64::try_from(found.st_size).unwrap_or(0)))
        };
        Ok(list(&self.0)?.into_iter().filter_map(with_length).collect())
    }

    /// Deletes a file; that it is gone already is no error.
    ///
    /// # Errors
    /// The kernel's.
    pub fn remove(&self, name: &str) -> Result<(), Errno> {
        gone(rustix::fs::unlinkat(&self.0, name, AtFlags::empty()))
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

pub(crate) fn gone(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}
