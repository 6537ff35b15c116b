//! The directory tree that a host is read from.
//!
//! The root is `/` on the machine itself, `/rootfs` in a container that mounts the host's root there, or a directory with a
//! recording of a node. No symbolic link leads out of the tree: `/rootfs/etc/mtab -> /proc/mounts` is the host's file, not
//! the container's.

mod dir;
mod recording;
mod resolve;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::time::ClockId;

pub use dir::ReadBuffer;
pub(crate) use dir::{Dir, Entry};
use recording::Recording;
pub use recording::{Frame, FsStat, KubeletFiles};
use resolve::Resolver;

use crate::error::{FileError, ParseError, Parsed, is_absent};

/// Reasons why a root cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// The directory is missing or not readable.
    #[error("cannot open host root {}: {source}; expected a readable directory", path.display())]
    Open {
        /// Requested path.
        path: PathBuf,
        /// Error of the kernel.
        source: std::io::Error,
    },
    /// The manifest of the recording is invalid, or the directory of a frame cannot be opened.
    #[error("recording {}: {problem}", path.display())]
    Manifest {
        /// The manifest, or the directory of a frame.
        path: PathBuf,
        /// Error text.
        problem: String,
    },
    /// There is no such frame.
    #[error(
        "recording {}: frame {requested} out of range: the recording has {frames} frames, counted from 0",
        path.display()
    )]
    NoSuchFrame {
        /// Path of the recording.
        path: PathBuf,
        /// Requested index.
        requested: usize,
        /// Number of frames in the recording.
        frames: usize,
    },
}

/// Time on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Milliseconds since the Unix epoch.
    pub unix_ms: u64,
    /// `CLOCK_MONOTONIC`, nanoseconds; the time between two readings is measured with it.
    pub monotonic_ns: u64,
}

/// A host: its files, and the facts that are not in files (clocks, inodes, file system sizes).
#[derive(Debug)]
pub struct HostRoot {
    path: PathBuf,
    dir: Arc<OwnedFd>,
    resolver: Resolver,
    recording: Option<Recording>,
}

impl HostRoot {
    /// Opens a root. A directory other than `/` with a `manifest.json` is a recording; its first frame is selected.
    ///
    /// # Errors
    /// If the directory cannot be opened or its manifest is invalid.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RootError> {
        let path = path.as_ref().to_owned();
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::openat(CWD, &path, flags, Mode::empty())
            .map_err(|errno| RootError::Open { path: path.clone(), source: errno.into() })?;
        let resolver = Resolver::detect(&dir);
        let mut root = Self { path, dir: Arc::new(dir), resolver, recording: None };
        // a machine's own root is never a recording, even if a manifest.json lies in it
        let recording = if root.path == Path::new("/") { None } else { Recording::load(&root)? };
        if let Some(recording) = recording {
            root.recording = Some(recording);
            root.select_frame(0)?;
        }
        Ok(root)
    }

    /// Returns the path that the root was opened at.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns true if this is a recorded tree rather than a live host.
    pub fn is_recording(&self) -> bool {
        self.recording.is_some()
    }

    /// Returns the frames of a recording, oldest first; empty for a live host.
    pub fn frames(&self) -> &[Frame] {
        self.recording.as_ref().map_or(&[], |recording| &recording.frames)
    }

    /// Returns true if the manifest has the deprecated key `moments` instead of `frames`.
    pub fn has_old_manifest(&self) -> bool {
        self.recording.as_ref().is_some_and(|recording| recording.has_old_key)
    }

    /// Returns the name of the recorded node, if this is a recording that has one.
    pub fn recorded_node_name(&self) -> Option<&str> {
        self.recording.as_ref().and_then(|recording| recording.node_name.as_deref())
    }

    /// Switches to another frame of a recording. A live host has none.
    ///
    /// # Errors
    /// If there is no such frame or its directory cannot be opened; the selection is then unchanged.
    pub fn select_frame(&mut self, index: usize) -> Result<(), RootError> {
        let frames = self.frames().len();
        let missing = RootError::NoSuchFrame { path: self.path.clone(), requested: index, frames };
        let Some(recording) = &mut self.recording else { return Err(missing) };
        let Some(frame) = recording.frames.get(index) else { return Err(missing) };
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let dir = self.resolver.open(&recording.top, &frame.root, flags).map_err(|errno| {
            let path = self.path.join(&frame.root);
            let error = std::io::Error::from(errno);
            let problem = format!("cannot open the directory of frame {index}: {error}; record again");
            RootError::Manifest { path, problem }
        })?;
        self.dir = Arc::new(dir);
        recording.selected = index;
        Ok(())
    }

    /// Returns the selected frame of a recording, `None` for a live host.
    pub fn frame(&self) -> Option<&Frame> {
        self.recording.as_ref().and_then(|recording| recording.frames.get(recording.selected))
    }

    /// Returns the host's clocks: now, or at the time of the selected frame.
    pub fn clock(&self) -> Clock {
        match self.frame() {
            Some(frame) => {
                Clock { unix_ms: frame.time_unix_ns / 1_000_000, monotonic_ns: frame.monotonic_ns }
            }
            None => {
                let wall = rustix::time::clock_gettime(ClockId::Realtime);
                let unix_ms = wall.tv_sec.unsigned_abs() * 1000 + wall.tv_nsec.unsigned_abs() / 1_000_000;
                Clock { unix_ms, monotonic_ns: monotonic_ns() }
            }
        }
    }

    /// Returns the monotonic part of [`HostRoot::clock`].
    #[inline]
    pub fn now_ns(&self) -> u64 {
        match &self.recording {
            None => monotonic_ns(),
            Some(_) => self.clock().monotonic_ns,
        }
    }

    /// Returns USER_HZ of the host, the unit of `cpuacct.stat`.
    pub(crate) fn ticks_per_second(&self) -> u64 {
        self.frame().map_or_else(rustix::param::clock_ticks_per_second, |frame| frame.ticks_per_second)
    }

    /// Returns true if the host has a directory at that path that can be opened.
    pub fn has_dir(&self, path: &str) -> bool {
        self.dir(path).is_ok()
    }

    /// Opens a directory by its absolute path on the host.
    ///
    /// # Errors
    /// The kernel's error.
    pub(crate) fn dir(&self, path: &str) -> Result<Dir, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK;
        self.resolver.open(&self.dir, path, flags).map(Dir::new)
    }

    /// Opens a file for reading, by its absolute path on the host.
    ///
    /// # Errors
    /// The kernel's error.
    pub(crate) fn file(&self, path: &str) -> Result<OwnedFd, Errno> {
        // NONBLOCK: opening a FIFO at this path must not hang
        self.resolver.open(&self.dir, path, OFlags::RDONLY | OFlags::NONBLOCK)
    }

    /// Returns a handle that opens paths of this root from another thread.
    pub(crate) fn opener(&self) -> Opener {
        Opener { dir: Arc::clone(&self.dir), resolver: self.resolver }
    }

    /// Reads a whole file by its absolute path on the host. Returns `None` if it does not exist. Files of a recorded frame that
    /// are not the host's (the kubelet's responses) lie beside them; their paths are relative to the frame.
    ///
    /// # Errors
    /// If the file exists and cannot be read.
    pub fn read<'b>(&self, path: &str, buffer: &'b mut ReadBuffer) -> Result<Option<&'b [u8]>, FileError> {
        match self.file(path) {
            Ok(file) => buffer.read_all(&file),
            Err(errno) if is_absent(errno) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Calls `visit(index, row)` for each line of a file of any length; see [`ReadBuffer::each_row`]. Returns `None` if the file
    /// does not exist.
    ///
    /// # Errors
    /// If the file exists and cannot be read to its end; the rows before that were visited.
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

    /// Reads the target of a symbolic link without following it. Returns `None` if there is no link or its target is not UTF-8.
    ///
    /// # Errors
    /// If the link exists and cannot be read.
    pub(crate) fn link(&self, path: &str) -> Result<Option<String>, Errno> {
        let found = self
            .resolver
            .open(&self.dir, path, OFlags::PATH | OFlags::NOFOLLOW)
            .and_then(|link| rustix::fs::readlinkat(&link, c"", Vec::new()));
        match found {
            Ok(target) => Ok(target.into_string().ok()),
            // readlink on a file that is not a link fails with ENOENT or EINVAL, depending on the kernel version
            Err(errno) if is_absent(errno) || errno == Errno::INVAL => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Returns the recorded inode number of a path. Returns `None` for a live host too: query its files directly.
    pub(crate) fn recorded_inode(&self, path: &str) -> Option<u64> {
        self.frame().and_then(|frame| frame.inodes.get(path).copied())
    }
}

/// Opens paths below a root; has neither its clocks nor its recording.
#[derive(Clone, Debug)]
pub(crate) struct Opener {
    dir: Arc<OwnedFd>,
    resolver: Resolver,
}

impl Opener {
    /// Opens the object at a path with `O_PATH`: sufficient for `stat` and `statfs`, without access to its content.
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
