//! Attributes whose text is JSON, embedded in the event as JSON values.

use alloc::vec::Vec;

use insights_sdk::json::parse;
use insights_sdk::{Batch, Name};

use crate::text::write_value;

/// A cache of parsed texts. There are few distinct ones: nearly all events have the same `Sources`.
#[derive(Debug, Default)]
pub(crate) struct JsonTexts {
    known: Vec<(Name, Option<Vec<u8>>)>,
}

impl JsonTexts {
    /// Returns true if the value is valid JSON; other values remain strings.
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

    /// Returns the canonical text of a JSON value: without spaces, keys in order.
    pub(crate) fn text(&self, value: Name) -> &[u8] {
        let known = self.known.iter().find(|(known, _)| *known == value);
        known.and_then(|(_, text)| text.as_deref()).unwrap_or(b"null")
    }
}
