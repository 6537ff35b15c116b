use serde::de::MapAccess;

use super::*;

#[derive(Debug, Default, PartialEq)]
struct Row {
    name: Option<Box<str>>,
    size: Option<u64>,
    share: Option<f64>,
    inner: Vec<Row>,
    keys: Vec<String>,
}

impl Record for Row {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &Key, value: Value<'_, A>) -> Result<(), A::Error> {
        self.keys.push(key.text().to_owned());
        match key.lower() {
            "name" => self.name = value.text(8)?,
            "size" => self.size = value.count()?,
            "share" => self.share = value.number()?,
            "rows" => {
                value.list(3, |row: Row, notes| {
                    if row.name.is_none() {
                        return notes.row("no name");
                    }
                    self.inner.push(row);
                })?;
            }
            "only" => {
                let mut row = Row::default();
                if value.record(&mut row)? {
                    self.inner = vec![row];
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn parse(text: &str) -> (Row, Problems) {
    let mut row = Row::default();
    let problems = read(text.as_bytes(), &mut row, "a row").unwrap();
    (row, problems)
}

#[test]
fn keys_match_in_any_case_and_unknown_ones_are_skipped() {
    let (row, problems) =
        parse(r#" {"NAME": "a", "x": [{"name": [1]}], "sIze": 7, "Share": 0.25, "rows": null} "#);
    assert_eq!((row.name.as_deref(), row.size, row.share), (Some("a"), Some(7), Some(0.25)));
    assert_eq!(row.keys, ["NAME", "x", "sIze", "Share", "rows"]);
    assert!(problems.is_empty() && row.inner.is_empty());
}

#[test]
fn a_wrong_type_costs_the_field_and_is_named() {
    for (text, first) in [
        (r#"{"name": 5, "size": 1}"#, "name: expected a string, found a number"),
        (r#"{"name": true, "size": 1}"#, "name: expected a string, found a boolean"),
        (r#"{"name": {"a": [{}]}, "size": 1}"#, "name: expected a string, found an object"),
        (r#"{"name": [[1], {}], "size": 1}"#, "name: expected a string, found a list"),
        (r#"{"name": "123456789", "size": 1}"#, "name: longer than 8 bytes"),
        (r#"{"share": "1", "size": 1}"#, "share: expected a number, found a string"),
        (r#"{"only": "x", "size": 1}"#, "only: expected an object, found a string"),
        (r#"{"rows": {"a": 1}, "size": 1}"#, "rows: expected a list, found an object"),
        (r#"{"only": {"name": 1}, "size": 1}"#, "only.name: expected a string, found a number"),
    ] {
        let (row, problems) = parse(text);
        assert_eq!((problems.fields, problems.rows), (1, 0), "{text}");
        assert_eq!(problems.first.as_deref(), Some(first), "{text}");
        assert_eq!(row.size, Some(1), "{text}: the rest is kept");
    }
}

#[test]
fn counts_are_whole_numbers() {
    for (text, count) in [
        ("0", Some(0)),
        ("9223372036854772000", Some(9_223_372_036_854_772_000)),
        ("18446744073709551615", Some(u64::MAX)),
        ("1.5e9", Some(1_500_000_000)),
        ("-0.0", Some(0)),
        ("-1", None),
        ("0.5", None),
        ("18446744073709551616", None),
        ("\"5\"", None),
    ] {
        let (row, problems) = parse(&format!("{{\"size\": {text}}}"));
        assert_eq!(row.size, count, "{text}");
        assert_eq!(problems.is_empty(), count.is_some(), "{text}");
    }
}

#[test]
fn a_malformed_element_costs_its_row() {
    let (row, problems) =
        parse(r#"{"rows": [{"name": "a"}, null, {"size": 1}, {"name": "d"}, {"name": "e"}]}"#);
    assert_eq!(row.inner.len(), 1);
    assert_eq!((problems.fields, problems.rows), (0, 4));
    assert_eq!(problems.first.as_deref(), Some("rows[1]: expected an object, found null"));
}

#[test]
fn the_last_of_duplicate_keys_is_used() {
    assert_eq!(parse(r#"{"size": 1, "Size": 2}"#).0.size, Some(2));
    assert_eq!(parse(r#"{"name": "", "size": null}"#), {
        let keys = vec!["name".to_owned(), "size".to_owned()];
        (Row { keys, ..Row::default() }, Problems::default())
    });
}

#[test]
fn other_documents_are_errors() {
    for text in
        ["", " ", "<html>", "{", "{}{}", r#"{"name""#, r#"{"rows": [{}"#, "nul", r#"{"name": "\ud800"}"#]
    {
        let error = read(text.as_bytes(), &mut Row::default(), "a row").unwrap_err();
        assert!(matches!(error, JsonError::Syntax(_)), "{text}: {error}");
    }
    for text in ["null", "[]", "5", "\"x\"", "true"] {
        let error = read(text.as_bytes(), &mut Row::default(), "a row").unwrap_err();
        assert_eq!(error.to_string(), "the response is not a row", "{text}");
    }
}

/// A document of brackets alone must not exhaust the stack.
#[test]
fn deep_nesting_is_bounded() {
    for (open, is_skipped) in [("{\"only\":", false), ("{\"rows\":[", false), ("[", true)] {
        let text = if is_skipped {
            format!("{{\"x\":{}{}}}", open.repeat(100_000), "]".repeat(100_000))
        } else {
            open.repeat(100_000)
        };
        assert_eq!(read(text.as_bytes(), &mut Row::default(), "a row").is_ok(), is_skipped, "{open}");
    }
}

#[test]
fn invalid_utf8_and_long_keys_cost_little() {
    let mut row = Row::default();
    let problems = read(b"{\"name\": \"a\xff\", \"size\": 1}", &mut row, "a row").unwrap();
    assert_eq!((row.name.as_deref(), row.size), (Some("a\u{fffd}"), Some(1)));
    assert!(problems.is_empty());
    let (row, _) = parse(&format!("{{\"{}\": 1, \"size\": 2}}", "k".repeat(300)));
    assert_eq!((row.keys, row.size), (vec![String::new(), "size".into()], Some(2)));
}

#[test]
fn the_rows_of_a_document_are_bounded() {
    #[derive(Default)]
    struct Rows(usize);
    impl Record for Rows {
        fn field<'de, A: MapAccess<'de>>(&mut self, _: &Key, value: Value<'_, A>) -> Result<(), A::Error> {
            value.list(usize::MAX, |_: Row, _| self.0 += 1).map(|_| ())
        }
    }
    let mut rows = Rows(0);
    let text = format!("{{\"a\": [{}{{}}], \"b\": [{{}}, {{}}]}}", "{},".repeat(MAX_ROWS));
    let problems = read(text.as_bytes(), &mut rows, "rows").unwrap();
    assert_eq!((rows.0, problems.rows), (MAX_ROWS, 3));
}
