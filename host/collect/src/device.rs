//! Block devices: their numbers, and I/O by device. Files of cgroups and of `/proc` have both.

use crate::bytes::number;

/// Device number of a block device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceNumber {
    /// Number of the driver.
    pub major: u32,
    /// Number of the device within the driver.
    pub minor: u32,
}

impl DeviceNumber {
    /// Parses `MAJ:MIN`. Returns `None` if it is malformed.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let colon = text.iter().position(|&byte| byte == b':')?;
        let part = |digits: &[u8]| number(digits).and_then(|value| u32::try_from(value).ok());
        Some(Self { major: part(&text[..colon])?, minor: part(&text[colon + 1..])? })
    }
}

impl std::fmt::Display for DeviceNumber {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{}:{}", self.major, self.minor)
    }
}

/// I/O of one cgroup on one device; bytes or requests, depending on the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IoOperations {
    /// Reads from the device.
    pub read: Option<u64>,
    /// Writes to the device.
    pub write: Option<u64>,
    /// Synchronous operations (v1).
    pub sync: Option<u64>,
    /// Asynchronous operations (v1).
    pub r#async: Option<u64>,
    /// All operations (v1), including discards.
    pub total: Option<u64>,
}

/// One device of `io.stat` or of a pair of `blkio` files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceIo {
    /// Device number.
    pub device: DeviceNumber,
    /// v1: index of the file group that names it, in order of preference.
    pub group: u8,
    /// Bytes transferred.
    pub bytes: IoOperations,
    /// Number of requests.
    pub requests: IoOperations,
}
