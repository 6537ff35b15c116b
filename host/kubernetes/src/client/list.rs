//! The items of a list, one after the other, out of an answer that comes in pieces.
//!
//! A list of ten thousand objects is some dozens of megabytes; never more than one object of it is held.

use serde::Deserialize;

/// Largest object that is held, as for the lines of a watch: one that is larger costs itself alone.
const OBJECT_BYTES: usize = super::lines::LINE_BYTES;

/// Largest `metadata` of a list; it holds a version and a token.
const METADATA_BYTES: usize = 64 * 1024;

/// Largest list: three times what 150,000 pods are. What goes on beyond it is no list any more.
const LIST_BYTES: u64 = 1 << 30;

/// What stays allocated between objects.
const KEPT_BYTES: usize = 64 * 1024;

/// Longer keys at the top of a list are none that is looked for.
const KEY_BYTES: usize = 32;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ListError {
    #[error("the answer is no list")]
    NoList,
    #[error("the list ends in its middle")]
    Cut,
    #[error("the list has more than {} MiB", LIST_BYTES >> 20)]
    Endless,
    #[error("the metadata of the list has more than {} KiB", METADATA_BYTES >> 10)]
    LargeMetadata,
    #[error("the metadata of the list: {0}")]
    Metadata(String),
}

/// `metadata` of a list.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListMeta {
    #[serde(default)]
    pub(super) resource_version: String,
    #[serde(default, rename = "continue")]
    pub(super) next: String,
}

/// An object of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element<'e> {
    /// Its text.
    Whole(&'e [u8]),
    /// Larger than an object that is held.
    TooLarge,
}

/// What is being copied.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Nothing,
    Key,
    Metadata,
    Item,
    /// An item that is too large: only its end is looked for.
    LargeItem,
}

/// Splits; whether an object is good JSON is for its reader to find out.
pub(super) struct ListReader {
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// A colon was seen at the top: what comes is a value.
    value: bool,
    in_items: bool,
    items: bool,
    part: Part,
    key: Vec<u8>,
    object: Vec<u8>,
    metadata: Vec<u8>,
    /// Bytes of all of it so far.
    read: u64,
}

impl ListReader {
    pub(super) fn new() -> Self {
        Self {
            depth: 0,
            in_string: false,
            escaped: false,
            value: false,
            in_items: false,
            items: false,
            part: Part::Nothing,
            key: Vec::new(),
            object: Vec::new(),
            metadata: Vec::new(),
            read: 0,
        }
    }

    /// Calls `each` with every object that is complete with these bytes.
    pub(super) fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Element<'_>)) -> Result<(), ListError> {
        self.read += bytes.len() as u64;
        if self.read > LIST_BYTES {
            return Err(ListError::Endless);
        }
        // First byte of the part that is being copied, within these bytes.
        let mut from = 0;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => {
                        self.in_string = false;
                        if self.part == Part::Key {
                            self.key.extend(&bytes[from..at]);
                            self.part = Part::Nothing;
                        }
                    }
                    _ => {}
                }
                at += 1;
                continue;
            }
            match byte {
                b'"' => {
                    self.in_string = true;
                    if self.depth == 1 && !self.value {
                        self.key.clear();
                        self.part = Part::Key;
                        from = at + 1;
                    }
                }
                b':' if self.depth == 1 => self.value = true,
                b',' if self.depth == 1 => self.value = false,
                b'{' | b'[' => {
                    let known = self.depth == 1 && self.value;
                    match (self.depth, byte) {
                        (0, b'[') => return Err(ListError::NoList),
                        (1, b'{') if known && self.key == b"metadata" => {
                            self.metadata.clear();
                            self.part = Part::Metadata;
                            from = at;
                        }
                        (1, b'[') if known && self.key == b"items" => {
                            self.in_items = true;
                            self.items = true;
                        }
                        (2, b'{') if self.in_items => {
                            self.part = Part::Item;
                            from = at;
                        }
                        _ => {}
                    }
                    self.depth += 1;
                }
                b'}' | b']' => {
                    self.depth = self.depth.checked_sub(1).ok_or(ListError::NoList)?;
                    match (self.depth, self.part) {
                        (2, Part::Item) => {
                            self.item(&bytes[from..=at], each);
                            self.part = Part::Nothing;
                        }
                        (2, Part::LargeItem) => self.part = Part::Nothing,
                        (1, Part::Metadata) => {
                            self.metadata.extend(&bytes[from..=at]);
                            self.part = Part::Nothing;
                        }
                        (1, _) => self.in_items = false,
                        _ => {}
                    }
                }
                // A list may be null, Go's empty one.
                b'n' if self.depth == 1 && self.value && self.key == b"items" => self.items = true,
                _ if self.depth == 0 && !byte.is_ascii_whitespace() => return Err(ListError::NoList),
                _ => {}
            }
            at += 1;
        }
        let rest = &bytes[from.min(bytes.len())..];
        match self.part {
            Part::Nothing | Part::LargeItem => {}
            Part::Key if self.key.len() + rest.len() > KEY_BYTES => {
                self.key.clear();
                self.part = Part::Nothing;
            }
            Part::Key => self.key.extend(rest),
            Part::Metadata => self.metadata.extend(rest),
            Part::Item if self.object.len() + rest.len() > OBJECT_BYTES => {
                self.object = Vec::new();
                self.part = Part::LargeItem;
                each(Element::TooLarge);
            }
            Part::Item => self.object.extend(rest),
        }
        if self.metadata.len() > METADATA_BYTES { Err(ListError::LargeMetadata) } else { Ok(()) }
    }

    /// An item that ends with `end`.
    fn item(&mut self, end: &[u8], each: &mut dyn FnMut(Element<'_>)) {
        if self.object.len() + end.len() > OBJECT_BYTES {
            each(Element::TooLarge);
            self.object = Vec::new();
            return;
        }
        if self.object.is_empty() {
            return each(Element::Whole(end));
        }
        self.object.extend(end);
        each(Element::Whole(&self.object));
        self.object.clear();
        self.object.shrink_to(KEPT_BYTES);
    }

    /// After the last bytes.
    pub(super) fn finish(self) -> Result<ListMeta, ListError> {
        if self.depth > 0 {
            return Err(ListError::Cut);
        }
        if !self.items {
            return Err(ListError::NoList);
        }
        let meta: ListMeta =
            serde_json::from_slice(&self.metadata).map_err(|error| ListError::Metadata(error.to_string()))?;
        match meta.resource_version.is_empty() {
            true => Err(ListError::Metadata("no resourceVersion".into())),
            false => Ok(meta),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIST: &str = r#"{"kind":"PodList","metadata":{"resourceVersion":"7","continue":"abc","x":{"items":[{}]}},
        "odd":{"items":[{"no":1}]}, "text":"items\":[{\"no\":2}", "items" : [ {"a":"}]\\\"{"} , {"b":[{"c":{}}]},{}]}"#;

    fn read(
        pieces: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) -> (Vec<String>, Result<ListMeta, ListError>) {
        let (mut reader, mut found) = (ListReader::new(), Vec::new());
        for piece in pieces {
            let each = &mut |element: Element<'_>| {
                found.push(match element {
                    Element::Whole(object) => String::from_utf8_lossy(object).into_owned(),
                    Element::TooLarge => "TOO LARGE".into(),
                });
            };
            if let Err(error) = reader.push(piece.as_ref(), each) {
                return (found, Err(error));
            }
        }
        (found, reader.finish())
    }

    #[test]
    fn wherever_it_is_cut() {
        let expected = read([LIST]);
        assert_eq!(expected.0, [r#"{"a":"}]\\\"{"}"#, r#"{"b":[{"c":{}}]}"#, "{}"]);
        assert_eq!(expected.1, Ok(ListMeta { resource_version: "7".into(), next: "abc".into() }));
        for size in 1..LIST.len() {
            assert_eq!(read(LIST.as_bytes().chunks(size)), expected, "pieces of {size}");
        }
        for end in 1..LIST.len() {
            let (_, result) = read([&LIST[..end]]);
            assert_eq!(result, Err(ListError::Cut), "cut at {end}");
        }
    }

    #[test]
    fn empty_lists_and_other_documents() {
        let meta = r#""metadata":{"resourceVersion":"1"}"#;
        for empty in [format!(r#"{{{meta},"items":[]}}"#), format!(r#"{{"items":null,{meta}}}"#)] {
            let (found, result) = read([&empty]);
            assert!(found.is_empty() && result.is_ok(), "{empty}: {result:?}");
        }
        for (text, error) in [
            ("", ListError::NoList),
            ("[]", ListError::NoList),
            ("Forbidden", ListError::NoList),
            (r#"{"kind":"Status","metadata":{},"message":"no"}"#, ListError::NoList),
            ("}", ListError::NoList),
        ] {
            assert_eq!(read([text]).1, Err(error), "{text}");
        }
        for text in [
            r#"{"items":[]}"#,
            r#"{"items":[],"metadata":{}}"#,
            r#"{"items":[],"metadata":{"resourceVersion":1}}"#,
        ] {
            assert!(matches!(read([text]).1, Err(ListError::Metadata(_))), "{text}");
        }
    }

    #[test]
    fn an_object_that_is_too_large_costs_itself_alone() {
        let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(OBJECT_BYTES));
        let list =
            format!(r#"{{"items":[{{"b":1}},{large},{{"c":[]}}],"metadata":{{"resourceVersion":"1"}}}}"#);
        for size in [65_537, 1 << 20, list.len()] {
            let (found, result) = read(list.as_bytes().chunks(size));
            assert_eq!(found, [r#"{"b":1}"#, "TOO LARGE", r#"{"c":[]}"#], "pieces of {size}");
            assert!(result.is_ok());
        }
    }

    #[test]
    fn what_never_ends_is_given_up_and_never_held() {
        let piece = vec![b'x'; 4 << 20];
        for (begin, error) in [
            (r#"{"items":[{"a":""#, ListError::Endless),
            (r#"{"metadata":{"a":""#, ListError::LargeMetadata),
            (r#"{""#, ListError::Endless),
        ] {
            // All but 20 MiB of the bound were read before: a gigabyte takes a while without optimisation.
            let mut reader = ListReader { read: LIST_BYTES - (20 << 20), ..ListReader::new() };
            reader.push(begin.as_bytes(), &mut |_| {}).unwrap();
            let found = (0..6).find_map(|_| {
                let error = reader.push(&piece, &mut |_| {}).err();
                let held = reader.object.capacity() + reader.key.capacity();
                assert!(held <= 2 * OBJECT_BYTES, "{begin}: {held}");
                error
            });
            assert_eq!(found, Some(error), "{begin}");
        }
    }

    proptest! {
        #[test]
        fn any_objects_in_any_pieces(objects in prop::collection::vec(".{0,40}", 0..8), size in 1_usize..60) {
            let items: Vec<serde_json::Value> = objects.iter().map(|text| serde_json::json!({"t": text, text: [{}]})).collect();
            let list = serde_json::json!({"metadata": {"resourceVersion": "3"}, "items": items}).to_string();
            let (found, result) = read(list.as_bytes().chunks(size));
            let found: Vec<serde_json::Value> = found.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
            prop_assert_eq!(found, items);
            prop_assert!(result.is_ok());
        }

        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300), size in 1_usize..60) {
            let _ = read(bytes.chunks(size));
        }
    }
}
