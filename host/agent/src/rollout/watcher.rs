//! File watcher: waits until watched files may have changed. Most changes are reported by inotify; a periodic scan finds the rest.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

use super::changes::WatchedPaths;

/// Fallback scan interval; inotify misses symlink targets and re-created directories.
const FALLBACK_INTERVAL: Duration = Duration::from_secs(2);
/// Scan interval without inotify: the kernel limits the number of instances per user.
const INTERVAL_WITHOUT_INOTIFY: Duration = Duration::from_millis(400);
/// Time until a changed file is scanned again: it may be half written.
const SETTLE: Duration = Duration::from_millis(200);
/// Pause after an inotify event or a request, in case the directory is busy.
const PAUSE: Duration = Duration::from_millis(50);

/// Events to watch for in a directory.
const CHANGES: WatchFlags = WatchFlags::CLOSE_WRITE
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::ONLYDIR);

/// A handle that wakes a `FileWatcher` at once, from any thread.
#[derive(Clone, Debug)]
pub struct WakeUp(Arc<OwnedFd>);

impl WakeUp {
    /// Creates a handle for one `FileWatcher`.
    ///
    /// # Errors
    /// The system cannot create an eventfd.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)))
    }

    /// Requests a scan now.
    pub fn request_scan(&self) {
        // Fails only once the counter is at 2^64 - 2, which wakes the `FileWatcher` as well.
        let _ = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }

    /// Returns true if a scan was requested since the last call, and resets the request.
    fn take_request(&self) -> bool {
        rustix::io::read(&*self.0, &mut [0; 8]).is_ok()
    }
}

/// A file watcher: the inotify instance, or `None` if the kernel gave none, and its wake-up handle.
#[derive(Debug)]
pub(super) struct FileWatcher(Option<OwnedFd>, WakeUp);

impl FileWatcher {
    pub(super) fn new(wake_up: WakeUp) -> Self {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK);
        let inotify = inotify
            .inspect_err(|error| tracing::info!(%error, "inotify unavailable; files are scanned more often"))
            .ok();
        Self(inotify, wake_up)
    }

    /// Waits until the next scan is due; `settling` is true after a scan that saw a change which may still be going on. Returns true if
    /// somebody requested the scan.
    pub(super) fn wait(&self, paths: &WatchedPaths, settling: bool) -> bool {
        let Some(inotify) = &self.0 else {
            let limit = Timespec::try_from(if settling { SETTLE } else { INTERVAL_WITHOUT_INOTIFY }).ok();
            let _ = poll(&mut [PollFd::new(&*self.1.0, PollFlags::IN)], limit.as_ref());
            return self.1.take_request();
        };
        for directory in paths.directories() {
            // Every time, because a re-created directory has a new inode; adding the same watch again changes nothing. A missing directory is
            // found by the periodic scan.
            let _ = inotify::add_watch(inotify, directory, CHANGES);
        }
        if settling {
            thread::sleep(SETTLE);
        } else {
            let limit = Timespec::try_from(FALLBACK_INTERVAL).ok();
            let mut sources = [PollFd::new(inotify, PollFlags::IN), PollFd::new(&*self.1.0, PollFlags::IN)];
            let woken = poll(&mut sources, limit.as_ref());
            // An error is a signal or a lack of memory; the files are scanned anyway.
            if woken != Ok(0) {
                thread::sleep(PAUSE);
            }
        }
        // The events are discarded: a scan covers all files.
        let mut events = [0; 4096];
        while rustix::io::read(inotify, &mut events).is_ok_and(|bytes| bytes > 0) {}
        self.1.take_request()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_requested_scan_happens_at_once() {
        let paths = WatchedPaths { config: None, directory: None, names: Vec::new() };
        let wake_up = WakeUp::new().unwrap();
        for watcher in [FileWatcher::new(wake_up.clone()), FileWatcher(None, wake_up.clone())] {
            wake_up.request_scan();
            wake_up.request_scan();
            assert!(watcher.wait(&paths, false));
            assert!(!watcher.wait(&paths, true), "once");
        }
    }

    #[test]
    fn a_change_rings_once() {
        let directory = tempfile::tempdir().unwrap();
        let paths =
            WatchedPaths { config: None, directory: Some(directory.path().into()), names: Vec::new() };
        let watcher = FileWatcher::new(WakeUp::new().unwrap());
        watcher.wait(&paths, true);
        fs::write(directory.path().join("a.wasm"), "x").unwrap();
        let inotify = watcher.0.as_ref().unwrap();
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        assert_eq!(poll(&mut [PollFd::new(inotify, PollFlags::IN)], Some(&none)), Ok(1));
        watcher.wait(&paths, false);
        assert_eq!(poll(&mut [PollFd::new(inotify, PollFlags::IN)], Some(&none)), Ok(0));
    }

    #[test]
    fn a_folder_that_came_back_is_heard_again() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("inner");
        let paths = WatchedPaths { config: None, directory: Some(inner.clone()), names: Vec::new() };
        let watcher = FileWatcher::new(WakeUp::new().unwrap());
        for _ in 0..2 {
            fs::create_dir(&inner).unwrap();
            watcher.wait(&paths, true);
            fs::write(inner.join("a.wasm"), "x").unwrap();
            let inotify = watcher.0.as_ref().unwrap();
            let limit = Timespec { tv_sec: 60, tv_nsec: 0 };
            assert_eq!(poll(&mut [PollFd::new(inotify, PollFlags::IN)], Some(&limit)), Ok(1));
            fs::remove_dir_all(&inner).unwrap();
            watcher.wait(&paths, true);
        }
    }
}
