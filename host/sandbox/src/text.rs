//! Sanitizing of text from components before it is shown or logged.

/// Maximum length of a component's text in an error, bytes.
pub(crate) const ERROR_BYTES: usize = 2048;

/// Maximum length of a component's name in an error (export, import, entity), bytes.
pub(crate) const NAME_BYTES: usize = 256;

/// Returns `text` as one printable line of at most `max` bytes, followed by `…` if it was cut. Each control character becomes a
/// space, because it could move the cursor of a terminal. Characters that are invisible or change the text direction are
/// escaped as `\u{…}`.
///
/// Every text from a component, or from a file that claims to be one, is clipped before it enters a log message, an error, a
/// status page, an event or a label.
pub(crate) fn clip(text: &str, max: usize) -> String {
    let text = text.trim_end();
    let mut line = String::with_capacity(text.len().min(max));
    for c in text.chars() {
        let before = line.len();
        match c {
            c if c.is_control() => line.push(' '),
            c if is_hidden(c) => line.extend(c.escape_unicode()),
            c => line.push(c),
        }
        if line.len() > max {
            line.truncate(before);
            line.push('…');
            break;
        }
    }
    line
}

/// Returns true for characters without a visible shape: direction marks and overrides, joiners, zero-width spaces, line and
/// paragraph separators, tags, and code points that Unicode reserves for annotations.
pub fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Clips each line of a text like [`clip`], for texts with one problem per line. `max` bounds the sum of all
/// lines, with hidden characters escaped.
pub(crate) fn clip_lines(text: &str, max: usize) -> String {
    let mut left = max;
    let mut lines: Vec<String> = Vec::new();
    for line in text.trim_end().lines() {
        let line = clip(line, left);
        left = left.saturating_sub(line.len() + 1);
        lines.push(line);
        if left == 0 {
            break;
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{clip, clip_lines};

    #[test]
    fn lines_are_clipped_within_a_common_bound() {
        assert_eq!(clip_lines("a: \u{7}x\nb: y\n", 100), "a:  x\nb: y");
        assert_eq!(clip_lines("abcdef\nghi\njkl", 10), "abcdef\nghi");
        assert_eq!(clip_lines("abcdef\nghi", 3), "abc…");
        // The bound applies to the escaped text.
        assert_eq!(clip_lines(&"\u{202e}\n".repeat(100), 18), "\\u{202e}\n\\u{202e}");
    }

    #[test]
    fn control_characters_are_replaced_and_length_is_bounded() {
        assert_eq!(clip("a\nb\u{1b}[31mc\n", 100), "a b [31mc");
        assert_eq!(clip("äöü", 3), "ä…");
        assert_eq!(clip("äöü", 6), "äöü");
    }

    #[test]
    fn invisible_characters_are_escaped() {
        assert_eq!(clip("a\u{202e}b\u{200b}c\u{feff}", 100), r"a\u{202e}b\u{200b}c\u{feff}");
        assert_eq!(clip("a\u{2028}b\u{85}c", 100), r"a\u{2028}b c");
        // The bound applies to the escaped text.
        assert_eq!(clip(&"\u{202e}".repeat(100), 20), r"\u{202e}\u{202e}…");
    }
}
