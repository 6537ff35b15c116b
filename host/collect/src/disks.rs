//! Names and serial numbers of block devices.

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
    serial: Option<String>,
    seen: bool,
}

/// A whole disk as the kernel knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockDevice<'d> {
    /// The kernel's name, without `/dev/`; a `!` in it stands for a `/`.
    pub name: &'d str,
    /// Serial number of an NVMe disk; absent for others, whose numbers stand elsewhere if they have any.
    pub serial: Option<&'d str>,
}

/// The block devices of the host, as they come and go.
#[derive(Debug, Default)]
pub(crate) struct Disks {
    known: Vec<Disk>,
}

impl Disks {
    /// Brings the list up to date; a device's numbers are read once.
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
                None => {
                    let name = entry.name.to_owned();
                    known.push(Disk { name, inode, number: None, serial: None, seen: true });
                }
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
            if disk.name.starts_with("nvme") {
                let path = format!("{FOLDER}/{}/device/serial", disk.name);
                let text = root.read(&path, buffer).ok().flatten();
                let text = text.and_then(|text| std::str::from_utf8(text.trim_ascii()).ok());
                disk.serial = text.filter(|text| !text.is_empty()).map(str::to_owned);
            }
        }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = BlockDevice<'_>> {
        self.known.iter().map(|disk| BlockDevice { name: &disk.name, serial: disk.serial.as_deref() })
    }

    /// Kernel name of a whole device, and its identity.
    pub(crate) fn find(&self, number: DeviceNumber) -> Option<(&str, u64)> {
        let disk = self.known.iter().find(|disk| disk.number == Some(number))?;
        Some((&disk.name, disk.inode))
    }
}
