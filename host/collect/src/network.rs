//! Interfaces of the node and of its pods.
//!
//! `/proc/PID/net/dev` lists the interfaces of the network namespace of that process. Process 1 represents the node; any
//! process of a pod that is in the pod's own namespace represents the pod.

mod process;
mod relations;

use std::os::fd::OwnedFd;

use crate::bytes::number;
use crate::error::{FileError, is_absent};
use crate::root::{HostRoot, ReadBuffer};

pub(crate) use process::{PodProcess, Processes};
pub(crate) use relations::{Interfaces, MAX_INTERFACES};

/// Returns a number that identifies the network namespace of a process. It is only meaningful for equality.
///
/// On a live host it is the inode of the process's `net/dev`: procfs keeps one tree of entries per network namespace, and
/// the inode is the entry's number. Unlike `ns/net`, it is readable without the right to trace the process, which an agent
/// without capabilities does not have.
pub(crate) fn namespace(
    root: &HostRoot,
    process: u32,
    net_dev: &OwnedFd,
    buffer: &mut ReadBuffer,
) -> Option<u64> {
    if !root.is_recording() {
        return rustix::fs::fstat(net_dev).ok().map(|stat| stat.st_ino);
    }
    let path = format!("/proc/{process}/ns/net");
    root.recorded_inode(&path).or_else(|| {
        // a symbolic link, or a file with its text: `net:[4026531840]`
        let link = root.link(&path).ok().flatten();
        let text = match &link {
            Some(link) => link.as_bytes(),
            None => root.read(&path, buffer).ok().flatten()?,
        };
        number(text.trim_ascii_end().strip_prefix(b"net:[")?.strip_suffix(b"]")?)
    })
}

/// Opens the interface list of a process. Returns `None` if the process has ended.
pub(crate) fn open(root: &HostRoot, process: u32) -> Result<Option<OwnedFd>, FileError> {
    match root.file(&format!("/proc/{process}/net/dev")) {
        Ok(file) => Ok(Some(file)),
        Err(errno) if is_absent(errno) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}
