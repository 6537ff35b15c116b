//! Search for the ends of JSON strings and values that arrive in pieces. Their contents are not checked.

/// The position inside a value that has begun and not ended.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    /// Number of open brackets within the value.
    depth: u64,
    in_string: bool,
    is_escaped: bool,
}

impl Scanner {
    /// Skips a string up to and including its end; returns `None` if it does not end within these bytes.
    pub(super) fn string_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            if self.is_escaped {
                bytes.get(at)?;
                self.is_escaped = false;
                at += 1;
            }
            at += bytes.get(at..)?.iter().position(|&byte| matches!(byte, b'"' | b'\\'))?;
            self.is_escaped = bytes[at] == b'\\';
            at += 1;
            if !self.is_escaped {
                return Some(at);
            }
        }
    }

    /// Finds the delimiter after the current value: the first comma or closing bracket that is not inside the value.
    pub(super) fn value_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            if self.in_string {
                at += self.string_end(bytes.get(at..)?)?;
                self.in_string = false;
            }
            match bytes.get(at)? {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b',' | b'}' | b']' if self.depth == 0 => return Some(at),
                b'}' | b']' => self.depth -= 1,
                _ => {}
            }
            at += 1;
        }
    }
}
