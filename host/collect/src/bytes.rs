//! Parses numbers and lines from bytes, without allocation.
//!
//! The kernel writes ASCII; other input (a damaged recording, a fuzzer) must give an error, never a panic.

use crate::error::ParseError;

/// Returns the lines of a text with their index from 0. An unterminated last line counts; an empty one after the last line end does not.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let empty = text.is_empty();
    text.split(|&byte| byte == b'\n').enumerate().take(if empty { 0 } else { usize::MAX })
}

/// Returns the fields of a line, separated by blanks and tabs.
pub(crate) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|&byte| byte == b' ' || byte == b'\t').filter(|field| !field.is_empty())
}

/// Parses a decimal number. Returns `None` if it is empty, has other characters or exceeds 64 bits.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    // 19 digits always fit into 64 bits
    if digits.len() > 19 {
        return if digits.len() == 20 { checked_number(digits) } else { None };
    }
    let mut value = 0u64;
    for &digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    (!digits.is_empty()).then_some(value)
}

fn checked_number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0u64, |value, &digit| {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 { None } else { value.checked_mul(10)?.checked_add(u64::from(digit)) }
    })
}

/// Parses the single number of a file such as `memory.current`.
///
/// # Errors
/// If the file does not hold exactly one number below 2^63.
#[inline]
pub fn single(text: &[u8]) -> Result<u64, ParseError> {
    kernel_number(text.trim_ascii_end()).ok_or(ParseError::new(0, "a single number"))
}

/// Lowest value that means "unlimited". cgroup v1 writes the largest whole number of pages in 63 bits, which depends on
/// the page size (4 to 64 KiB).
const UNBOUNDED: u64 = i64::MAX as u64 - 0xffff;

/// Parses a bound, such as `memory.max` and `pids.max`. Returns `None` if it is `max` or the v1 value for "unlimited".
///
/// # Errors
/// If the file holds neither a number nor `max`.
pub fn bound(text: &[u8]) -> Result<Option<u64>, ParseError> {
    let text = text.trim_ascii_end();
    if text == b"max" {
        Ok(None)
    } else {
        let value = number(text).ok_or(ParseError::new(0, "a number or `max`"))?;
        Ok(Some(value).filter(|&value| value < UNBOUNDED))
    }
}

/// Parses a kernel value: a number below 2^63. 64-bit counters never get there; a larger value is a negative number that
/// some kernel wrote as unsigned.
#[inline]
pub(crate) fn kernel_number(digits: &[u8]) -> Option<u64> {
    number(digits).filter(|&value| value <= i64::MAX as u64)
}

/// The value of one row, parsed on demand.
pub(crate) struct RowValue<'t> {
    digits: &'t [u8],
    malformed: bool,
}

impl RowValue<'_> {
    /// Returns the number; returns `None` and marks the row as malformed if it is not one.
    #[inline]
    pub(crate) fn parse(&mut self) -> Option<u64> {
        let value = kernel_number(self.digits);
        self.malformed |= value.is_none();
        value
    }
}

/// Calls `set(key, value)` for each `key value` row. Values that `set` does not request are not parsed. Returns the first
/// row without a value or with a requested but invalid one; such a row loses only its own key.
#[inline]
pub(crate) fn key_values(text: &[u8], mut set: impl FnMut(&[u8], &mut RowValue<'_>)) -> Option<ParseError> {
    let mut skipped = None;
    for (index, line) in lines(text) {
        let blank = line.iter().position(|&byte| byte == b' ');
        let (key, digits) = blank.map_or((line, &line[line.len()..]), |at| (&line[..at], &line[at + 1..]));
        let mut value = RowValue { digits, malformed: blank.is_none() };
        set(key, &mut value);
        if value.malformed && skipped.is_none() {
            skipped = Some(ParseError::new(index, "a key, a space and a number"));
        }
    }
    skipped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_parsed_up_to_64_bits() {
        assert_eq!(number(b"0"), Some(0));
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(number(b"18446744073709551616"), None);
        assert_eq!(number(b"99999999999999999999"), None);
        assert_eq!(number(b"000000000000000000001"), None);
        assert_eq!(number(b""), None);
        assert_eq!(number(b"-1"), None);
        assert_eq!(number(b"1 "), None);
    }

    #[test]
    fn lines_are_split_with_and_without_a_final_line_end() {
        let of = |text: &'static [u8]| lines(text).map(|(_, line)| line).collect::<Vec<_>>();
        assert_eq!(of(b""), Vec::<&[u8]>::new());
        assert_eq!(of(b"\n"), Vec::<&[u8]>::new());
        assert_eq!(of(b"a\nb"), [b"a", b"b"]);
        assert_eq!(of(b"a\n\nb\n"), [&b"a"[..], b"", b"b"]);
    }

    proptest! {
        #[test]
        fn number_agrees_with_the_standard_library(text in "[0-9+ -]{0,22}") {
            let expected = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
            let long = text.len() > 20;
            prop_assert_eq!(number(text.as_bytes()), if long { None } else { expected });
        }
    }
}
