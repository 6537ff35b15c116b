//! Splits a list that arrives in pieces into its items.
//!
//! A list of ten thousand objects is some dozens of megabytes; at most one object of it is held.

use serde::Deserialize;

use crate::stream::split::{Fault, MAX_VALUE_BYTES, SplitError, Splitter};

pub(crate) use crate::stream::split::Element;

/// Largest list in bytes: three times that of 150,000 pods. A longer response cannot be a list.
const MAX_LIST_BYTES: u64 = 1 << 30;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ListError {
    #[error("the response is not a list")]
    NotAList,
    #[error("the list is truncated")]
    Truncated,
    #[error("the list exceeds {} MiB", MAX_LIST_BYTES >> 20)]
    Endless,
    #[error("the metadata of the list exceeds {} KiB", MAX_VALUE_BYTES >> 10)]
    LargeMetadata,
    #[error("invalid metadata of the list: {0}")]
    Metadata(String),
}

/// The `metadata` of a list.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListMeta {
    #[serde(default)]
    pub(crate) resource_version: String,
    #[serde(default, rename = "continue")]
    pub(crate) next: String,
}

/// The splitter; objects are not checked for valid JSON, which their parser does.
pub(crate) struct ListReader {
    splitter: Splitter,
    /// Number of bytes so far.
    read: u64,
}

impl ListReader {
    pub(crate) fn new() -> Self {
        Self { splitter: Splitter::new("items", &["metadata"]), read: 0 }
    }

    /// Calls `each` with every object that these bytes complete.
    pub(crate) fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Element<'_>)) -> Result<(), ListError> {
        self.read += bytes.len() as u64;
        if self.read > MAX_LIST_BYTES {
            return Err(ListError::Endless);
        }
        self.splitter.push(bytes, each)?;
        if self.splitter.is_too_large("metadata") { Err(ListError::LargeMetadata) } else { Ok(()) }
    }

    /// Ends the list after the last bytes, and returns its metadata.
    pub(crate) fn finish(self) -> Result<ListMeta, ListError> {
        if self.splitter.is_blank() {
            return Err(ListError::NotAList);
        }
        self.splitter.finish()?;
        if !self.splitter.has_list() {
            return Err(ListError::NotAList);
        }
        let metadata = self.splitter.beside("metadata").unwrap_or_default();
        let meta: ListMeta =
            serde_json::from_slice(metadata).map_err(|error| ListError::Metadata(error.to_string()))?;
        match meta.resource_version.is_empty() {
            true => Err(ListError::Metadata("no resourceVersion".into())),
            false => Ok(meta),
        }
    }
}

impl From<SplitError> for ListError {
    fn from(error: SplitError) -> Self {
        if error.fault == Fault::Truncated { Self::Truncated } else { Self::NotAList }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::split::MAX_ELEMENT_BYTES;
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
    fn pieces_of_any_size_give_the_same_elements() {
        let expected = read([LIST]);
        assert_eq!(expected.0, [r#"{"a":"}]\\\"{"}"#, r#"{"b":[{"c":{}}]}"#, "{}"]);
        assert_eq!(expected.1, Ok(ListMeta { resource_version: "7".into(), next: "abc".into() }));
        for size in 1..LIST.len() {
            assert_eq!(read(LIST.as_bytes().chunks(size)), expected, "pieces of {size}");
        }
        for end in 1..LIST.len() {
            let (_, result) = read([&LIST[..end]]);
            assert_eq!(result, Err(ListError::Truncated), "cut at {end}");
        }
    }

    #[test]
    fn empty_lists_are_accepted_and_other_documents_rejected() {
        let meta = r#""metadata":{"resourceVersion":"1"}"#;
        for empty in [format!(r#"{{{meta},"items":[]}}"#), format!(r#"{{"items":null,{meta}}}"#)] {
            let (found, result) = read([&empty]);
            assert!(found.is_empty() && result.is_ok(), "{empty}: {result:?}");
        }
        for (text, error) in [
            ("", ListError::NotAList),
            ("[]", ListError::NotAList),
            ("Forbidden", ListError::NotAList),
            (r#"{"kind":"Status","metadata":{},"message":"no"}"#, ListError::NotAList),
            ("}", ListError::NotAList),
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
    fn only_the_object_that_is_too_large_is_skipped() {
        let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(MAX_ELEMENT_BYTES));
        let list =
            format!(r#"{{"items":[{{"b":1}},{large},{{"c":[]}}],"metadata":{{"resourceVersion":"1"}}}}"#);
        for size in [65_537, 1 << 20, list.len()] {
            let (found, result) = read(list.as_bytes().chunks(size));
            assert_eq!(found, [r#"{"b":1}"#, "TOO LARGE", r#"{"c":[]}"#], "pieces of {size}");
            assert!(result.is_ok());
        }
    }

    #[test]
    fn endless_values_are_errors_and_never_buffered() {
        let piece = vec![b'x'; 4 << 20];
        for (begin, error) in [
            (r#"{"items":[{"a":""#, ListError::Endless),
            (r#"{"metadata":{"a":""#, ListError::LargeMetadata),
            (r#"{""#, ListError::Endless),
        ] {
            // Start 20 MiB below the bound: reading a gigabyte takes too long without optimisation.
            let mut reader = ListReader { read: MAX_LIST_BYTES - (20 << 20), ..ListReader::new() };
            reader.push(begin.as_bytes(), &mut |_| {}).unwrap();
            let found = (0..6).find_map(|_| {
                let error = reader.push(&piece, &mut |_| {}).err();
                let held = reader.splitter.held();
                assert!(held <= 2 * MAX_ELEMENT_BYTES, "{begin}: {held}");
                error
            });
            assert_eq!(found, Some(error), "{begin}");
        }
    }

    proptest! {
        #[test]
        fn any_objects_are_split_in_any_pieces(objects in prop::collection::vec(".{0,40}", 0..8), size in 1_usize..60) {
            let items: Vec<serde_json::Value> = objects.iter().map(|text| serde_json::json!({"t": text, text: [{}]})).collect();
            let list = serde_json::json!({"metadata": {"resourceVersion": "3"}, "items": items}).to_string();
            let (found, result) = read(list.as_bytes().chunks(size));
            let found: Vec<serde_json::Value> = found.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
            prop_assert_eq!(found, items);
            prop_assert!(result.is_ok());
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), size in 1_usize..60) {
            let _ = read(bytes.chunks(size));
        }
    }
}
