//! Errors of a whole response, and the reasons why single lines are malformed.

use std::fmt;

/// Number of characters of a malformed line that are shown.
const SHOWN: usize = 120;

/// An error that makes a whole response unusable.
///
/// Samples that were reported before it are part of an incomplete response: sums over them, or a comparison with the response
/// before, would be wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpositionError {
    /// The response ended inside a line, or without the `# EOF` of OpenMetrics.
    #[error("the response is cut off after {bytes} bytes, in line {line}")]
    Truncated {
        /// Number of bytes received.
        bytes: u64,
        /// Number of the line that is incomplete, from 1.
        line: u64,
    },
    /// The response has more samples than the limit.
    #[error("the response has more than {limit} samples")]
    TooManySamples {
        /// The limit.
        limit: u64,
    },
    /// The response is longer than the limit.
    #[error("the response exceeds {limit} bytes")]
    TooLong {
        /// The limit.
        limit: u64,
    },
}

/// The reason why a line is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The line exceeds [`Limits::line_bytes`](crate::Limits::line_bytes).
    #[error("longer than the limit of a line")]
    TooLong,
    /// The line is not UTF-8.
    #[error("not UTF-8")]
    Encoding,
    /// The line does not begin with a metric name.
    #[error("expected a metric name")]
    Name,
    /// The labels are not `name="value"` pairs in braces.
    #[error("expected labels such as {{name=\"value\"}}")]
    Labels,
    /// The line has more labels than [`Limits::labels`](crate::Limits::labels).
    #[error("more labels than the limit")]
    TooManyLabels,
    /// Two labels have the same name.
    #[error("two labels of the same name")]
    DuplicateLabel,
    /// The value is absent or not a floating point number.
    #[error("expected a number as the value")]
    Value,
    /// The timestamp is not a number.
    #[error("expected a number as the timestamp")]
    Timestamp,
    /// Text follows the timestamp.
    #[error("unexpected text after the timestamp")]
    Trailing,
    /// The line follows `# EOF`, which ends an OpenMetrics response.
    #[error("text after # EOF")]
    AfterEnd,
}

/// A line that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MalformedLine {
    /// Number of the line, from 1.
    pub line: u64,
    /// Reason why it was left out.
    pub reason: Reason,
    /// The first 120 characters of the line.
    pub begins: String,
}

impl MalformedLine {
    pub(crate) fn new(line: u64, reason: Reason, bytes: &[u8]) -> Self {
        // A character has at most four bytes.
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * SHOWN)]);
        Self { line, reason, begins: text.chars().take(SHOWN).collect() }
    }
}

impl fmt::Display for MalformedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}; it begins with {:?}", self.line, self.reason, self.begins)
    }
}
