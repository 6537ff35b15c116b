//! The items of a list, one after the other, out of an answer that comes in pieces.
//!
//! A list of ten thousand objects is some dozens of megabytes; never more than one object of it is held.

use serde::Deserialize;

/// One object is at most 1.5 MiB in etcd; its JSON is larger than what is stored.
const OBJECT_BYTES: usize = 16 << 20;

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
    #[error("an object of the list has more than {} MiB", OBJECT_BYTES >> 20)]
    Large,
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

/// What is being copied.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Nothing,
    Key,
    Metadata,
    Item,
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
        }
    }

    /// Calls `each` with every object that is complete with these bytes.
    pub(super) fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(&[u8])) -> Result<(), ListError> {
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
                            let rest = &bytes[from..=at];
                            if self.object.is_empty() {
                                each(rest);
                            } else {
                                self.object.extend(rest);
                                each(&self.object);
                                self.object.clear();
                                self.object.shrink_to(KEPT_BYTES);
                            }
                            self.part = Part::Nothing;
                        }
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
            Part::Nothing => {}
            Part::Key if self.key.len() + rest.len() > KEY_BYTES => {
                self.key.clear();
                self.part = Part::Nothing;
            }
            Part::Key => self.key.extend(rest),
            Part::Metadata => self.metadata.extend(rest),
            Part::Item => self.object.extend(rest),
        }
        match self.object.len().max(self.metadata.len()) {
            bytes if bytes > OBJECT_BYTES => Err(ListError::Large),
            _ => Ok(()),
        }
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
            let each = &mut |object: &[u8]| found.push(String::from_utf8_lossy(object).into_owned());
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
    fn one_object_is_bounded() {
        let mut reader = ListReader::new();
        reader.push(br#"{"items":[{"a":""#, &mut |_| {}).unwrap();
        let piece = vec![b'x'; 1 << 20];
        let error = (0..20).find_map(|_| reader.push(&piece, &mut |_| {}).err());
        assert_eq!(error, Some(ListError::Large));
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
