//! Text from a component, made fit for the agent's log.

/// Longest text of a component in an error, bytes.
pub(crate) const ERROR_BYTES: usize = 2048;

/// Longest name of a component's in an error: of an export, an import, an entity.
pub(crate) const NAME_BYTES: usize = 256;

/// Returns `text` on one line of at most `max` bytes and `…`, as it may be shown: a blank in place of each control character,
/// which could move the cursor of whoever reads it in a terminal, and the number of each character that is invisible or
/// changes the direction of what follows.
///
/// Every text of a component, or of a file that is none, comes through here before it gets into a log line, an error, a
/// status page, an event or a label.
pub fn clip(text: &str, max: usize) -> String {
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

/// Characters without a shape of their own: marks and overrides of direction, joiners, zero-width spaces, line and paragraph
/// separators, tags, and those that Unicode keeps for annotations.
pub fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// As [`clip`], each line for itself: for texts that hold one problem a line. `max` bounds them all together.
pub(crate) fn clip_lines(text: &str, max: usize) -> String {
    let mut left = max;
    let mut lines: Vec<String> = Vec::new();
    for line in text.trim_end().lines() {
        lines.push(clip(line, left));
        left = left.saturating_sub(line.len() + 1);
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
    fn lines_stay_lines_and_the_bound_is_for_all() {
        assert_eq!(clip_lines("a: \u{7}x\nb: y\n", 100), "a:  x\nb: y");
        assert_eq!(clip_lines("abcdef\nghi\njkl", 10), "abcdef\nghi");
        assert_eq!(clip_lines("abcdef\nghi", 3), "abc…");
    }

    #[test]
    fn control_characters_and_length() {
        assert_eq!(clip("a\nb\u{1b}[31mc\n", 100), "a b [31mc");
        assert_eq!(clip("äöü", 3), "ä…");
        assert_eq!(clip("äöü", 6), "äöü");
    }

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        assert_eq!(clip("a\u{202e}b\u{200b}c\u{feff}", 100), r"a\u{202e}b\u{200b}c\u{feff}");
        assert_eq!(clip("a\u{2028}b\u{85}c", 100), r"a\u{2028}b c");
        // The bound is for what is shown.
        assert_eq!(clip(&"\u{202e}".repeat(100), 20), r"\u{202e}\u{202e}…");
    }
}
