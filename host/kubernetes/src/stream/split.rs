//! Splits a JSON document that arrives in pieces: one object that contains one list, which is handed out element by
//! element.
//!
//! ```text
//! {"kind": "PodList", "metadata": {…}, "items": [{…}, {…}, …]}
//!          beside                 beside         elements
//! ```
//!
//! At most one element is held, and at most [`MAX_ELEMENT_BYTES`] of it: only an element that is larger is lost. Elements and
//! values are not checked, only their ends are searched: their parser finds malformed ones, which do not affect the others.

mod position;
mod scanner;
#[cfg(test)]
mod tests;

use super::RETAINED_BYTES;
use position::Position;
use scanner::Scanner;

/// Largest element that is held in bytes. etcd stores at most 1.5 MiB per object; all responses that are read at the same
/// time must stay far below the memory limit of the process.
pub(crate) const MAX_ELEMENT_BYTES: usize = 2 << 20;

/// Largest value beside the list that is held in bytes: a version, a token, a message.
pub(crate) const MAX_VALUE_BYTES: usize = 64 * 1024;

/// Largest number of bytes of a top-level key that are compared; longer keys match none of the requested ones.
const MAX_KEY_BYTES: usize = 32;

/// An element of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element<'e> {
    /// The bytes of the element, without white space around them.
    Whole(&'e [u8]),
    /// The element is larger than [`MAX_ELEMENT_BYTES`]. Reported when the bound is reached, before the element has ended.
    TooLarge,
}

/// The document is not one object that contains one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SplitError {
    /// Line of the offending byte, from 1.
    pub(crate) line: usize,
    /// Column of the offending byte in bytes, from 1.
    pub(crate) column: usize,
    pub(crate) fault: Fault,
}

/// The reason why a document cannot be split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Something other than this was found.
    Expected(&'static str),
    /// The list occurs twice.
    SecondList,
    /// The document is cut off.
    Truncated,
}

/// Position in the grammar of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SplitState {
    Start,
    FirstKey,
    NextKey,
    Key,
    Colon,
    Value,
    /// In a value beside the list.
    Beside,
    /// In `null` instead of the list, after this number of its bytes.
    Null(usize),
    FirstElement,
    NextElement,
    Element,
    /// In an element that is too large and is skipped up to its end.
    LargeElement,
    AfterElement,
    AfterValue,
    End,
}

const NULL: &[u8] = b"null";

/// A value beside the list.
#[derive(Debug)]
struct Beside {
    key: &'static str,
    text: Option<Vec<u8>>,
    is_too_large: bool,
}

/// The splitter of one document.
#[derive(Debug)]
pub(crate) struct Splitter {
    list: &'static str,
    has_list: bool,
    beside: Vec<Beside>,
    state: SplitState,
    scanner: Scanner,
    key: Vec<u8>,
    /// Index of the value beside the list that is being read.
    current: Option<usize>,
    element: Vec<u8>,
    /// Position of the next byte.
    position: Position,
}

impl Splitter {
    /// Creates a splitter for the list under the key `list`. Keeps the values of the keys `beside` as well.
    pub(crate) fn new(list: &'static str, beside: &[&'static str]) -> Self {
        Self {
            list,
            has_list: false,
            beside: beside.iter().map(|key| Beside { key, text: None, is_too_large: false }).collect(),
            state: SplitState::Start,
            scanner: Scanner::default(),
            key: Vec::new(),
            current: None,
            element: Vec::new(),
            position: Position::default(),
        }
    }

    /// Calls `each` with every element that these bytes complete.
    ///
    /// # Errors
    /// If the document is not as expected; nothing can be read after that.
    pub(crate) fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Element<'_>)) -> Result<(), SplitError> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let rest = &bytes[at..];
            at += match self.state {
                SplitState::Key => self.read_key(rest),
                SplitState::Beside => self.read_beside(rest),
                SplitState::Element | SplitState::LargeElement => self.read_element(rest, each),
                _ if byte.is_ascii_whitespace() && !matches!(self.state, SplitState::Null(_)) => 1,
                _ => self.step(byte).map_err(|fault| self.error(&bytes[..=at], fault))?,
            };
        }
        self.position = self.position.after(bytes);
        Ok(())
    }

    /// Ends the document after the last bytes.
    ///
    /// # Errors
    /// If the document is not complete.
    pub(crate) fn finish(&self) -> Result<(), SplitError> {
        if self.state == SplitState::End { Ok(()) } else { Err(self.error(&[], Fault::Truncated)) }
    }

    /// Returns true while only white space was read.
    pub(crate) fn is_blank(&self) -> bool {
        self.state == SplitState::Start
    }

    /// Returns true once the list was found; `null` counts as an empty list.
    pub(crate) fn has_list(&self) -> bool {
        self.has_list
    }

    /// Returns the text of a value beside the list, unless it is too large.
    pub(crate) fn beside(&self, key: &str) -> Option<&[u8]> {
        let value = self.beside.iter().find(|value| value.key == key && !value.is_too_large)?;
        value.text.as_deref().map(<[u8]>::trim_ascii)
    }

    /// Returns true if the value is larger than [`MAX_VALUE_BYTES`].
    #[cfg(any(feature = "client", feature = "fuzzing"))]
    pub(crate) fn is_too_large(&self, key: &str) -> bool {
        self.beside.iter().any(|value| value.key == key && value.is_too_large)
    }

    /// Returns the number of allocated bytes.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        let beside = self.beside.iter().flat_map(|value| &value.text).map(Vec::capacity).sum::<usize>();
        self.key.capacity() + self.element.capacity() + beside
    }

    /// Processes one byte between keys, values and elements; returns 0 if it is the first byte of one of these.
    fn step(&mut self, byte: u8) -> Result<usize, Fault> {
        let (state, taken) = match (self.state, byte) {
            (SplitState::Start, b'{') => (SplitState::FirstKey, 1),
            (SplitState::Start, _) => return Err(Fault::Expected("an object")),
            (SplitState::FirstKey, b'}') | (SplitState::AfterValue, b'}') => (SplitState::End, 1),
            (SplitState::FirstKey | SplitState::NextKey, b'"') => {
                self.key.clear();
                (SplitState::Key, 1)
            }
            (SplitState::Colon, b':') => (SplitState::Value, 1),
            (SplitState::Value, b',' | b'}' | b']') => return Err(Fault::Expected("a value")),
            (SplitState::Value, _) if self.key == self.list.as_bytes() => {
                if std::mem::replace(&mut self.has_list, true) {
                    return Err(Fault::SecondList);
                }
                match byte {
                    b'[' => (SplitState::FirstElement, 1),
                    b'n' => (SplitState::Null(1), 1),
                    _ => return Err(Fault::Expected("a list")),
                }
            }
            (SplitState::Value, _) => {
                self.current = self.beside.iter().position(|value| value.key.as_bytes() == self.key);
                if let Some(value) = self.current.and_then(|index| self.beside.get_mut(index)) {
                    value.text = Some(Vec::new());
                }
                (SplitState::Beside, 0)
            }
            (SplitState::Null(read), _) if NULL.get(read) == Some(&byte) => (SplitState::Null(read + 1), 1),
            (SplitState::Null(4), _) => (SplitState::AfterValue, 0),
            (SplitState::Null(_), _) => return Err(Fault::Expected("a list")),
            (SplitState::FirstElement | SplitState::AfterElement, b']') => (SplitState::AfterValue, 1),
            (SplitState::FirstElement | SplitState::NextElement, b',' | b'}' | b']') => {
                return Err(Fault::Expected("an element"));
            }
            (SplitState::FirstElement | SplitState::NextElement, _) => (SplitState::Element, 0),
            (SplitState::AfterElement, b',') => (SplitState::NextElement, 1),
            (SplitState::AfterElement, _) => return Err(Fault::Expected("`,` or `]`")),
            (SplitState::AfterValue, b',') => (SplitState::NextKey, 1),
            (SplitState::AfterValue, _) => return Err(Fault::Expected("`,` or `}`")),
            (SplitState::Colon, _) => return Err(Fault::Expected("`:`")),
            (SplitState::End, _) => return Err(Fault::Expected("the end of the document")),
            (SplitState::FirstKey | SplitState::NextKey, _) => return Err(Fault::Expected("a key")),
            // Handled by `push`, which reads these in runs of bytes.
            (SplitState::Key | SplitState::Beside | SplitState::Element | SplitState::LargeElement, _) => {
                (self.state, 1)
            }
        };
        self.state = state;
        Ok(taken)
    }

    fn read_key(&mut self, bytes: &[u8]) -> usize {
        let end = self.scanner.string_end(bytes);
        let part = end.map_or(bytes, |end| &bytes[..end - 1]);
        // One byte more than any requested key is sufficient to distinguish it from all of them.
        let room = (MAX_KEY_BYTES + 1).saturating_sub(self.key.len());
        self.key.extend(part.iter().take(room));
        if end.is_some() {
            self.state = SplitState::Colon;
        }
        end.unwrap_or(bytes.len())
    }

    fn read_beside(&mut self, bytes: &[u8]) -> usize {
        let end = self.scanner.value_end(bytes);
        let part = &bytes[..end.unwrap_or(bytes.len())];
        if let Some(value) = self.current.and_then(|index| self.beside.get_mut(index))
            && let Some(text) = value.text.as_mut().filter(|_| !value.is_too_large)
        {
            if text.len() + part.len() > MAX_VALUE_BYTES {
                (value.text, value.is_too_large) = (None, true);
            } else {
                text.extend(part);
            }
        }
        if end.is_some() {
            self.state = SplitState::AfterValue;
        }
        part.len()
    }

    fn read_element(&mut self, bytes: &[u8], each: &mut dyn FnMut(Element<'_>)) -> usize {
        let end = self.scanner.value_end(bytes);
        let part = &bytes[..end.unwrap_or(bytes.len())];
        if self.state == SplitState::Element {
            if self.element.len() + part.len() > MAX_ELEMENT_BYTES {
                self.element = Vec::new();
                self.state = SplitState::LargeElement;
                each(Element::TooLarge);
            } else if end.is_none() {
                self.element.extend(part);
            } else if self.element.is_empty() {
                each(Element::Whole(part.trim_ascii()));
            } else {
                self.element.extend(part);
                each(Element::Whole(self.element.trim_ascii()));
                self.element.clear();
                self.element.shrink_to(RETAINED_BYTES);
            }
        }
        if end.is_some() {
            self.state = SplitState::AfterElement;
        }
        part.len()
    }

    /// Returns an error at the last of these bytes.
    fn error(&self, bytes: &[u8], fault: Fault) -> SplitError {
        let Position { lines, columns } = self.position.after(bytes);
        SplitError { line: lines + 1, column: columns, fault }
    }
}
