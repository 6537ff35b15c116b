//! Tests of splitting complete, truncated, malformed and endless documents.

use super::*;
use proptest::prelude::*;

const DOCUMENT: &str = r#"{"kind":"PodList","metadata":{"a":"7","x":{"items":[{}]}}, "n": -1.5e3 ,
        "odd":{"items":[{"no":1}]}, "text":"items\":[{\"no\":2}", "items" : [ {"a":"}]\\\"{"} , {"b":[{"c":{}}]},{}, null
        ,"]",7 ], "message": "after" } "#;

fn split(pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> (Vec<String>, Result<Option<String>, Fault>) {
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
fn pieces_of_any_size_give_the_same_elements() {
    let expected = split([DOCUMENT]);
    let elements = [r#"{"a":"}]\\\"{"}"#, r#"{"b":[{"c":{}}]}"#, "{}", "null", r#""]""#, "7"];
    assert_eq!(expected.0, elements);
    assert_eq!(expected.1, Ok(Some(r#""after""#.into())));
    for size in 1..DOCUMENT.len() {
        assert_eq!(split(DOCUMENT.as_bytes().chunks(size)), expected, "pieces of {size}");
    }
    for end in 0..DOCUMENT.trim_end().len() {
        assert_eq!(split([&DOCUMENT[..end]]).1, Err(Fault::Truncated), "cut at {end}");
    }
}

#[test]
fn malformed_documents_are_errors() {
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
fn only_malformed_and_large_elements_are_affected() {
    let (found, result) = split([r#"{"items":[{"a":[}],{"b" 1},x y,{"c":1}]}"#]);
    assert_eq!(found, [r#"{"a":[}]"#, r#"{"b" 1}"#, "x y", r#"{"c":1}"#]);
    assert!(result.is_ok());
    let large = format!(r#"{{"a":"{}"}}"#, "\u{e9}".repeat(MAX_ELEMENT_BYTES / 2));
    let list = format!(r#"{{"items":[{{"b":1}},{large},{{"c":[]}}]}}"#);
    for size in [65_537, 1 << 20, list.len()] {
        let (found, result) = split(list.as_bytes().chunks(size));
        assert_eq!(found, [r#"{"b":1}"#, "TOO LARGE", r#"{"c":[]}"#], "pieces of {size}");
        assert!(result.is_ok());
    }
}

#[test]
fn endless_values_are_never_buffered() {
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
            assert!(splitter.held() <= 2 * MAX_ELEMENT_BYTES, "{begin}: {}", splitter.held());
        }
        assert!(splitter.held() <= MAX_VALUE_BYTES, "{begin}: {}", splitter.held());
    }
}

#[test]
fn errors_have_line_and_column() {
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
    fn any_elements_are_split_in_any_pieces(texts in prop::collection::vec(".{0,40}", 0..8), size in 1_usize..60) {
        let items: Vec<serde_json::Value> = texts.iter().map(|text| serde_json::json!({"t": text, text: [{}]})).collect();
        let list = serde_json::json!({"message": "m", "items": items}).to_string();
        let (found, result) = split(list.as_bytes().chunks(size));
        let found: Vec<serde_json::Value> = found.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        prop_assert_eq!(found, items);
        prop_assert_eq!(result, Ok(Some("\"m\"".into())));
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), size in 1_usize..60) {
        prop_assert_eq!(split(bytes.chunks(size)), split([&bytes]));
    }
}
