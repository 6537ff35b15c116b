//! Waiting until files may have changed. The kernel says when (inotify); what it does not say is found by looking now and then.

use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

use super::watch::Places;

/// Without a word of the kernel: a folder may have come back, or a file changed behind a link.
const NOW_AND_THEN: Duration = Duration::from_secs(2);
/// Where the kernel has no inotify left: each user has a limited number.
const OFTEN: Duration = Duration::from_millis(400);
/// Until a file that changed is looked at again: it may be half written.
const SETTLE: Duration = Duration::from_millis(200);
/// Between two words of the kernel: the folder may be a busy one.
const PAUSE: Duration = Duration::from_millis(50);

/// What the kernel is asked to tell of a folder.
const CHANGES: WatchFlags = WatchFlags::CLOSE_WRITE
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::ONLYDIR);

/// Tells when to look.
#[derive(Debug)]
pub(super) struct Bell(Option<OwnedFd>);

impl Bell {
    pub(super) fn new() -> Self {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK);
        Self(
            inotify
                .inspect_err(|error| tracing::info!(%error, "no inotify: files are looked at more often"))
                .ok(),
        )
    }

    /// Waits until it is time to look; `settling` after a look that saw a change which may go on.
    pub(super) fn wait(&self, places: &Places, settling: bool) {
        let Some(inotify) = &self.0 else { return thread::sleep(if settling { SETTLE } else { OFTEN }) };
        for folder in places.folders() {
            // Each time, because a folder that came back is another one; to ask again for the same one changes nothing. One
            // that is not there is found by looking.
            let _ = inotify::add_watch(inotify, folder, CHANGES);
        }
        if settling {
            thread::sleep(SETTLE);
        } else {
            let limit = Timespec::try_from(NOW_AND_THEN).ok();
            let rings = poll(&mut [PollFd::new(inotify, PollFlags::IN)], limit.as_ref());
            // An error is a signal, or no memory: it is looked all the same.
            if rings != Ok(0) {
                thread::sleep(PAUSE);
            }
        }
        // What was said is of no interest: all is looked at.
        let mut said = [0; 4096];
        while rustix::io::read(inotify, &mut said).is_ok_and(|bytes| bytes > 0) {}
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_change_rings_once() {
        let folder = tempfile::tempdir().unwrap();
        let places = Places { config: None, folder: Some(folder.path().into()) };
        let bell = Bell::new();
        bell.wait(&places, true);
        fs::write(folder.path().join("a.wasm"), "x").unwrap();
        let inotify = bell.0.as_ref().unwrap();
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        assert_eq!(poll(&mut [PollFd::new(inotify, PollFlags::IN)], Some(&none)), Ok(1));
        bell.wait(&places, false);
        assert_eq!(poll(&mut [PollFd::new(inotify, PollFlags::IN)], Some(&none)), Ok(0));
    }

    #[test]
    fn a_folder_that_came_back_is_heard_again() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        let places = Places { config: None, folder: Some(inner.clone()) };
        let bell = Bell::new();
        for _ in 0..2 {
            fs::create_dir(&inner).unwrap();
            bell.wait(&places, true);
            fs::write(inner.join("a.wasm"), "x").unwrap();
            let inotify = bell.0.as_ref().unwrap();
            let limit = Timespec { tv_sec: 60, tv_nsec: 0 };
            assert_eq!(poll(&mut [PollFd::new(inotify, PollFlags::IN)], Some(&limit)), Ok(1));
            fs::remove_dir_all(&inner).unwrap();
            bell.wait(&places, true);
        }
    }
}
