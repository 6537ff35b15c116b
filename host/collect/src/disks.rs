//! Names of block devices.

use crate::cgroup::files::DeviceNumber;
use crate::report::Problems;
use crate::root::{HostRoot, ReadBuffer};

const FOLDER: &str = "/sys/block";

#[derive(Debug)]
struct Disk {
    name: String,
    /// Of its entry in the folder: another device under the same name and number has another one.
    inode: u64,
    number: Option<DeviceNumber>,
    seen: bool,
}

/// The block devices of the host, as they come and go.
#[derive(Debug, Default)]
pub(crate) struct Disks {
    known: Vec<Disk>,
}

impl Disks {
    /// Brings the list up to date; a device's number is read once.
    pub(crate) fn update(&mut self, root: &HostRoot, buffer: &mut ReadBuffer, problems: &mut Problems) {
        let dir = match root.dir(FOLDER) {
            Ok(dir) => dir,
            Err(errno) => {
                if !crate::error::is_absent(errno) {
                    problems.add("sys", || FOLDER.to_owned(), std::io::Error::from(errno));
                }
                self.known.clear();
                return;
            }
        };
        let Self { known } = self;
        for disk in known.iter_mut() {
            disk.seen = false;
        }
        let listed = dir.for_each(|entry| {
            let inode = if root.is_recording() { 0 } else { entry.inode };
            match known.iter_mut().find(|disk| disk.name == entry.name && disk.inode == inode) {
                Some(disk) => disk.seen = true,
                None => known.push(Disk { name: entry.name.to_owned(), inode, number: None, seen: true }),
            }
        });
        if let Err(errno) = listed {
            problems.add("sys", || FOLDER.to_owned(), std::io::Error::from(errno));
        }
        known.retain(|disk| disk.seen);
        for disk in known.iter_mut().filter(|disk| disk.number.is_none()) {
            let path = format!("{FOLDER}/{}/dev", disk.name);
            if let Ok(Some(text)) = root.read(&path, buffer) {
                disk.number = DeviceNumber::parse(text.trim_ascii_end());
            }
        }
    }

    /// Kernel name of a whole device, and its identity.
    pub(crate) fn find(&self, number: DeviceNumber) -> Option<(&str, u64)> {
        let disk = self.known.iter().find(|disk| disk.number == Some(number))?;
        Some((&disk.name, disk.inode))
    }
}
