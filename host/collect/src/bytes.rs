//! Numbers and lines out of bytes, without allocation.
//!
//! The kernel writes ASCII; whatever else arrives (a damaged recording, a fuzzer) must give an error, never a panic.

use crate::error::ParseError;

/// The lines of a text with their index from 0; a last line without end counts, an empty one after the last end does not.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let empty = text.is_empty();
    text.split(|&byte| byte == b'\n').enumerate().take(if empty { 0 } else { usize::MAX })
}

/// Fields separated by blanks.
pub(crate) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|&byte| byte == b' ' || byte == b'\t').filter(|field| !field.is_empty())
}

/// A decimal number and nothing else. None where it is empty, has other characters or passes 64 bits.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    // 19 digits never pass 64 bits
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

/// The one number that a file holds, such as `memory.current`.
///
/// # Errors
/// When the file does not hold one number.
#[inline]
pub fn single(text: &[u8]) -> Result<u64, ParseError> {
    number(text.trim_ascii_end()).ok_or(ParseError::new(0, "one number"))
}

/// A bound, such as `memory.max` and `pids.max`; none where it says `max`.
///
/// # Errors
/// When the file holds neither a number nor `max`.
pub fn bound(text: &[u8]) -> Result<Option<u64>, ParseError> {
    let text = text.trim_ascii_end();
    if text == b"max" {
        Ok(None)
    } else {
        number(text).map(Some).ok_or(ParseError::new(0, "a number or `max`"))
    }
}

/// Calls `set(key, value)` for each `key value` line. Keys that nobody asks for may hold anything that is a number.
#[inline]
pub(crate) fn key_values(text: &[u8], mut set: impl FnMut(&[u8], u64)) -> Result<(), ParseError> {
    for (index, line) in lines(text) {
        let expected = ParseError::new(index, "a key, a blank and a number");
        let blank = line.iter().position(|&byte| byte == b' ').ok_or(expected)?;
        let value = number(&line[blank + 1..]).ok_or(expected)?;
        set(&line[..blank], value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_at_the_edges() {
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
    fn lines_end_where_the_text_ends() {
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
