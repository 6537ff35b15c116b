//! Escapes text from outside before it is shown.
//!
//! Names, labels, configurations and components may come from anyone. In a terminal, a control character can erase the
//! text before it; an invisible character, or one that changes the writing direction, can make a line appear to say
//! something else. All text that the agent prints, logs or returns is escaped here.

use std::borrow::Cow;
use std::fmt::Write;

/// The notation of an escaped character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `\u{1b}`.
    Text,
    /// `\u001b`: the same character within a JSON string. Outside of strings, valid JSON has no characters that are escaped.
    Json,
}

/// Returns true for characters that are escaped: those that control a terminal, and those that are invisible.
pub fn is_hidden(c: char) -> bool {
    c.is_control() || insightd_sandbox::is_hidden(c)
}

/// Escapes the hidden characters of a multi-line text, but keeps line feeds and tabs. In JSON, carriage returns stay
/// too: they are white space between tokens, and are already escaped within strings.
pub fn lines(text: &str, style: Style) -> Cow<'_, str> {
    escape(text, style, |c| !(matches!(c, '\n' | '\t') || c == '\r' && style == Style::Json))
}

/// Escapes the hidden characters of a name or message, line ends included.
pub fn line(text: &str) -> Cow<'_, str> {
    escape(text, Style::Text, |_| true)
}

/// Like [`lines`], for bytes that may not be UTF-8; invalid sequences become U+FFFD.
pub fn bytes(bytes: &[u8], style: Style) -> Cow<'_, [u8]> {
    if is_plain(bytes) {
        return Cow::Borrowed(bytes);
    }
    match lines(&String::from_utf8_lossy(bytes), style) {
        Cow::Borrowed(text) if text.len() == bytes.len() => Cow::Borrowed(bytes),
        text => Cow::Owned(text.into_owned().into_bytes()),
    }
}

/// Returns true for printable ASCII, line feeds and tabs. Fast path: nearly all output is plain.
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
        // Joined emoji and other scripts are unchanged, except for their invisible characters.
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
