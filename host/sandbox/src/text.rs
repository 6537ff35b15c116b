//! Text from a component, made fit for the agent's log.

/// Longest text of a component in an error, bytes.
pub(crate) const ERROR_BYTES: usize = 2048;

/// `text` on one line, without control characters, cut to `max` bytes.
pub(crate) fn clip(text: &str, max: usize) -> String {
    let text = text.trim_end();
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let cut = end < text.len();
    // Control characters could move the cursor of whoever reads the log in a terminal.
    let mut line: String = text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if cut {
        line.push('…');
    }
    line
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
}
