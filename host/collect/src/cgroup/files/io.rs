//! Block I/O of one cgroup by device: v2 `io.stat`, v1 `blkio.*`.

use crate::bytes::{fields, kernel_number, lines};
use crate::device::{DeviceIo, DeviceNumber};
use crate::error::{ParseError, Parsed};

/// The two files of a group of `blkio` files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlkioFile {
    /// `…io_service_bytes…`; determines the devices of the group.
    Bytes,
    /// `…io_serviced…`.
    Requests,
}

/// Returns the index of a device. Searches from the end: there are few devices, and the rows of one are adjacent.
fn position(devices: &[DeviceIo], device: DeviceNumber) -> Option<usize> {
    devices.iter().rposition(|known| known.device == device)
}

fn add(devices: &mut Vec<DeviceIo>, device: DeviceNumber, group: u8) -> usize {
    devices.push(DeviceIo { device, group, ..DeviceIo::default() });
    devices.len() - 1
}

/// Parses a v1 `blkio` file: rows `MAJ:MIN OPERATION NUMBER`, and a final `Total NUMBER`, which is ignored. Devices named by
/// another file group are not changed. The value is `true` if `devices` has values of this group.
pub fn blkio(text: &[u8], group: u8, file: BlkioFile, devices: &mut Vec<DeviceIo>) -> Parsed<bool> {
    let mut parsed = Parsed { value: false, skipped: None };
    for (index, line) in lines(text) {
        if blkio_row(line, group, file, devices, &mut parsed.value).is_none() && parsed.skipped.is_none() {
            parsed.skipped = Some(ParseError::new(index, "MAJ:MIN, an operation and a number"));
        }
    }
    parsed
}

fn blkio_row(
    line: &[u8],
    group: u8,
    file: BlkioFile,
    devices: &mut Vec<DeviceIo>,
    found: &mut bool,
) -> Option<()> {
    let mut parts = fields(line);
    let first = parts.next()?;
    if first == b"Total" {
        return Some(());
    }
    let device = DeviceNumber::parse(first)?;
    let operation =
        parts.next().filter(|operation| operation.first().is_some_and(u8::is_ascii_alphabetic))?;
    let index = match (position(devices, device), file) {
        (Some(index), _) => index,
        (None, BlkioFile::Bytes) => add(devices, device, group),
        (None, BlkioFile::Requests) => return Some(()),
    };
    let io = devices.get_mut(index).filter(|io| io.group == group);
    let Some(io) = io else { return Some(()) };
    *found = true;
    let operations = match file {
        BlkioFile::Bytes => &mut io.bytes,
        BlkioFile::Requests => &mut io.requests,
    };
    let target = match operation {
        b"Read" => &mut operations.read,
        b"Write" => &mut operations.write,
        b"Sync" => &mut operations.sync,
        b"Async" => &mut operations.r#async,
        b"Total" => &mut operations.total,
        _ => return Some(()),
    };
    *target = parts.next().and_then(kernel_number).filter(|_| parts.next().is_none());
    target.map(|_| ())
}

/// Parses v2 `io.stat`: rows `MAJ:MIN key=number …`. A device without I/O may have a row with nothing after its number. A row
/// with another start (`(unknown)`, several device numbers) is skipped: it does not tell which device the values belong to.
pub fn io_stat(text: &[u8], devices: &mut Vec<DeviceIo>) -> Parsed<()> {
    let mut parsed = Parsed::default();
    for (index, line) in lines(text) {
        if io_stat_row(line, devices).is_none() && parsed.skipped.is_none() {
            parsed.skipped = Some(ParseError::new(index, "MAJ:MIN and key=number pairs"));
        }
    }
    parsed
}

fn io_stat_row(line: &[u8], devices: &mut Vec<DeviceIo>) -> Option<()> {
    let mut parts = fields(line);
    let device = parts.next().and_then(DeviceNumber::parse)?;
    let (mut row, mut known, mut malformed) = (DeviceIo::default(), false, false);
    for pair in parts {
        let equals = pair.iter().position(|&byte| byte == b'=')?;
        let target = match &pair[..equals] {
            b"rbytes" => &mut row.bytes.read,
            b"wbytes" => &mut row.bytes.write,
            b"rios" => &mut row.requests.read,
            b"wios" => &mut row.requests.write,
            // cost models write words and fractions here
            _ => continue,
        };
        known = true;
        *target = kernel_number(&pair[equals + 1..]);
        malformed |= target.is_none();
    }
    if known {
        let index = position(devices, device).unwrap_or_else(|| add(devices, device, 0));
        if let Some(io) = devices.get_mut(index) {
            (io.bytes, io.requests) = (row.bytes, row.requests);
        }
    }
    (!malformed).then_some(())
}
