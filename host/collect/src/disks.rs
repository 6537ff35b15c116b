//! Names and serial numbers of block devices.

use crate::device::DeviceNumber;
use crate::error::{FileError, ParseError, is_absent};
use crate::report::Problems;
use crate::root::{HostRoot, ReadBuffer};

const DIRECTORY: &str = "/sys/block";

#[derive(Debug)]
struct Disk {
    name: String,
    /// Inode of its entry in the directory; a new device under the same name and number has another inode.
    inode: u64,
    number: Option<DeviceNumber>,
    serial: Option<String>,
    seen: bool,
}

/// A whole disk known to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockDevice<'d> {
    /// Kernel name, without `/dev/`; a `!` in it stands for `/`.
    pub name: &'d str,
    /// Serial number of an NVMe disk. `None` for other disks: the kernel has no common file for it.
    pub serial: Option<&'d str>,
}

/// The current block devices of the host.
#[derive(Debug, Default)]
pub(crate) struct Disks {
    known: Vec<Disk>,
}

impl Disks {
    /// Updates the list; a device's number and serial number are read at each update until they are known.
    pub(crate) fn update(&mut self, root: &HostRoot, buffer: &mut ReadBuffer, problems: &mut Problems) {
        let Self { known } = self;
        for disk in known.iter_mut() {
            disk.seen = false;
        }
        let listed = root.dir(DIRECTORY).and_then(|dir| {
            dir.for_each(|entry| {
                let inode = if root.is_recording() { 0 } else { entry.inode };
                match known.iter_mut().find(|disk| disk.name == entry.name && disk.inode == inode) {
                    Some(disk) => disk.seen = true,
                    None => {
                        let name = entry.name.to_owned();
                        known.push(Disk { name, inode, number: None, serial: None, seen: true });
                    }
                }
            })
        });
        match listed {
            Err(errno) if !is_absent(errno) => {
                // keep the known disks: they may still exist, and their counters continue
                problems.add("sys", || DIRECTORY.to_owned(), std::io::Error::from(errno));
            }
            Ok(()) | Err(_) => known.retain(|disk| disk.seen),
        }
        for disk in known.iter_mut().filter(|disk| disk.number.is_none()) {
            let path = format!("{DIRECTORY}/{}/dev", disk.name);
            let number = match root.read(&path, buffer) {
                Ok(Some(text)) => {
                    let number = DeviceNumber::parse(text.trim_ascii_end());
                    number.ok_or(FileError::from(ParseError::new(0, "MAJOR:MINOR"))).map(Some)
                }
                // it was removed after it was listed
                Ok(None) => Ok(None),
                Err(error) => Err(error),
            };
            match number {
                Ok(number) => disk.number = number,
                Err(error) => problems.add("sys", || path, error),
            }
        }
        for disk in known.iter_mut().filter(|disk| disk.serial.is_none() && disk.name.starts_with("nvme")) {
            let path = format!("{DIRECTORY}/{}/device/serial", disk.name);
            match root.read(&path, buffer) {
                Ok(text) => {
                    let text = text.and_then(|text| std::str::from_utf8(text.trim_ascii()).ok());
                    disk.serial = text.filter(|text| !text.is_empty()).map(str::to_owned);
                }
                Err(error) => problems.add("sys", || path, error),
            }
        }
    }

    /// Returns all block devices.
    pub(crate) fn iter(&self) -> impl Iterator<Item = BlockDevice<'_>> {
        self.known.iter().map(|disk| BlockDevice { name: &disk.name, serial: disk.serial.as_deref() })
    }

    /// Returns the kernel name of a whole device and its identity.
    pub(crate) fn find(&self, number: DeviceNumber) -> Option<(&str, u64)> {
        let disk = self.known.iter().find(|disk| disk.number == Some(number))?;
        Some((&disk.name, disk.inode))
    }
}
