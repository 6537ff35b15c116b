//! Outcomes of cases and their differences from the expectation.

use std::fmt::{self, Write};

use similar::TextDiff;

use super::protobuf;
use crate::{Columns, Payloads};

/// Media type of events that are shown field by field.
const PROTOBUF: &str = "application/x-protobuf";

/// Outcome of a case, native or from the component.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one at a time, in tests")]
pub enum Outcome {
    /// Batch returned by a transform.
    Batch(Columns),
    /// Events returned by a formatter.
    Events(Payloads),
    /// Error of `configure` or of the call.
    Error(String),
}

impl Outcome {
    /// Returns the text of the expectation that this outcome meets.
    pub fn text(&self) -> String {
        match self {
            Self::Batch(columns) => batch_text(columns),
            Self::Events(payloads) => events_text(payloads),
            Self::Error(text) => format!("{}\n", text.trim_end()),
        }
    }
}

/// A difference between expected and actual outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    /// Name of the file that holds the expectation.
    pub file: &'static str,
    /// Lines of a unified diff, `-` expected, `+` found.
    pub lines: String,
}

impl Diff {
    pub(super) fn unexpected(file: &'static str, found: &str) -> Self {
        let lines = format!("{file} is missing; the actual output is:\n{found}");
        Self { file, lines }
    }

    pub(super) fn between(
        file: &'static str,
        wanted: &str,
        found_file: &'static str,
        found: &str,
    ) -> Result<(), Self> {
        if file != found_file {
            let lines = format!("expected {file}, but the case produced {found_file}:\n{found}");
            return Err(Self { file, lines });
        }
        let (wanted, found) = (wanted.trim_end(), found.trim_end());
        if wanted == found {
            return Ok(());
        }
        let diff = TextDiff::from_lines(wanted, found);
        Err(Self {
            file,
            lines: diff.unified_diff().context_radius(4).missing_newline_hint(false).to_string(),
        })
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "differs from {} (- expected, + found)\n{}", self.file, self.lines)
    }
}

impl std::error::Error for Diff {}

/// Returns the same text for equivalent batches, whatever the order of their rows.
pub(super) fn batch_text(columns: &Columns) -> String {
    columns.to_json_sorted()
}

fn events_text(payloads: &Payloads) -> String {
    let mut text = String::new();
    for event in payloads.events() {
        text.push('#');
        for (key, value) in event.route {
            // Writing to a string cannot fail.
            let _ = write!(text, " {key}={value}");
        }
        let _ = writeln!(text, " time_unix_ms={}", event.time_unix_ms);
        if payloads.content_type.split(';').next() == Some(PROTOBUF) {
            text.push_str(&protobuf::text(event.bytes));
            continue;
        }
        text.push_str(&String::from_utf8_lossy(event.bytes));
        text.push('\n');
    }
    text
}
