//! Splits a JSON document that arrives in pieces: one object that contains one list, which is handed out element by
//! element.
//!
//! ```text
//! {"kind": "PodList", "metadata": {…}, "items": [{…}, {…}, …]}
//!          beside                 beside         elements
//! ```
//!
//! At most one element is held, and at most [`ELEMENT_BYTES`] of it: only an element that is larger is lost. Elements and
//! values are not checked, only their ends are searched: their parser finds malformed ones, which do not affect the others.

/// Largest element that is held in bytes. etcd stores at most 1.5 MiB per object; all responses that are read at the same
/// time must stay far below the memory limit of the process.
pub(crate) const ELEMENT_BYTES: usize = 2 << 20;

/// Largest value beside the list that is held in bytes: a version, a token, a message.
pub(crate) const BESIDE_BYTES: usize = 64 * 1024;

/// Bytes that stay allocated between elements.
const KEPT_BYTES: usize = 64 * 1024;

/// Largest number of bytes of a top-level key that are compared; longer keys match none of the requested ones.
const KEY_BYTES: usize = 32;

/// An element of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element<'e> {
    /// The bytes of the element, without white space around them.
    Whole(&'e [u8]),
    /// The element is larger than [`ELEMENT_BYTES`]. Reported when the bound is reached, before the element has ended.
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
    Cut,
}

/// Position in the grammar of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
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
    state: State,
    /// Number of open brackets within the value or element that is being read.
    depth: u64,
    in_string: bool,
    is_escaped: bool,
    key: Vec<u8>,
    /// Index of the value beside the list that is being read.
    current: Option<usize>,
    element: Vec<u8>,
    /// Number of lines before that of the next byte.
    lines: usize,
    /// Number of bytes of that line so far.
    columns: usize,
}

impl Splitter {
    /// Creates a splitter for the list under the key `list`. Keeps the values of the keys `beside` as well.
    pub(crate) fn new(list: &'static str, beside: &[&'static str]) -> Self {
        Self {
            list,
            has_list: false,
            beside: beside.iter().map(|key| Beside { key, text: None, is_too_large: false }).collect(),
            state: State::Start,
            depth: 0,
            in_string: false,
            is_escaped: false,
            key: Vec::new(),
            current: None,
            element: Vec::new(),
            lines: 0,
            columns: 0,
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
                State::Key => self.read_key(rest),
                State::Beside => self.read_beside(rest),
                State::Element | State::LargeElement => self.read_element(rest, each),
                _ if byte.is_ascii_whitespace() && !matches!(self.state, State::Null(_)) => 1,
                _ => self.step(byte).map_err(|fault| self.error(&bytes[..=at], fault))?,
            };
        }
        self.advance(bytes);
        Ok(())
    }

    /// Ends the document after the last bytes.
    ///
    /// # Errors
    /// If the document is not complete.
    pub(crate) fn finish(&self) -> Result<(), SplitError> {
        if self.state == State::End { Ok(()) } else { Err(self.error(&[], Fault::Cut)) }
    }

    /// Returns true while only white space was read.
    pub(crate) fn is_blank(&self) -> bool {
        self.state == State::Start
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

    /// Returns true if the value is larger than [`BESIDE_BYTES`].
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
            (State::Start, b'{') => (State::FirstKey, 1),
            (State::Start, _) => return Err(Fault::Expected("an object")),
            (State::FirstKey, b'}') | (State::AfterValue, b'}') => (State::End, 1),
            (State::FirstKey | State::NextKey, b'"') => {
                self.key.clear();
                (State::Key, 1)
            }
            (State::Colon, b':') => (State::Value, 1),
            (State::Value, b',' | b'}' | b']') => return Err(Fault::Expected("a value")),
            (State::Value, _) if self.key == self.list.as_bytes() => {
                if std::mem::replace(&mut self.has_list, true) {
                    return Err(Fault::SecondList);
                }
                match byte {
                    b'[' => (State::FirstElement, 1),
                    b'n' => (State::Null(1), 1),
                    _ => return Err(Fault::Expected("a list")),
                }
            }
            (State::Value, _) => {
                self.current = self.beside.iter().position(|value| value.key.as_bytes() == self.key);
                if let Some(value) = self.current.and_then(|index| self.beside.get_mut(index)) {
                    value.text = Some(Vec::new());
                }
                (State::Beside, 0)
            }
            (State::Null(read), _) if NULL.get(read) == Some(&byte) => (State::Null(read + 1), 1),
            (State::Null(4), _) => (State::AfterValue, 0),
            (State::Null(_), _) => return Err(Fault::Expected("a list")),
            (State::FirstElement | State::AfterElement, b']') => (State::AfterValue, 1),
            (State::FirstElement | State::NextElement, b',' | b'}' | b']') => {
                return Err(Fault::Expected("an element"));
            }
            (State::FirstElement | State::NextElement, _) => (State::Element, 0),
            (State::AfterElement, b',') => (State::NextElement, 1),
            (State::AfterElement, _) => return Err(Fault::Expected("`,` or `]`")),
            (State::AfterValue, b',') => (State::NextKey, 1),
            (State::AfterValue, _) => return Err(Fault::Expected("`,` or `}`")),
            (State::Colon, _) => return Err(Fault::Expected("`:`")),
            (State::End, _) => return Err(Fault::Expected("the end of the document")),
            (State::FirstKey | State::NextKey, _) => return Err(Fault::Expected("a key")),
            // Handled by `push`, which reads these in runs of bytes.
            (State::Key | State::Beside | State::Element | State::LargeElement, _) => (self.state, 1),
        };
        self.state = state;
        Ok(taken)
    }

    /// Skips a string up to and including its end; returns `None` if it does not end within these bytes.
    fn string_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            if self.is_escaped {
                bytes.get(at)?;
                self.is_escaped = false;
                at += 1;
            }
            at += bytes.get(at..)?.iter().position(|&byte| matches!(byte, b'"' | b'\\'))?;
            self.is_escaped = bytes[at] == b'\\';
            at += 1;
            if !self.is_escaped {
                return Some(at);
            }
        }
    }

    fn read_key(&mut self, bytes: &[u8]) -> usize {
        let end = self.string_end(bytes);
        let part = end.map_or(bytes, |end| &bytes[..end - 1]);
        // One byte more than any requested key is sufficient to distinguish it from all of them.
        let room = (KEY_BYTES + 1).saturating_sub(self.key.len());
        self.key.extend(part.iter().take(room));
        if end.is_some() {
            self.state = State::Colon;
        }
        end.unwrap_or(bytes.len())
    }

    /// Finds the delimiter after the current value: the first comma or closing bracket that is not inside the value.
    fn value_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            if self.in_string {
                at += self.string_end(bytes.get(at..)?)?;
                self.in_string = false;
            }
            match bytes.get(at)? {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b',' | b'}' | b']' if self.depth == 0 => return Some(at),
                b'}' | b']' => self.depth -= 1,
                _ => {}
            }
            at += 1;
        }
    }

    fn read_beside(&mut self, bytes: &[u8]) -> usize {
        let end = self.value_end(bytes);
        let part = &bytes[..end.unwrap_or(bytes.len())];
        if let Some(value) = self.current.and_then(|index| self.beside.get_mut(index))
            && let Some(text) = value.text.as_mut().filter(|_| !value.is_too_large)
        {
            if text.len() + part.len() > BESIDE_BYTES {
                (value.text, value.is_too_large) = (None, true);
            } else {
                text.extend(part);
            }
        }
        if end.is_some() {
            self.state = State::AfterValue;
        }
        part.len()
    }

    fn read_element(&mut self, bytes: &[u8], each: &mut dyn FnMut(Element<'_>)) -> usize {
        let end = self.value_end(bytes);
        let part = &bytes[..end.unwrap_or(bytes.len())];
        if self.state == State::Element {
            if self.element.len() + part.len() > ELEMENT_BYTES {
                self.element = Vec::new();
                self.state = State::LargeElement;
                each(Element::TooLarge);
            } else if end.is_none() {
                self.element.extend(part);
            } else if self.element.is_empty() {
                each(Element::Whole(part.trim_ascii()));
            } else {
                self.element.extend(part);
                each(Element::Whole(self.element.trim_ascii()));
                self.element.clear();
                self.element.shrink_to(KEPT_BYTES);
            }
        }
        if end.is_some() {
            self.state = State::AfterElement;
        }
        part.len()
    }

    /// Counts the lines and columns of bytes that were read.
    fn advance(&mut self, bytes: &[u8]) {
        (self.lines, self.columns) = self.place_after(bytes);
    }

    fn place_after(&self, bytes: &[u8]) -> (usize, usize) {
        match bytes.iter().rposition(|&byte| byte == b'\n') {
            None => (self.lines, self.columns + bytes.len()),
            Some(last) => {
                let lines = bytes.iter().filter(|&&byte| byte == b'\n').count();
                (self.lines + lines, bytes.len() - last - 1)
            }
        }
    }

    /// Returns an error at the last of these bytes.
    fn error(&self, bytes: &[u8], fault: Fault) -> SplitError {
        let (lines, column) = self.place_after(bytes);
        SplitError { line: lines + 1, column, fault }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DOCUMENT: &str = r#"{"kind":"PodList","metadata":{"a":"7","x":{"items":[{}]}}, "n": -1.5e3 ,
        "odd":{"items":[{"no":1}]}, "text":"items\":[{\"no\":2}", "items" : [ {"a":"}]\\\"{"} , {"b":[{"c":{}}]},{}, null
        ,"]",7 ], "message": "after" } "#;

    fn split(
        pieces: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) -> (Vec<String>, Result<Option<String>, Fault>) {
        let (mut splitter, mut found) = (Splitter::new("items", &["kind", "message"]), Vec::new());
        for piece in pieces {
            let each = &mut |element: Element<'_>| {
                found.push(match element {
                    Element::Whole(text) => String::from_utf8_lossy(text).into_owned(),
                    Element::TooLarge => "TOO LARGE".into(),
                });
            };
            if let Err(error) = splitter.push(piece.as_ref(), each) {
                return (found, Err(error.fault));
            }
        }
        let message = splitter.beside("message").map(|text| String::from_utf8_lossy(text).into_owned());
        (found, splitter.finish().map(|()| message).map_err(|error| error.fault))
    }

    #[test]
    fn wherever_it_is_cut() {
        let expected = split([DOCUMENT]);
        let elements = [r#"{"a":"}]\\\"{"}"#, r#"{"b":[{"c":{}}]}"#, "{}", "null", r#""]""#, "7"];
        assert_eq!(expected.0, elements);
        assert_eq!(expected.1, Ok(Some(r#""after""#.into())));
        for size in 1..DOCUMENT.len() {
            assert_eq!(split(DOCUMENT.as_bytes().chunks(size)), expected, "pieces of {size}");
        }
        for end in 0..DOCUMENT.trim_end().len() {
            assert_eq!(split([&DOCUMENT[..end]]).1, Err(Fault::Cut), "cut at {end}");
        }
    }

    #[test]
    fn documents_that_are_none() {
        for (text, fault) in [
            ("[]", Fault::Expected("an object")),
            ("}", Fault::Expected("an object")),
            ("Forbidden", Fault::Expected("an object")),
            (r#"{"items":{}}"#, Fault::Expected("a list")),
            (r#"{"items":nil}"#, Fault::Expected("a list")),
            (r#"{"items":[],"items":null}"#, Fault::SecondList),
            (r#"{"items":[}"#, Fault::Expected("an element")),
            (r#"{"items":[1,]}"#, Fault::Expected("an element")),
            (r#"{"items":[1}"#, Fault::Expected("`,` or `]`")),
            (r#"{"items":[]]"#, Fault::Expected("`,` or `}`")),
            (r#"{"a":1]"#, Fault::Expected("`,` or `}`")),
            (r#"{"a" 1}"#, Fault::Expected("`:`")),
            (r#"{"a":}"#, Fault::Expected("a value")),
            (r#"{"a":1,}"#, Fault::Expected("a key")),
            (r"{a:1}", Fault::Expected("a key")),
            (r#"{"items":null}}"#, Fault::Expected("the end of the document")),
        ] {
            assert_eq!(split([text]).1, Err(fault), "{text}");
            assert_eq!(split(text.as_bytes().chunks(1)).1, Err(fault), "{text}");
        }
    }

    #[test]
    fn a_malformed_element_costs_itself_alone() {
        let (found, result) = split([r#"{"items":[{"a":[}],{"b" 1},x y,{"c":1}]}"#]);
        assert_eq!(found, [r#"{"a":[}]"#, r#"{"b" 1}"#, "x y", r#"{"c":1}"#]);
        assert!(result.is_ok());
        let large = format!(r#"{{"a":"{}"}}"#, "\u{e9}".repeat(ELEMENT_BYTES / 2));
        let list = format!(r#"{{"items":[{{"b":1}},{large},{{"c":[]}}]}}"#);
        for size in [65_537, 1 << 20, list.len()] {
            let (found, result) = split(list.as_bytes().chunks(size));
            assert_eq!(found, [r#"{"b":1}"#, "TOO LARGE", r#"{"c":[]}"#], "pieces of {size}");
            assert!(result.is_ok());
        }
    }

    #[test]
    fn what_never_ends_is_never_held() {
        let mut piece = vec![b'x'; 1 << 20];
        piece[5] = 0xff;
        let deep = vec![b'['; 1 << 20];
        for (begin, piece) in [
            (r#"{"items":[{"a":""#, &piece),
            (r#"{"items":["#, &deep),
            (r#"{"message":""#, &piece),
            (r#"{"other":"#, &deep),
            (r#"{""#, &piece),
        ] {
            let mut splitter = Splitter::new("items", &["message"]);
            splitter.push(begin.as_bytes(), &mut |_| {}).unwrap();
            for _ in 0..8 {
                splitter.push(piece, &mut |_| {}).unwrap();
                assert!(splitter.held() <= 2 * ELEMENT_BYTES, "{begin}: {}", splitter.held());
            }
            assert!(splitter.held() <= BESIDE_BYTES, "{begin}: {}", splitter.held());
        }
    }

    #[test]
    fn errors_have_their_place() {
        let error = |pieces: &[&str]| {
            let mut splitter = Splitter::new("items", &[]);
            let pushed: Result<Vec<()>, SplitError> =
                pieces.iter().map(|piece| splitter.push(piece.as_bytes(), &mut |_| {})).collect();
            let SplitError { line, column, .. } =
                pushed.and_then(|_| splitter.finish()).expect_err("no document");
            (line, column)
        };
        assert_eq!(error(&["x"]), (1, 1));
        assert_eq!(error(&["{\"items\": []}\n}"]), (2, 1));
        assert_eq!(error(&["{\"items\": [", "]}\n", " ", "}"]), (2, 2));
        assert_eq!(error(&["{\n\n \"a", "b\""]), (3, 5));
    }

    proptest! {
        #[test]
        fn any_elements_in_any_pieces(texts in prop::collection::vec(".{0,40}", 0..8), size in 1_usize..60) {
            let items: Vec<serde_json::Value> = texts.iter().map(|text| serde_json::json!({"t": text, text: [{}]})).collect();
            let list = serde_json::json!({"message": "m", "items": items}).to_string();
            let (found, result) = split(list.as_bytes().chunks(size));
            let found: Vec<serde_json::Value> = found.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
            prop_assert_eq!(found, items);
            prop_assert_eq!(result, Ok(Some("\"m\"".into())));
        }

        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300), size in 1_usize..60) {
            prop_assert_eq!(split(bytes.chunks(size)), split([&bytes]));
        }
    }
}
