//! Escapes of the Prometheus text format.

use alloc::vec::Vec;

/// Appends a label's value: backslash, quote and line feed are escaped.
pub(crate) fn push_value(out: &mut Vec<u8>, value: &str) {
    push(out, value, true);
}

/// Appends a help text: backslash and line feed are escaped.
pub(crate) fn push_help(out: &mut Vec<u8>, help: &str) {
    push(out, help, false);
}

fn push(out: &mut Vec<u8>, text: &str, quotes: bool) {
    for &byte in text.as_bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'"' if quotes => out.extend_from_slice(b"\\\""),
            byte => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    #[test]
    fn escapes() {
        let (mut value, mut help) = (Vec::new(), Vec::new());
        push_value(&mut value, "a\\b\"c\nd\r{}é");
        push_help(&mut help, "a\\b\"c\nd");
        assert_eq!(String::from_utf8_lossy(&value), "a\\\\b\\\"c\\nd\r{}é");
        assert_eq!(String::from_utf8_lossy(&help), "a\\\\b\"c\\nd");
    }
}
