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

#[cfg(test)]
mod tests {
    use super::clip;

    #[test]
    fn control_characters_and_length() {
        assert_eq!(clip("a\nb\u{1b}[31mc\n", 100), "a b [31mc");
        assert_eq!(clip("äöü", 3), "ä…");
        assert_eq!(clip("äöü", 6), "äöü");
    }
}
