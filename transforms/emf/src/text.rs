//! JSON text in the form of the Container Insights agents' encoder.

use alloc::vec::Vec;

use insights_sdk::json::{Value, write_number};

use crate::order::sorted;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Returns true if a byte needs no escape inside a JSON string. Of the characters that begin with 0xE2 only U+2028 and
/// U+2029 are escaped; [`write_string`] checks the following bytes.
const fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&' | 0xe2)
}

static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        plain[byte] = is_plain(byte as u8);
        byte += 1;
    }
    plain
};

/// Returns true if [`write_string`] copies the text unchanged.
pub(crate) fn is_clean(text: &str) -> bool {
    text.bytes().all(|byte| PLAIN[usize::from(byte)])
}

/// Appends a text in quotes, for which [`is_clean`] is true.
pub(crate) fn write_clean(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// Appends a text in quotes. `<`, `>`, `&`, U+2028 and U+2029 are escaped too, so that the event can be embedded in HTML and
/// JavaScript.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut start = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if PLAIN[usize::from(byte)] {
            continue;
        }
        let mut length = 1;
        let escaped: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0xe2 => {
                length = 3;
                match bytes[at..] {
                    [_, 0x80, 0xa8, ..] => b"\\u2028",
                    [_, 0x80, 0xa9, ..] => b"\\u2029",
                    _ => continue,
                }
            }
            _ => &[b'\\', b'u', b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]],
        };
        out.extend_from_slice(&bytes[start..at]);
        out.extend_from_slice(escaped);
        start = at + length;
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}

/// Appends an array of strings, as in `["a","b"]`.
pub(crate) fn write_strings<'a>(out: &mut Vec<u8>, texts: impl Iterator<Item = &'a str>) {
    out.push(b'[');
    for (at, text) in texts.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_string(out, text);
    }
    out.push(b']');
}

/// Appends a value without spaces, the keys of objects in byte order.
pub(crate) fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_value(out, item);
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            let fields = sorted(fields.iter().collect(), &|(left, _), (right, _)| left.cmp(right));
            out.push(b'{');
            for (at, (key, value)) in fields.into_iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_string(out, key);
                out.push(b':');
                write_value(out, value);
            }
            out.push(b'}');
        }
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        // As everywhere in an event, numbers are `f64`: consumers of the event read no other type.
        Value::Integer(value) => write_number(out, *value as f64),
        Value::Number(value) => write_number(out, *value),
    }
}
