//! A sample and its labels, borrowed from the reader's buffers.

use std::ops::Range;

/// A sample of a response. Valid only during the call that receives it.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// Metric name.
    pub name: &'a str,
    /// Labels in the order of the line.
    pub labels: Labels<'a>,
    /// Value, which may be NaN or infinite.
    pub value: f64,
    /// Time of the reading in milliseconds since the Unix epoch, if the line has one.
    pub timestamp_ms: Option<i64>,
}

/// The labels of a sample.
#[derive(Clone, Copy)]
pub struct Labels<'a> {
    pub(crate) line: &'a str,
    pub(crate) parsed: &'a LabelBuffer,
}

impl<'a> Labels<'a> {
    /// Returns the value of a label, with its escapes resolved.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Returns pairs of name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let Self { line, parsed } = *self;
        parsed.spans.iter().map(move |span| {
            let text = if span.is_unescaped { parsed.unescaped.as_str() } else { line };
            // The parser recorded ranges of these two texts.
            (
                line.get(span.name.clone()).unwrap_or_default(),
                text.get(span.value.clone()).unwrap_or_default(),
            )
        })
    }
}

impl std::fmt::Debug for Labels<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Positions of the labels of one line, reused for every line.
#[derive(Debug, Default)]
pub(crate) struct LabelBuffer {
    pub(crate) spans: Vec<LabelSpan>,
    /// The values that contain escapes, without them.
    pub(crate) unescaped: String,
}

/// Position of one label.
#[derive(Debug)]
pub(crate) struct LabelSpan {
    pub(crate) name: Range<usize>,
    pub(crate) value: Range<usize>,
    /// `true` if `value` is a range of [`LabelBuffer::unescaped`] instead of the line.
    pub(crate) is_unescaped: bool,
}

impl LabelBuffer {
    pub(crate) fn clear(&mut self) {
        self.spans.clear();
        self.unescaped.clear();
    }
}
