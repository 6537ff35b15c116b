//! The labels of one series.

use alloc::string::String;
use alloc::vec::Vec;
use core::hash::Hasher;

use insights_sdk::FxHasher;

/// Labels in one buffer, which is used for series after series.
#[derive(Clone, Debug, Default)]
pub(crate) struct Labels {
    text: String,
    /// Start of a name, end of it and start of the value, end of the value.
    spans: Vec<(usize, usize, usize)>,
}

impl Labels {
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.spans.clear();
    }

    /// Adds a label.
    pub(crate) fn push(&mut self, name: &str, value: &str) {
        let start = self.text.len();
        self.text.push_str(name);
        let middle = self.text.len();
        self.text.push_str(value);
        self.spans.push((start, middle, self.text.len()));
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.iter().any(|(known, _)| known == name)
    }

    /// Sorts the labels by name, as remote write requires.
    pub(crate) fn sort(&mut self) {
        let text = &self.text;
        self.spans.sort_unstable_by(|a, b| text[a.0..a.1].cmp(&text[b.0..b.1]));
    }

    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Returns the bytes of all names and values.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Iterates over names and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.spans.iter().map(|&(start, middle, end)| (&self.text[start..middle], &self.text[middle..end]))
    }

    /// Returns the identity of the series, once the labels are sorted.
    pub(crate) fn hash(&self) -> u64 {
        let mut hasher = FxHasher::default();
        for (name, value) in self.iter() {
            hasher.write(name.as_bytes());
            hasher.write(value.as_bytes());
        }
        hasher.finish()
    }
}
