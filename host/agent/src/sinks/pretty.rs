//! Formats JSON for people: indented, keys in colour. Works on bytes, so that key order and the text of numbers stay as the component wrote them.

use crate::visible::{self, Style};

const KEY: &[u8] = b"\x1b[36m";
const RESET: &[u8] = b"\x1b[0m";

/// Appends the event, indented. Text that is not JSON gets line breaks in odd places, but is complete.
pub(super) fn push_indented(out: &mut Vec<u8>, json: &[u8], colour: bool) {
    let json = &*visible::bytes(json, Style::Json);
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(&byte) = json.get(at) {
        match byte {
            b'"' => {
                let end = string_end(json, at);
                let key = colour && json[end..].iter().find(|b| !b.is_ascii_whitespace()) == Some(&b':');
                push_string(out, &json[at..end], key);
                at = end;
                continue;
            }
            b'{' | b'[' => {
                out.push(byte);
                let next = json[at + 1..].iter().position(|b| !b.is_ascii_whitespace()).map(|n| at + 1 + n);
                if let Some(next) = next
                    && matches!(json[next], b'}' | b']')
                {
                    out.push(json[next]);
                    at = next + 1;
                    continue;
                }
                depth += 1;
                break_line(out, depth);
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                break_line(out, depth);
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                break_line(out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            byte if byte.is_ascii_whitespace() => {}
            // Control characters could act on the terminal.
            byte if byte.is_ascii_control() => out.push(b'?'),
            byte => out.push(byte),
        }
        at += 1;
    }
    out.push(b'\n');
}

fn push_string(out: &mut Vec<u8>, text: &[u8], key: bool) {
    if key {
        out.extend_from_slice(KEY);
    }
    out.extend(text.iter().map(|byte| if byte.is_ascii_control() { b'?' } else { *byte }));
    if key {
        out.extend_from_slice(RESET);
    }
}

/// Returns the position after the closing quote of the string that begins at `start`.
fn string_end(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(&byte) = json.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    json.len()
}

fn break_line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    // Limits the indentation: deeply nested text would otherwise need quadratic space.
    out.resize(out.len() + 2 * depth.min(32), b' ');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indented(json: &str, colour: bool) -> String {
        let mut out = Vec::new();
        push_indented(&mut out, json.as_bytes(), colour);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn order_and_numbers_stay() {
        let json = r#"{"b":1e3,"a":[{"x":"a\"b:{,\\"},[ ],{}],"c":{"d":null}}"#;
        let expected = r#"{
  "b": 1e3,
  "a": [
    {
      "x": "a\"b:{,\\"
    },
    [],
    {}
  ],
  "c": {
    "d": null
  }
}
"#;
        assert_eq!(indented(json, false), expected);
        let plain = indented(json, true).replace("\x1b[36m", "").replace("\x1b[0m", "");
        assert_eq!(plain, expected);
        assert!(indented(json, true).contains("\x1b[36m\"b\"\x1b[0m: 1e3"));
    }

    #[test]
    fn what_is_no_json_does_no_harm() {
        for text in ["", "\"", "}}}}", "{\"a", "\\", "plain text", "\x1b[2J", "\"\x1b[2J\""] {
            assert!(!indented(text, false).contains('\x1b'), "{text:?}");
        }
        let deep = "[".repeat(100_000);
        assert!(indented(&deep, true).len() < 100 * deep.len());
    }
}
