//! Attributes whose text is JSON, written as what they mean.

use alloc::vec::Vec;

use insights_sdk::json::parse;
use insights_sdk::{Batch, Name};

use crate::text::write_value;

/// Texts that were read already. Few differ: nearly all events have the same `Sources`.
#[derive(Debug, Default)]
pub(crate) struct JsonTexts {
    known: Vec<(Name, Option<Vec<u8>>)>,
}

impl JsonTexts {
    /// Whether a value is JSON; what is not stays a string.
    pub(crate) fn is_json(&mut self, batch: &Batch, value: Name) -> bool {
        if let Some((_, text)) = self.known.iter().find(|(known, _)| *known == value) {
            return text.is_some();
        }
        let text = parse(batch.text(value)).ok().map(|value| {
            let mut text = Vec::new();
            write_value(&mut text, &value);
            text
        });
        let is_json = text.is_some();
        self.known.push((value, text));
        is_json
    }

    /// The text to write for a value that is JSON: without spaces, keys in order.
    pub(crate) fn text(&self, value: Name) -> &[u8] {
        let known = self.known.iter().find(|(known, _)| *known == value);
        known.and_then(|(_, text)| text.as_deref()).unwrap_or(b"null")
    }
}
