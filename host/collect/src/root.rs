//! The tree that a host is read from.
//!
//! `/` on the machine itself, `/rootfs` in a container that mounts the host's root there, or a folder that was recorded on
//! some node. No symbolic link leads out of the tree: `/rootfs/etc/mtab -> /proc/mounts` is the host's file, not the
//! container's.

mod dir;
mod recording;
mod resolve;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::time::ClockId;

pub use dir::{Dir, Entry, ReadBuffer};
use recording::Recording;
pub use recording::{FsStat, KubeletFiles, Moment};
use resolve::Resolver;

use crate::error::{FileError, ParseError, Parsed, is_absent};

/// Why a root cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// The folder is missing or not readable.
    #[error("host root {}: {source}; name a readable folder", path.display())]
    Open {
        /// What was asked for.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The folder holds a manifest that cannot be used.
    #[error("recording {}: {problem}", path.display())]
    Manifest {
        /// The manifest, or the folder of a moment.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no such moment.
    #[error("recording {}: moment {asked} was asked for, but there are only {moments} (from 0)", path.display())]
    NoMoment {
        /// The recording.
        path: PathBuf,
        /// Index that was asked for.
        asked: usize,
        /// How many there are.
        moments: usize,
    },
}

/// What time it is on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Milliseconds since the Unix epoch.
    pub unix_ms: u64,
    /// `CLOCK_MONOTONIC`, nanoseconds: what the time between two readings is measured with.
    pub monotonic_ns: u64,
}

/// A host: its files, and what files cannot say (clocks, inodes, file system sizes).
#[derive(Debug)]
pub struct HostRoot {
    path: PathBuf,
    dir: Arc<OwnedFd>,
    resolver: Resolver,
    recording: Option<Recording>,
}

impl HostRoot {
    /// Opens a root. A folder with a `manifest.json` is a recording and stands at its first moment.
    ///
    /// # Errors
    /// When the folder cannot be opened or its manifest cannot be used.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RootError> {
        let path = path.as_ref().to_owned();
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::openat(CWD, &path, flags, Mode::empty())
            .map_err(|errno| RootError::Open { path: path.clone(), source: errno.into() })?;
        let resolver = Resolver::detect(&dir);
        let mut root = Self { path, dir: Arc::new(dir), resolver, recording: None };
        // a machine's own root is never a recording, whatever lies in it
        let recording = if root.path == Path::new("/") { None } else { Recording::load(&root)? };
        if let Some(recording) = recording {
            root.recording = Some(recording);
            root.select_moment(0)?;
        }
        Ok(root)
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Is this a recorded tree rather than a live host?
    pub fn is_recording(&self) -> bool {
        self.recording.is_some()
    }

    /// The moments of a recording, oldest first; none for a live host.
    pub fn moments(&self) -> &[Moment] {
        self.recording.as_ref().map_or(&[], |recording| &recording.moments)
    }

    /// Name of the node that was recorded.
    pub fn recorded_node_name(&self) -> Option<&str> {
        self.recording.as_ref().and_then(|recording| recording.node_name.as_deref())
    }

    /// Goes to another moment of a recording; a live host has none.
    ///
    /// # Errors
    /// When there is no such moment or its folder cannot be opened; the root stays where it was.
    pub fn select_moment(&mut self, index: usize) -> Result<(), RootError> {
        let moments = self.moments().len();
        let missing = RootError::NoMoment { path: self.path.clone(), asked: index, moments };
        let Some(recording) = &mut self.recording else { return Err(missing) };
        let Some(moment) = recording.moments.get(index) else { return Err(missing) };
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let dir = self.resolver.open(&recording.top, &moment.root, flags).map_err(|errno| {
            let path = self.path.join(&moment.root);
            let problem =
                format!("folder of moment {index}: {}; record it again", std::io::Error::from(errno));
            RootError::Manifest { path, problem }
        })?;
        self.dir = Arc::new(dir);
        recording.selected = index;
        Ok(())
    }

    /// The moment at which a recording stands.
    pub fn moment(&self) -> Option<&Moment> {
        self.recording.as_ref().and_then(|recording| recording.moments.get(recording.selected))
    }

    /// The host's clocks: now, or when the selected moment was recorded.
    pub fn clock(&self) -> Clock {
        match self.moment() {
            Some(moment) => {
                Clock { unix_ms: moment.time_unix_ns / 1_000_000, monotonic_ns: moment.monotonic_ns }
            }
            None => {
                let wall = rustix::time::clock_gettime(ClockId::Realtime);
                let unix_ms = wall.tv_sec.unsigned_abs() * 1000 + wall.tv_nsec.unsigned_abs() / 1_000_000;
                Clock { unix_ms, monotonic_ns: monotonic_ns() }
            }
        }
    }

    /// The monotonic part of [`HostRoot::clock`].
    #[inline]
    pub fn now_ns(&self) -> u64 {
        match &self.recording {
            None => monotonic_ns(),
            Some(_) => self.clock().monotonic_ns,
        }
    }

    /// USER_HZ of the host: the unit of `cpuacct.stat`.
    pub fn ticks_per_second(&self) -> u64 {
        self.moment().map_or_else(rustix::param::clock_ticks_per_second, |moment| moment.ticks_per_second)
    }

    /// Opens a folder by its absolute path on the host.
    ///
    /// # Errors
    /// What the kernel says; see [`is_absent`].
    pub fn dir(&self, path: &str) -> Result<Dir, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK;
        self.resolver.open(&self.dir, path, flags).map(Dir::new)
    }

    /// Opens a file for reading, by its absolute path on the host.
    ///
    /// # Errors
    /// What the kernel says; see [`is_absent`].
    pub fn file(&self, path: &str) -> Result<OwnedFd, Errno> {
        // never hangs on a FIFO that somebody put there
        self.resolver.open(&self.dir, path, OFlags::RDONLY | OFlags::NONBLOCK)
    }

    /// What opens paths of this root from another thread.
    pub(crate) fn opener(&self) -> Opener {
        Opener { dir: Arc::clone(&self.dir), resolver: self.resolver }
    }

    /// The whole content of a file, by its absolute path on the host; none where there is no such file. Files of a
    /// recorded moment that are not the host's (the kubelet's answers) stand beside them, relative to the moment.
    ///
    /// # Errors
    /// When there is a file and it cannot be read.
    pub fn read<'b>(&self, path: &str, buffer: &'b mut ReadBuffer) -> Result<Option<&'b [u8]>, FileError> {
        match self.file(path) {
            Ok(file) => buffer.read_all(&file),
            Err(errno) if is_absent(errno) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Calls `visit(index, row)` for each line of a file of any length; see [`ReadBuffer::each_row`]. None where there is
    /// no such file.
    ///
    /// # Errors
    /// When there is a file and it cannot be read to its end; the rows before that were visited.
    pub(crate) fn each_row(
        &self,
        path: &str,
        buffer: &mut ReadBuffer,
        visit: impl FnMut(usize, &[u8]) -> Result<(), ParseError>,
    ) -> Result<Option<Parsed<()>>, FileError> {
        match self.file(path) {
            Ok(file) => buffer.each_row(&file, visit),
            Err(errno) if is_absent(errno) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Target of a symbolic link, not followed; none where there is none.
    ///
    /// # Errors
    /// When there is one and it cannot be read.
    pub fn link(&self, path: &str) -> Result<Option<String>, Errno> {
        let found = self
            .resolver
            .open(&self.dir, path, OFlags::PATH | OFlags::NOFOLLOW)
            .and_then(|link| rustix::fs::readlinkat(&link, c"", Vec::new()));
        match found {
            Ok(target) => Ok(target.into_string().ok()),
            // a file that is no link gives ENOENT or EINVAL here, by the age of the kernel
            Err(errno) if is_absent(errno) || errno == Errno::INVAL => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Inode number that a recording has for a path; None for a live host too, whose files are asked themselves.
    pub fn recorded_inode(&self, path: &str) -> Option<u64> {
        self.moment().and_then(|moment| moment.inodes.get(path).copied())
    }
}

/// Opens paths below a root, without its clocks and files of a recording.
#[derive(Clone, Debug)]
pub(crate) struct Opener {
    dir: Arc<OwnedFd>,
    resolver: Resolver,
}

impl Opener {
    /// Opens whatever stands at a path, without access to its content: enough to ask what it is.
    pub(crate) fn handle(&self, path: &str) -> Result<OwnedFd, Errno> {
        self.resolver.open(&self.dir, path, OFlags::PATH)
    }
}

fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(ClockId::Monotonic);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

#[cfg(test)]
mod tests;
