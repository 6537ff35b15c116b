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

/// All columns of a device behind its name, in the kernel's order: reads completed, reads merged, sectors read, milliseconds of
/// reads; the same four for writes; requests in flight, milliseconds with requests, milliseconds weighted by them; since Linux
/// 4.18 the four for discards; since 5.5 flushes completed and milliseconds of flushes. Milliseconds have 32 bits, and wrap.
pub type Columns = [Option<u64>; COLUMNS];

/// Number of [`Columns`].
pub const COLUMNS: usize = 17;

/// Calls `visit` with all columns of every device, including partitions. Returns the first malformed row: without a device
/// it is skipped, else the malformed values are absent.
pub fn each(text: &[u8], mut visit: impl FnMut(DeviceNumber, &Columns)) -> Option<ParseError> {
    let mut skipped = None;
    for (index, line) in lines(text) {
        let is_whole = columns(line).is_some_and(|(device, columns, is_whole)| {
            visit(device, &columns);
            is_whole
        });
        if !is_whole {
            let expected = "MAJOR MINOR NAME and at least 11 numbers below 2^63";
            skipped = skipped.or(Some(ParseError::new(index, expected)));
        }
    }
    skipped
}

/// Returns false with a row if one of its values is malformed, or one that all kernels have is missing.
fn columns(line: &[u8]) -> Option<(DeviceNumber, Columns, bool)> {
    let mut parts = fields(line);
    let mut next_u32 = || parts.next().and_then(number).and_then(|value| u32::try_from(value).ok());
    let device = DeviceNumber { major: next_u32()?, minor: next_u32()? };
    parts.next()?;
    let mut columns = Columns::default();
    let (mut count, mut is_whole) = (0, true);
    for (column, digits) in columns.iter_mut().zip(parts) {
        *column = kernel_number(digits);
        is_whole &= column.is_some();
        count += 1;
    }
    Some((device, columns, is_whole && count >= 11))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn devices(text: &str) -> (Vec<(u32, Columns)>, Option<u32>) {
        let mut devices = Vec::new();
        let skipped = each(text.as_bytes(), |device, columns| devices.push((device.major, *columns)));
        (devices, skipped.map(|error| error.line))
    }

    #[test]
    fn all_columns_of_a_real_row() {
        let text = " 254       0 vda 864066 43819 36657946 1859777 153780 581395 111140728 842428 4 117220 2714944 42447 30 10773640 12032 8500 706\n";
        let (found, skipped) = devices(text);
        let wanted = [
            864_066,
            43_819,
            36_657_946,
            1_859_777,
            153_780,
            581_395,
            111_140_728,
            842_428,
            4,
            117_220,
            2_714_944,
            42_447,
            30,
            10_773_640,
            12_032,
            8_500,
            706,
        ];
        assert_eq!((found, skipped), (vec![(254, wanted.map(Some))], None));
    }

    #[test]
    fn columns_of_older_and_newer_kernels() {
        let (found, skipped) = devices("8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n");
        assert_eq!((found[0].1[10], found[0].1[11], skipped), (Some(11), None, None));
        let (found, skipped) = devices("8 0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 new\n");
        assert_eq!((found[0].1[16], skipped), (Some(17), None));
    }

    #[test]
    fn a_malformed_value_loses_only_itself() {
        for (bad, left) in [
            ("8 0 sda 1 2 3 4 5 6 7 8 -1 10 11", Some((Some(8), None, Some(10)))),
            ("8 0 sda 1 2 3 4 5 6 7 8 18446744073709551615 10 11", Some((Some(8), None, Some(10)))),
            ("8 0 sda 1 2 3 4 5 6 7 8", Some((Some(8), None, None))),
            ("8 sda 1 2 3 4 5 6 7 8 9 10 11", None),
            ("", None),
        ] {
            let (found, skipped) =
                devices(&format!("7 0 l 1 2 3 4 5 6 7 8 9 10 11\n{bad}\n7 1 l 1 2 3 4 5 6 7 8 9 10 11\n"));
            assert_eq!(skipped, Some(2), "{bad}");
            let found = found.iter().find(|(major, _)| *major == 8);
            assert_eq!(found.map(|(_, columns)| (columns[7], columns[8], columns[9])), left, "{bad}");
        }
    }

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
