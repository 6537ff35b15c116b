//! Interfaces of the node and of its pods.
//!
//! `/proc/PID/net/dev` lists the interfaces of the network namespace of that process: process 1 stands for the node, and any
//! process of a pod for the pod.

mod process;

use std::os::fd::OwnedFd;

use rustix::io::Errno;

use crate::bytes::number;
use crate::error::{FileError, is_absent};
use crate::root::{HostRoot, ReadBuffer};

pub(crate) use process::Processes;

/// Which network namespace a process is in. Only equality means something.
///
/// On a live host it is the inode of the process's `net/dev`: procfs keeps one tree of entries a network namespace, and
/// the inode is the entry's number. Unlike `ns/net`, it can be asked without the right to trace the process, which an agent
/// that gave up its capabilities does not have.
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
        // a link, or its text in a file: `net:[4026531840]`
        let link = root.link(&path).ok().flatten();
        let text = match &link {
            Some(link) => link.as_bytes(),
            None => root.read(&path, buffer).ok().flatten()?,
        };
        number(text.trim_ascii_end().strip_prefix(b"net:[")?.strip_suffix(b"]")?)
    })
}

/// Opens the interface list of a process; None when it has ended.
pub(crate) fn open(root: &HostRoot, process: u32) -> Result<Option<OwnedFd>, FileError> {
    match root.file(&format!("/proc/{process}/net/dev")) {
        Ok(file) => Ok(Some(file)),
        Err(errno) if is_absent(errno) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Identities of the node's interfaces, by name: an interface that was removed and made anew counts from zero under its
/// old name.
#[derive(Debug, Default)]
pub(crate) struct InterfaceIdentities {
    known: Vec<(String, u64)>,
}

impl InterfaceIdentities {
    /// On a live host, the inode of the interface's entry in sysfs, which a single listing gives for all of them.
    pub(crate) fn update(&mut self, root: &HostRoot) -> Result<(), Errno> {
        self.known.clear();
        if root.is_recording() {
            return Ok(());
        }
        match root.dir("/sys/class/net") {
            Ok(dir) => dir.for_each(|entry| self.known.push((entry.name.to_owned(), entry.inode))),
            Err(errno) if is_absent(errno) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// 0 where nothing is known.
    pub(crate) fn of(&self, name: &str) -> u64 {
        self.known.iter().find(|(known, _)| known == name).map_or(0, |&(_, identity)| identity)
    }
}
