//! Parses a sample line.

use super::InvalidReason;

/// Most labels of a sample, like the limit of the agent's own reader of this format.
pub(super) const MAX_LABELS: usize = 64;

/// Most bytes of a value: the longest shortest form of a number has 24.
const MAX_VALUE_BYTES: usize = 64;

/// Parses a sample line of the family `name`, without its line feed. Returns the end of the name and the labels.
pub(super) fn parse(line: &str, name: &str) -> Result<usize, InvalidReason> {
    let rest = line.strip_prefix(name).ok_or(InvalidReason::OtherFamily)?;
    let after = match rest.as_bytes().first() {
        Some(b'{') => labels(rest)?,
        Some(b' ') => rest,
        _ => return Err(InvalidReason::OtherFamily),
    };
    let value = after.strip_prefix(' ').ok_or(InvalidReason::Value)?;
    match value.split_once(' ') {
        None if is_value(value) => Ok(line.len() - after.len()),
        Some((value, more)) if is_value(value) && !more.is_empty() => Err(InvalidReason::Timestamp),
        _ => Err(InvalidReason::Value),
    }
}

/// Returns the text after the labels, whose opening brace is the first byte.
fn labels(text: &str) -> Result<&str, InvalidReason> {
    let mut rest = text.get(1..).unwrap_or_default();
    if let Some(after) = rest.strip_prefix('}') {
        return Ok(after);
    }
    let mut names = [""; MAX_LABELS];
    let mut count = 0;
    loop {
        let (name, after) = rest.split_once("=\"").ok_or(InvalidReason::Labels)?;
        if !is_label_name(name) {
            return Err(InvalidReason::Labels);
        }
        // Prometheus rejects the whole page.
        if names[..count].contains(&name) {
            return Err(InvalidReason::DuplicateLabel);
        }
        *names.get_mut(count).ok_or(InvalidReason::TooManyLabels)? = name;
        count += 1;
        let after = label_value(after)?;
        match after.as_bytes().first() {
            Some(b',') => rest = &after[1..],
            Some(b'}') => return Ok(&after[1..]),
            _ => return Err(InvalidReason::Labels),
        }
    }
}

/// Returns true for a valid name of a label. Prometheus reserves names that begin with `__`: `__name__` would be a second name of the
/// sample.
fn is_label_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    bytes.next().is_some_and(is_letter)
        && bytes.all(|byte| is_letter(byte) || byte.is_ascii_digit())
        && !name.starts_with("__")
}

/// Returns the text after the closing quote of a label's value.
fn label_value(text: &str) -> Result<&str, InvalidReason> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        let found = bytes[at..].iter().position(|byte| matches!(byte, b'"' | b'\\'));
        at += found.ok_or(InvalidReason::Labels)?;
        if bytes[at] == b'"' {
            return Ok(&text[at + 1..]);
        }
        if !matches!(bytes.get(at + 1), Some(b'\\' | b'"' | b'n')) {
            return Err(InvalidReason::Labels);
        }
        at += 2;
    }
}

/// Returns true for a number that both formats allow. Prometheus rejects the whole page for one that is too large for a float.
fn is_value(text: &str) -> bool {
    let is_number_byte = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    matches!(text, "NaN" | "+Inf" | "-Inf")
        || text.len() <= MAX_VALUE_BYTES
            && text.bytes().all(is_number_byte)
            && text.parse::<f64>().is_ok_and(f64::is_finite)
}
