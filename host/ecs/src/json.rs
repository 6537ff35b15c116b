//! Lenient, bounded reading of JSON documents.
//!
//! The reference agent decodes these documents with Go's `encoding/json`, which matches keys without regard to case. A
//! document is read as a stream into [`Record`]s, so that unknown parts cost no memory. A value of a wrong type, or a
//! string over its bound, costs only its field; a malformed element of a list costs only its row.

mod any;
mod problems;
mod record;
mod value;

use serde::de::DeserializeSeed as _;

pub use problems::Problems;
pub(crate) use record::{Key, Record};
pub(crate) use value::Value;

use any::Any;
use record::RecordReader;

/// Maximum number of elements of all lists of a document. An element takes up to a hundred times the memory of its text.
const MAX_ROWS: usize = 100_000;

/// A document that cannot be read at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON, or cut off.
    #[error("the response is not a complete JSON document: {0}")]
    Syntax(String),
    /// JSON, but not the documented object.
    #[error("the response is not {0}")]
    OtherDocument(&'static str),
}

/// Reads a document into `record`. Returns the parts that were left out; `wanted` names the document in errors.
///
/// # Errors
/// If the document is not a JSON object, or has data after it.
pub(crate) fn read<R: Record>(
    body: &[u8],
    record: &mut R,
    wanted: &'static str,
) -> Result<Problems, JsonError> {
    // A byte that is not UTF-8 must not cost the whole document: it becomes U+FFFD.
    let text = String::from_utf8_lossy(body);
    let mut notes = Notes { path: String::new(), rows_left: MAX_ROWS, problems: Problems::default() };
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    let is_object = Any::new(RecordReader { record, notes: &mut notes, is_row: false })
        .deserialize(&mut deserializer)
        .and_then(|is_object| deserializer.end().map(|()| is_object))
        .map_err(|error| JsonError::Syntax(error.to_string()))?;
    if is_object { Ok(notes.problems) } else { Err(JsonError::OtherDocument(wanted)) }
}

/// Position in a document, and the problems found so far.
#[derive(Debug)]
pub(crate) struct Notes {
    /// Path of the current value, such as `Tasks[3].Containers[0].Name`.
    path: String,
    /// Number of list elements that may still be read.
    rows_left: usize,
    problems: Problems,
}

impl Notes {
    /// Records that the current value is left out.
    pub(crate) fn field(&mut self, message: impl std::fmt::Display) {
        let Self { path, problems, .. } = self;
        problems.push_field(|| format!("{path}: {message}"));
    }

    /// Records that the current row is left out.
    pub(crate) fn row(&mut self, message: impl std::fmt::Display) {
        let Self { path, problems, .. } = self;
        problems.push_row(|| format!("{path}: {message}"));
    }
}

#[cfg(test)]
mod tests;
