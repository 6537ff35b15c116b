//! Protobuf messages as text, without their schema, in the manner of `protoc --decode_raw`.

use std::fmt::Write;

use insights_batch::protobuf::{Fields, Value};

/// Most characters of a nested message on one line.
const LINE: usize = 100;
/// Maximum depth of nested messages; deeper ones are shown as bytes.
const DEPTH: usize = 16;

/// Returns the fields of a message, one a line; a message that is malformed as hexadecimal digits.
pub(super) fn text(message: &[u8]) -> String {
    let mut text = match fields(message, 0) {
        Some(lines) => lines.join("\n"),
        None => hex(message),
    };
    text.push('\n');
    text
}

fn fields(message: &[u8], depth: usize) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    for field in Fields::new(message) {
        match field.ok()? {
            (field, Value::Varint(number)) => lines.push(format!("{field}: {number}")),
            (field, Value::Fixed64(bits)) => lines.push(format!("{field}: {}", fixed64(bits))),
            (field, Value::Fixed32(bits)) => lines.push(format!("{field}: 0x{bits:08x}")),
            (field, Value::Bytes(content)) => lines.extend(delimited(field, content, depth)),
        }
    }
    Some(lines)
}

/// Returns a field with a length: a text if it is printable, else a message if it is well-formed, else bytes.
fn delimited(field: u64, content: &[u8], depth: usize) -> Vec<String> {
    if let Ok(text) = std::str::from_utf8(content)
        && !text.is_empty()
        && !text.chars().any(char::is_control)
    {
        return vec![format!("{field}: {text:?}")];
    }
    let inner = if depth < DEPTH { fields(content, depth + 1) } else { None };
    match inner {
        None => vec![format!(
            "{field}: {}",
            std::str::from_utf8(content).map_or_else(|_| hex(content), |text| format!("{text:?}"))
        )],
        Some(inner) if inner.iter().map(|line| line.len() + 1).sum::<usize>() < LINE => {
            vec![format!("{field} {{ {} }}", inner.join(" "))]
        }
        Some(inner) => {
            let mut lines = vec![format!("{field} {{")];
            lines.extend(inner.into_iter().map(|line| format!(" {line}")));
            lines.push("}".to_owned());
            lines
        }
    }
}

/// Shows a number of plausible size as a `double`, any other as an integer.
fn fixed64(bits: u64) -> String {
    let number = f64::from_bits(bits);
    let is_double = bits == 0 || (1e-12..1e24).contains(&number.abs());
    if is_double { number.to_string() } else { bits.to_string() }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::from("0x");
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn fields_by_number() {
        assert_eq!(text(&[0x08, 0x96, 0x01]), "1: 150\n");
        assert_eq!(text(&[0x12, 0x02, b'h', b'i']), "2: \"hi\"\n");
        assert_eq!(text(&[0x12, 0x03, 0x08, 0x96, 0x01]), "2 { 1: 150 }\n");
        assert_eq!(text(&[0x21, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]), "4: 1\n");
        let time = 1_735_689_630_000_000_000_u64.to_le_bytes();
        assert_eq!(text(&[&[0x19][..], &time].concat()), "3: 1735689630000000000\n");
        assert_eq!(text(&[0x12, 0x02, 0xff, 0xff]), "2: 0xffff\n");
    }

    #[test]
    fn malformed_messages_are_bytes() {
        assert_eq!(text(&[0x08]), "0x08\n");
        assert_eq!(text(&[0x12, 0x05, 0x01]), "0x120501\n");
        assert_eq!(text(&[0x00]), "0x00\n");
        assert_eq!(text(&[]), "\n");
    }
}
