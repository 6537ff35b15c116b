//! Parts of a document that were left out.

/// Maximum number of characters of the first problem.
const MAX_CHARACTERS: usize = 240;

/// Parts of a document that were left out: their numbers, and the first of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    /// Number of fields with a wrong type or over a bound.
    pub fields: u64,
    /// Number of rows, such as a task without an id, or a task beyond the maximum.
    pub rows: u64,
    /// Path and error text of the first problem.
    pub first: Option<String>,
}

impl Problems {
    /// Returns true if nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.fields == 0 && self.rows == 0
    }

    pub(super) fn push_field(&mut self, text: impl FnOnce() -> String) {
        self.fields += 1;
        self.first.get_or_insert_with(|| shortened(text()));
    }

    pub(super) fn push_row(&mut self, text: impl FnOnce() -> String) {
        self.rows += 1;
        self.first.get_or_insert_with(|| shortened(text()));
    }
}

fn shortened(mut text: String) -> String {
    if let Some((at, _)) = text.char_indices().nth(MAX_CHARACTERS) {
        text.truncate(at);
        text.push('…');
    }
    text
}
