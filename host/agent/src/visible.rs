//! Text of others, made fit to be looked at.
//!
//! Names, labels, configurations and components come from whoever may make them. In a terminal a control character can erase
//! what stands before it, and one that is not seen, or that changes the direction of writing, makes a line say what it does not
//! say. Everything that the agent prints, logs or answers comes through here.

use std::borrow::Cow;
use std::fmt::Write;

/// How a character is written that is not shown as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `\u{1b}`.
    Text,
    /// `\u001b`: within a string of JSON the same character. Where a string has none, such a text is no JSON before or after.
    Json,
}

/// Returns true for characters that are not shown as they are: those that control a terminal, and those without a shape.
pub fn is_hidden(c: char) -> bool {
    c.is_control() || insightd_sandbox::is_hidden(c)
}

/// Escapes what is hidden in a text of lines: ends of lines and tabs stay. In JSON a carriage return does too: it is white space
/// between tokens, and in a string it is escaped already.
pub fn lines(text: &str, style: Style) -> Cow<'_, str> {
    escape(text, style, |c| !(matches!(c, '\n' | '\t') || c == '\r' && style == Style::Json))
}

/// Escapes what is hidden in a name or a message, which is one line.
pub fn line(text: &str) -> Cow<'_, str> {
    escape(text, Style::Text, |_| true)
}

/// As [`lines`], for bytes that may be no text; what is none becomes U+FFFD.
pub fn bytes(bytes: &[u8], style: Style) -> Cow<'_, [u8]> {
    if is_plain(bytes) {
        return Cow::Borrowed(bytes);
    }
    match lines(&String::from_utf8_lossy(bytes), style) {
        Cow::Borrowed(text) if text.len() == bytes.len() => Cow::Borrowed(bytes),
        text => Cow::Owned(text.into_owned().into_bytes()),
    }
}

/// Returns true for printable ASCII, ends of lines and tabs: nearly all that is ever printed.
fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t'))
}

fn escape(text: &str, style: Style, is_wanted: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_escaped = |c: char| is_hidden(c) && is_wanted(c);
    let Some(first) = text.find(is_escaped) else { return Cow::Borrowed(text) };
    let mut shown = String::with_capacity(text.len() + 16);
    shown.push_str(&text[..first]);
    for c in text[first..].chars() {
        match style {
            _ if !is_escaped(c) => shown.push(c),
            Style::Text if matches!(c, '\n' | '\r' | '\t') => shown.extend(c.escape_default()),
            Style::Text => shown.extend(c.escape_unicode()),
            Style::Json => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a string does not fail.
                    let _ = write!(shown, "\\u{unit:04x}");
                }
            }
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_or_hides_is_written_out() {
        assert_eq!(lines("plain ä\n\tline", Style::Text), "plain ä\n\tline");
        assert_eq!(
            lines("\u{1b}[2Ja\0\r\u{7f}\u{9b}31m\u{202e}b\u{200b}\u{feff}", Style::Text),
            r"\u{1b}[2Ja\u{0}\r\u{7f}\u{9b}31m\u{202e}b\u{200b}\u{feff}"
        );
        assert_eq!(line("one\ntwo\u{2028}three"), r"one\ntwo\u{2028}three");
        // Joined emoji and other scripts are not touched, but for their invisible parts.
        assert_eq!(line("שלום 你好 👍"), "שלום 你好 👍");
    }

    #[test]
    fn json_says_the_same_as_before() {
        let text = "{\"a\":\"x\u{202e}y\u{7f}\u{e0041}\"}";
        let shown = lines(text, Style::Json);
        assert_eq!(shown, r#"{"a":"x\u202ey\u007f\udb40\udc41"}"#);
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&shown), value(text));
        assert_eq!(
            &*bytes(b"{\"a\":\"\x1b\0\xff\"}", Style::Json),
            "{\"a\":\"\\u001b\\u0000\u{fffd}\"}".as_bytes()
        );
        assert!(matches!(bytes("ä".as_bytes(), Style::Json), Cow::Borrowed(_)));
    }
}
