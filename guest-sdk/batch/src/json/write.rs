//! JSON writer.

use alloc::string::String;
use alloc::vec::Vec;

use super::Value;

/// Appends a string in quotes. Escapes only what JSON requires.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut start = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[start..at]);
        start = at + 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
        }
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}

/// Appends a number: the shortest text that reads back as the same `f64`, `5` and not `5.0`, with an exponent only below
/// 1e-6 and from 1e21. A number that is not finite becomes `null`, because JSON cannot represent it.
pub fn write_number(out: &mut Vec<u8>, value: f64) {
    if !value.is_finite() {
        out.extend_from_slice(b"null");
        return;
    }
    if value.abs() < 9e15 && value as i64 as f64 == value {
        if value.is_sign_negative() {
            out.push(b'-');
        }
        write_integer(out, value.abs() as u64);
        return;
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    if text.bytes().any(|byte| byte == b'e') || value.abs() >= 9e15 {
        write_decimal(out, text);
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

/// Appends an unsigned integer, exactly.
pub fn write_integer(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(digits(value, &mut [0; 20]));
}

/// Returns the text of an unsigned integer. `to_string` would link the standard library's formatting into a component.
#[cold]
pub fn integer_text(value: u64) -> String {
    digits(value, &mut [0; 20]).iter().copied().map(char::from).collect()
}

/// Writes the text of an unsigned integer to the end of `room` and returns it.
fn digits(mut value: u64, room: &mut [u8; 20]) -> &[u8] {
    let mut start = room.len();
    loop {
        start -= 1;
        room[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    &room[start..]
}

/// Reformats a text such as `-1.5e-7` or `12.0`: extracts its digits and places the decimal point.
fn write_decimal(out: &mut Vec<u8>, text: &str) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let unsigned = mantissa.strip_prefix('-').unwrap_or(mantissa);
    if unsigned.len() != mantissa.len() {
        out.push(b'-');
    }
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    let leading = all.iter().take_while(|&&digit| digit == b'0').count();
    let trailing = all[leading..].iter().rev().take_while(|&&digit| digit == b'0').count();
    let digits = &all[leading..all.len() - trailing];
    // value = 0.DIGITS × 10^point
    let point = whole.len() as i32 + exponent - leading as i32;

    if point <= -6 || point > 21 {
        out.push(digits[0]);
        if digits.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.extend_from_slice(if point > 21 { b"e+" } else { b"e-" });
        write_integer(out, u64::from((point - 1).unsigned_abs()));
    } else if point <= 0 {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + point.unsigned_abs() as usize, b'0');
        out.extend_from_slice(digits);
    } else if point as usize >= digits.len() {
        out.extend_from_slice(digits);
        out.resize(out.len() + point as usize - digits.len(), b'0');
    } else {
        let (whole, fraction) = digits.split_at(point as usize);
        out.extend_from_slice(whole);
        out.push(b'.');
        out.extend_from_slice(fraction);
    }
}

/// Appends a value without whitespace.
pub fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Integer(value) => write_integer(out, *value),
        Value::Number(value) => write_number(out, *value),
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
            out.push(b'{');
            for (at, (key, value)) in fields.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_string(out, key);
                out.push(b':');
                write_value(out, value);
            }
            out.push(b'}');
        }
    }
}
