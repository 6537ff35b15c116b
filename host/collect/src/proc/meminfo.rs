//! `/proc/meminfo`.

use std::borrow::Cow;

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

/// Maximum number of rows that [`each`] visits; kernels have about 60.
const MAX_ROWS: usize = 256;
/// Maximum bytes of a key.
const MAX_KEY: usize = 64;

/// One row of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'t> {
    /// Key as node_exporter writes it: `Active(anon)` is `Active_anon`. Has only ASCII letters, digits and `_`.
    pub key: Cow<'t, str>,
    /// Value: bytes, or a number if the row has no unit (`HugePages_Total`).
    pub value: u64,
    /// True for bytes.
    pub is_bytes: bool,
}

/// Calls `visit` for each row. Returns the first malformed row; such a row is skipped. After 256 rows, the next one counts as
/// malformed, and the rest is left out.
pub fn each(text: &[u8], mut visit: impl FnMut(Row<'_>)) -> Option<ParseError> {
    let mut skipped = None;
    for (index, line) in lines(text) {
        if index >= MAX_ROWS {
            return skipped.or(Some(ParseError::new(index, "at most 256 rows")));
        }
        match row(line) {
            Some(row) => visit(row),
            None => skipped = skipped.or(Some(ParseError::new(index, "`Key: NUMBER` or `Key: NUMBER kB`"))),
        }
    }
    skipped
}

fn row(line: &[u8]) -> Option<Row<'_>> {
    let mut parts = fields(line);
    let key = key(parts.next()?.strip_suffix(b":")?)?;
    let value = parts.next().and_then(number)?;
    let (value, is_bytes) = match (parts.next(), parts.next()) {
        (None, None) => (value, false),
        (Some(b"kB"), None) => (value.checked_mul(1024)?, true),
        _ => return None,
    };
    (value <= i64::MAX as u64).then_some(Row { key, value, is_bytes })
}

/// Returns the key with `_` in place of parentheses.
fn key(text: &[u8]) -> Option<Cow<'_, str>> {
    let is_plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let text = str::from_utf8(text).ok().filter(|text| text.len() <= MAX_KEY)?;
    match text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        Some((name, part)) if is_plain(name) && is_plain(part) => Some(format!("{name}_{part}").into()),
        None if is_plain(text) => Some(text.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> (Vec<(String, u64, bool)>, Option<u32>) {
        let mut rows = Vec::new();
        let skipped = each(text.as_bytes(), |row| rows.push((row.key.into_owned(), row.value, row.is_bytes)));
        (rows, skipped.map(|error| error.line))
    }

    #[test]
    fn all_rows_of_a_real_file_are_visited() {
        let text = "MemTotal:        3055132 kB\nActive(anon):        820 kB\nCommitted_AS:    2468104 kB\n\
            VmallocTotal:   13743895347199 kB\nHugePages_Total:       3\nDirectMap4k:       53108 kB\n";
        let (rows, skipped) = rows(text);
        let wanted = [
            ("MemTotal", 3_055_132 * 1024, true),
            ("Active_anon", 820 * 1024, true),
            ("Committed_AS", 2_468_104 * 1024, true),
            ("VmallocTotal", 13_743_895_347_199 * 1024, true),
            ("HugePages_Total", 3, false),
            ("DirectMap4k", 53_108 * 1024, true),
        ];
        assert_eq!(rows, wanted.map(|(key, value, is_bytes)| (key.to_owned(), value, is_bytes)));
        assert_eq!(skipped, None);
    }

    #[test]
    fn a_malformed_row_is_skipped() {
        let long = format!("{}: 1 kB", "x".repeat(65));
        for bad in [
            "Key 1 kB",
            "Key: -1 kB",
            "Key: kB",
            "Key:",
            ": 1 kB",
            "Key: 1 MB",
            "Key: 1 kB more",
            "K\u{e9}y: 1",
            "A.b: 1",
            "A(: 1",
            "A(b: 1",
            "(b): 1",
            "A(): 1",
            "A(b)c: 1",
            "A((b)): 1",
            "",
            "Key: 18446744073709551615",
            "Key: 18014398509481984 kB",
            &long,
        ] {
            let (rows, skipped) = rows(&format!("One: 1 kB\n{bad}\nTwo: 2\n"));
            assert_eq!(skipped, Some(2), "{bad}");
            assert_eq!(rows, [("One".to_owned(), 1024, true), ("Two".to_owned(), 2, false)], "{bad}");
        }
        let (many, skipped) = rows(&"A: 1\n".repeat(300));
        assert_eq!((many.len(), skipped), (256, Some(257)));
    }

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
