//! A document of the kubelet: one object that contains one list, read element by element as it arrives.

use crate::error::KubeletError;
use crate::problem::shortened;
use crate::stream::split::{Element, Fault, SplitError, Splitter};

/// Largest number of bytes of the response's beginning shown in an error: 60 characters of up to four bytes.
const BEGINS_BYTES: usize = 240;

/// A document of the kubelet and the key of its list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Document {
    /// Name of the document, for error texts.
    pub(crate) wanted: &'static str,
    /// Key of the list.
    pub(crate) key: &'static str,
}

/// The reader of one document. Holds at most one element.
#[derive(Debug)]
pub(crate) struct Reader {
    document: Document,
    source: String,
    splitter: Splitter,
    /// The first bytes of the document, without leading white space.
    begins: Vec<u8>,
    /// Number of elements so far.
    elements: usize,
}

impl Reader {
    /// Creates a reader; `source` names the server or file in errors.
    pub(crate) fn new(document: Document, source: &str) -> Self {
        Self {
            document,
            source: source.to_owned(),
            splitter: Splitter::new(document.key, &["kind", "message"]),
            begins: Vec::new(),
            elements: 0,
        }
    }

    /// Calls `each` with the index and the text of every element that these bytes complete.
    ///
    /// # Errors
    /// If the document is not a JSON object with a list (or null, Go's empty list) under the key, or has data after it.
    pub(crate) fn push(
        &mut self,
        bytes: &[u8],
        each: &mut dyn FnMut(usize, Element<'_>),
    ) -> Result<(), KubeletError> {
        if self.begins.len() < BEGINS_BYTES {
            let bytes = if self.begins.is_empty() { bytes.trim_ascii_start() } else { bytes };
            self.begins.extend(bytes.iter().take(BEGINS_BYTES - self.begins.len()));
        }
        let elements = &mut self.elements;
        let pushed = self.splitter.push(bytes, &mut |element| {
            each(*elements, element);
            *elements += 1;
        });
        pushed.map_err(|error| self.syntax(error))
    }

    /// Ends the document after the last bytes.
    ///
    /// # Errors
    /// As for [`Reader::push`], or if the document is cut off.
    pub(crate) fn finish(&self) -> Result<(), KubeletError> {
        let Document { wanted, key } = self.document;
        let source_name = self.source.clone();
        if self.splitter.is_blank() {
            return Err(KubeletError::Empty { source_name, wanted });
        }
        self.splitter.finish().map_err(|error| self.syntax(error))?;
        if self.splitter.has_list() {
            return Ok(());
        }
        let string_of = |key| serde_json::from_slice::<String>(self.splitter.beside(key)?).ok();
        let found = string_of("kind")
            .map_or_else(|| "an object without `kind`".into(), |kind| format!("kind `{}`", shortened(kind)));
        Err(KubeletError::NoList {
            source_name,
            wanted,
            key,
            found,
            message: string_of("message").map(shortened),
        })
    }

    fn syntax(&self, error: SplitError) -> KubeletError {
        KubeletError::Syntax {
            source_name: self.source.clone(),
            line: error.line,
            column: error.column,
            message: match error.fault {
                Fault::Expected(expected) => format!("expected {expected}"),
                Fault::SecondList => format!("duplicate field `{}`", self.document.key),
                Fault::Truncated => "unexpected end of the document".into(),
            },
            wanted: self.document.wanted,
            begins: shortened(String::from_utf8_lossy(&self.begins).chars().take(60).collect()),
        }
    }
}
