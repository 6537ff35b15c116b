//! Formats events as lines, gathered into blocks.

use crate::visible::{self, Style};

/// Size at which a block is written, bytes.
const BLOCK_BYTES: usize = 64 << 10;

/// Lines that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) bytes: Vec<u8>,
    pub(super) events: u64,
}

impl Block {
    /// Adds an event as one line.
    pub(super) fn push(&mut self, content_type: &str, event: &[u8]) {
        push_line(&mut self.bytes, content_type, event);
        self.events += 1;
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= BLOCK_BYTES
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        // One large event must not hold memory permanently.
        self.bytes.shrink_to(2 * BLOCK_BYTES);
        self.events = 0;
    }
}

/// Appends an event as exactly one line, whatever a component puts into it. A line end in JSON can only be white space
/// between tokens and becomes a space; in other text it is escaped. Also escapes invalid text and anything that would
/// act on a terminal; the meaning of JSON does not change.
pub(super) fn push_line(out: &mut Vec<u8>, content_type: &str, event: &[u8]) {
    let json = is_json(content_type);
    let event = &*visible::bytes(event, if json { Style::Json } else { Style::Text });
    let mut rest = event;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
        out.extend_from_slice(&rest[..at]);
        match (json, rest[at]) {
            (true, _) => out.push(b' '),
            (false, b'\n') => out.extend_from_slice(b"\\n"),
            (false, _) => out.extend_from_slice(b"\\r"),
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'\n');
}

pub(super) fn is_json(content_type: &str) -> bool {
    content_type == "application/json" || content_type.starts_with("application/json;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let mut out = Vec::new();
        push_line(&mut out, "application/json", b"{\n\"a\":\r\n1}\n");
        push_line(&mut out, "text/plain", b"one\ntwo\r");
        push_line(&mut out, "application/json; charset=utf-8", b"");
        assert_eq!(String::from_utf8(out).unwrap(), "{ \"a\":  1} \none\\ntwo\\r\n\n");
    }

    #[test]
    fn an_event_does_nothing_to_a_terminal() {
        let mut out = Vec::new();
        push_line(&mut out, "application/json", b"{\"a\":\"\x1b[2J\0\xff\"}");
        push_line(&mut out, "application/json", "{\"a\":\"\u{202e}ä\"}".as_bytes());
        push_line(&mut out, "text/plain", b"\x1b[2J\0\xff\r");
        let expected =
            "{\"a\":\"\\u001b[2J\\u0000\u{fffd}\"}\n{\"a\":\"\\u202eä\"}\n\\u{1b}[2J\\u{0}\u{fffd}\\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
