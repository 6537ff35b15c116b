//! `/proc/diskstats`: I/O counters of the block layer for each device, over all of its users.

use crate::bytes::{fields, kernel_number, lines, number};
use crate::device::{DeviceIo, DeviceNumber};
use crate::error::ParseError;

/// Bytes of a sector in this file; the block layer counts in 512-byte sectors for every device.
const SECTOR: u64 = 512;

/// Adds the reads and writes of every device, including partitions, to `devices`. Returns the first malformed row; such a
/// row is skipped.
pub fn parse(text: &[u8], devices: &mut Vec<DeviceIo>) -> Option<ParseError> {
    let mut skipped = None;
    for (index, line) in lines(text) {
        match row(line) {
            Some(io) => devices.push(io),
            None => {
                skipped = skipped
                    .or(Some(ParseError::new(index, "MAJOR MINOR NAME and at least 7 numbers below 2^63")));
            }
        }
    }
    skipped
}

fn row(line: &[u8]) -> Option<DeviceIo> {
    let mut parts = fields(line);
    let mut next_u32 = || parts.next().and_then(number).and_then(|value| u32::try_from(value).ok());
    let (major, minor) = (next_u32()?, next_u32()?);
    parts.next()?;
    let mut columns = [0u64; 7];
    for column in &mut columns {
        *column = parts.next().and_then(kernel_number)?;
    }
    let [reads, _, sectors_read, _, writes, _, sectors_written] = columns;
    let mut io = DeviceIo { device: DeviceNumber { major, minor }, ..DeviceIo::default() };
    io.requests.read = Some(reads);
    io.requests.write = Some(writes);
    io.bytes.read = sectors_read.checked_mul(SECTOR);
    io.bytes.write = sectors_written.checked_mul(SECTOR);
    Some(io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_row_is_parsed() {
        let text = b" 254       0 vda 162926 33087 8634802 71262 103223 123518 22188032 52578 0 25776 127177 18818 10 6797400 2570 19137 765\n";
        let mut devices = Vec::new();
        assert_eq!(parse(text, &mut devices), None);
        assert_eq!(devices.len(), 1);
        assert_eq!(devices[0].device, DeviceNumber { major: 254, minor: 0 });
        assert_eq!((devices[0].requests.read, devices[0].requests.write), (Some(162_926), Some(103_223)));
        assert_eq!(
            (devices[0].bytes.read, devices[0].bytes.write),
            (Some(8_634_802 * 512), Some(22_188_032 * 512))
        );
        assert_eq!(devices[0].bytes.total, None);
    }

    #[test]
    fn a_malformed_row_is_reported_and_skipped() {
        for bad in [
            "254 0 vda 1 2 3",
            "x 0 vda 1 2 3 4 5 6 7",
            "4294967296 0 vda 1 2 3 4 5 6 7",
            "254 0 vda 1 2 -3 4 5 6 7",
            "254 0 vda 1 2 18446744073709551613 4 5 6 7",
            "",
        ] {
            let text = format!("7 0 loop0 0 0 0 0 0 0 0\n{bad}\n8 0 sda 1 0 2 0 3 0 4\n");
            let mut devices = Vec::new();
            assert_eq!(parse(text.as_bytes(), &mut devices).unwrap().line, 2, "{bad}");
            assert_eq!(devices.len(), 2, "{bad}");
            assert_eq!(devices[1].bytes.write, Some(4 * 512));
        }
    }
}
