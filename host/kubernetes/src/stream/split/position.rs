//! Line and column in a document that arrives in pieces.

/// A position between two bytes of a document.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Position {
    /// Number of complete lines before the position.
    pub(super) lines: usize,
    /// Number of bytes of the current line before the position.
    pub(super) columns: usize,
}

impl Position {
    /// Returns the position after these bytes.
    pub(super) fn after(self, bytes: &[u8]) -> Self {
        match bytes.iter().rposition(|&byte| byte == b'\n') {
            None => Self { lines: self.lines, columns: self.columns + bytes.len() },
            Some(last) => {
                let lines = bytes.iter().filter(|&&byte| byte == b'\n').count();
                Self { lines: self.lines + lines, columns: bytes.len() - last - 1 }
            }
        }
    }
}
