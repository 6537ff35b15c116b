//! The mount list: the file systems and cgroup hierarchies of the host.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};

use crate::cgroup::layout::Mounts;
use crate::error::{FileError, ParseError, Parsed};
use crate::filesystems::{Filesystem, Selection};
use crate::proc::mountinfo;
use crate::report::Problems;
use crate::root::{HostRoot, ReadBuffer};

/// The file systems and hierarchies in the mount list; re-read every tick.
pub(super) struct MountList {
    pub(super) filesystems: Vec<Filesystem>,
    pub(super) hierarchies: Mounts,
    /// Number of mounts left out because they belong to more file systems than are read.
    pub(super) left_out: usize,
}

/// Mounts of the host.
const FIRST: &str = "/proc/1/mountinfo";
/// Mounts of the agent, used if the host's list cannot be read.
const OWN: &str = "/proc/self/mountinfo";

/// Reads the mounts that process 1 sees. If that list cannot be read, falls back to the agent's own list: all of it if the
/// root is `/`, else the mounts below the root. A recording has no other list.
pub(super) fn read(root: &HostRoot, buffer: &mut ReadBuffer, problems: &mut Problems) -> MountList {
    let (list, found) = from(FIRST, b"", problems, |visit| root.each_row(FIRST, buffer, visit));
    if found || root.is_recording() {
        return list;
    }
    // the list shows resolved paths, so resolve a root that is a symbolic link
    let path = std::fs::canonicalize(root.path()).unwrap_or_else(|_| root.path().to_owned());
    let below = if path == Path::new("/") { &b""[..] } else { path.as_os_str().as_bytes() };
    let (own, found) = from(OWN, below, problems, |visit| {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(CWD, OWN, flags, Mode::empty())?;
        buffer.each_row(&file, visit)
    });
    if found { own } else { list }
}

/// Returns the list, and true if at least part of it was readable; rows read before a failure count.
fn from(
    path: &'static str,
    below: &[u8],
    problems: &mut Problems,
    read: impl FnOnce(
        &mut dyn FnMut(usize, &[u8]) -> Result<(), ParseError>,
    ) -> Result<Option<Parsed<()>>, FileError>,
) -> (MountList, bool) {
    let mut selection = Selection::default();
    let mut hierarchies = Mounts::default();
    let mut rows = 0u64;
    let result = read(&mut |index, line| {
        let Some(mut mount) = mountinfo::parse(index, line)? else { return Ok(()) };
        if !mount.strip(below) {
            return Ok(());
        }
        rows += 1;
        selection.add(&mount);
        hierarchies.add(&mount);
        Ok(())
    });
    let name = || path.to_owned();
    let whole = match result {
        Ok(Some(Parsed { skipped, .. })) => {
            if let Some(error) = skipped {
                problems.add("proc", name, format_args!("{error}; row skipped"));
            }
            true
        }
        Ok(None) => {
            problems.add("proc", name, "no such file");
            false
        }
        Err(error) => {
            problems.add("proc", name, error);
            false
        }
    };
    let left_out = selection.left_out();
    (MountList { filesystems: selection.finish(), hierarchies, left_out }, whole || rows > 0)
}
