//! `/proc/meminfo`.

use crate::bytes::{fields, lines, number};
use crate::error::ParseError;

/// What is taken from it, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemInfo {
    /// `MemTotal`.
    pub total: Option<u64>,
    /// `MemAvailable` (Linux 3.14).
    pub available: Option<u64>,
    /// `SwapTotal` − `SwapFree`.
    pub swap_used: Option<u64>,
}

/// Parses lines `Key: NUMBER kB`; the kernel's kB are 1024 bytes.
///
/// # Errors
/// When one of the looked-for lines has another form.
pub fn parse(text: &[u8]) -> Result<MemInfo, ParseError> {
    let mut info = MemInfo::default();
    let (mut swap_total, mut swap_free) = (None, None);
    for (index, line) in lines(text) {
        let mut parts = fields(line);
        let place = match parts.next() {
            Some(b"MemTotal:") => &mut info.total,
            Some(b"MemAvailable:") => &mut info.available,
            Some(b"SwapTotal:") => &mut swap_total,
            Some(b"SwapFree:") => &mut swap_free,
            _ => continue,
        };
        let value = parts.next().and_then(number).and_then(|value| value.checked_mul(1024));
        let value = value.filter(|_| parts.next() == Some(b"kB"));
        *place = Some(value.ok_or(ParseError::new(index, "a number and `kB`"))?);
    }
    info.swap_used = swap_total.zip(swap_free).and_then(|(total, free): (u64, u64)| total.checked_sub(free));
    Ok(info)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_real_one() {
        let text = b"MemTotal:       24684096 kB\nMemFree:        24273196 kB\nMemAvailable:   24294268 kB\n\
            Buffers:            1440 kB\nSwapTotal:       2097148 kB\nSwapFree:        2000000 kB\nHugePages_Total:       0\n";
        let info = parse(text).unwrap();
        assert_eq!(info.total, Some(25_276_514_304));
        assert_eq!(info.available, Some(24_294_268 * 1024));
        assert_eq!(info.swap_used, Some(97_148 * 1024));
    }

    #[test]
    fn what_is_missing_is_absent() {
        assert_eq!(parse(b"MemFree: 1 kB\nSwapTotal: 4 kB\n").unwrap(), MemInfo::default());
    }

    #[test]
    fn says_which_line_is_broken() {
        assert_eq!(parse(b"MemFree: 1 kB\nMemTotal: lots kB\n").unwrap_err().line, 2);
        assert_eq!(parse(b"MemTotal: 5\n").unwrap_err().line, 1);
        assert_eq!(parse(b"MemTotal: 18446744073709551615 kB\n").unwrap_err().line, 1);
    }
}
