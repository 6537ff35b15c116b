//! Human-readable JSON form of the state of a transform.

use crate::json::{self, Value};
use crate::state::Space;

/// Key of an object that holds bytes in hexadecimal, for values that are not JSON text as the SDK writes it.
const BYTES: &str = "bytes";

impl Space {
    /// Reads `{"KEY": VALUE, …}`: a value is stored as its JSON text, `{"bytes": "00ff"}` as those bytes.
    ///
    /// # Errors
    /// Text that is not a JSON object, or `bytes` that are not an even number of hexadecimal digits; with line and column
    /// or the key.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let entries = match json::parse(text).map_err(|error| error.to_string())? {
            Value::Object(entries) => entries,
            other => return Err(format!("expected an object of keys and values, found {}", other.kind())),
        };
        let bytes = |(key, value): (String, Value)| match raw(&value) {
            None => Ok((key, canonical(&value))),
            Some(digits) => match parse_hex(digits) {
                Some(bytes) => Ok((key, bytes)),
                None => Err(format!("{key}.{BYTES}: expected two hexadecimal digits for each byte")),
            },
        };
        entries.into_iter().map(bytes).collect()
    }

    /// Writes the form that [`Space::from_json`] reads: one key per line, in key order.
    pub fn to_json(&self) -> String {
        let mut out = Vec::from(*b"{");
        for (at, (key, value)) in self.iter().enumerate() {
            out.extend_from_slice(if at > 0 { b",\n  " } else { b"\n  " });
            json::write_string(&mut out, key);
            out.extend_from_slice(b": ");
            let parsed = str::from_utf8(value).ok().and_then(|text| json::parse(text).ok());
            match parsed {
                Some(parsed) if canonical(&parsed) == value && raw(&parsed).is_none() => {
                    out.extend_from_slice(value);
                }
                _ => {
                    let digits: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
                    out.extend_from_slice(format!("{{\"{BYTES}\": \"{digits}\"}}").as_bytes());
                }
            }
        }
        out.extend_from_slice(if self.is_empty() { b"}\n" } else { b"\n}\n" });
        String::from_utf8_lossy(&out).into_owned()
    }
}

fn canonical(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    json::write_value(&mut out, value);
    out
}

/// Returns the hexadecimal digits of an object that holds bytes.
fn raw(value: &Value) -> Option<&str> {
    match value {
        Value::Object(fields) => match &fields[..] {
            [(key, Value::String(digits))] if key == BYTES => Some(digits),
            _ => None,
        },
        _ => None,
    }
}

fn parse_hex(digits: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = digits.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect())
}
