//! `/proc/meminfo`.

use crate::bytes::{fields, lines, number};
use crate::error::{ParseError, Parsed};

/// Values taken from `/proc/meminfo`, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemInfo {
    /// `MemTotal`.
    pub total: Option<u64>,
    /// `MemAvailable` (Linux 3.14).
    pub available: Option<u64>,
    /// `SwapTotal` − `SwapFree`.
    pub swap_used: Option<u64>,
}

/// Parses rows `Key: NUMBER kB`; the kernel's kB are 1024 bytes. A malformed row loses only its own key.
pub fn parse(text: &[u8]) -> Parsed<MemInfo> {
    let mut parsed = Parsed::<MemInfo>::default();
    let (mut swap_total, mut swap_free) = (None, None);
    for (index, line) in lines(text) {
        let mut parts = fields(line);
        let target = match parts.next() {
            Some(b"MemTotal:") => &mut parsed.value.total,
            Some(b"MemAvailable:") => &mut parsed.value.available,
            Some(b"SwapTotal:") => &mut swap_total,
            Some(b"SwapFree:") => &mut swap_free,
            _ => continue,
        };
        let value = parts.next().and_then(number).and_then(|value| value.checked_mul(1024));
        // a larger value is a negative number that was written as unsigned
        let value = value.filter(|&bytes| bytes <= i64::MAX as u64 && parts.next() == Some(b"kB"));
        if value.is_none() {
            parsed.skipped = parsed.skipped.or(Some(ParseError::new(index, "a number and `kB`")));
        }
        *target = value;
    }
    parsed.value.swap_used =
        swap_total.zip(swap_free).and_then(|(total, free): (u64, u64)| total.checked_sub(free));
    parsed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_file_is_parsed() {
        let text = b"MemTotal:       24684096 kB\nMemFree:        24273196 kB\nMemAvailable:   24294268 kB\n\
            Buffers:            1440 kB\nSwapTotal:       2097148 kB\nSwapFree:        2000000 kB\nHugePages_Total:       0\n";
        let info = parse(text).value;
        assert_eq!(info.total, Some(25_276_514_304));
        assert_eq!(info.available, Some(24_294_268 * 1024));
        assert_eq!(info.swap_used, Some(97_148 * 1024));
    }

    #[test]
    fn missing_values_are_absent() {
        assert_eq!(parse(b"MemFree: 1 kB\nSwapTotal: 4 kB\n"), Parsed::default());
    }

    #[test]
    fn a_malformed_row_is_reported_and_loses_its_key() {
        for bad in [
            "MemTotal: lots kB",
            "MemTotal: 5",
            "MemTotal: 18446744073709551615 kB",
            "MemTotal: -1 kB",
            "MemTotal:",
        ] {
            let parsed = parse(format!("MemFree: 1 kB\n{bad}\nMemAvailable: 2 kB\n").as_bytes());
            assert_eq!(parsed.skipped.unwrap().line, 2, "{bad}");
            assert_eq!(parsed.value, MemInfo { available: Some(2048), ..MemInfo::default() }, "{bad}");
        }
        let swap = parse(b"SwapTotal: 8 kB\nSwapFree: ? kB\nMemTotal: 4 kB\n");
        assert_eq!((swap.value.swap_used, swap.value.total), (None, Some(4096)));
    }
}
