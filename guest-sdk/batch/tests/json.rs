//! The JSON reader and writer, compared with `serde_json`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use insights_batch::json::{self, Value};
use proptest::prelude::*;

fn number(value: f64) -> String {
    let mut out = Vec::new();
    json::write_number(&mut out, value);
    String::from_utf8(out).unwrap()
}

fn string(text: &str) -> String {
    let mut out = Vec::new();
    json::write_string(&mut out, text);
    String::from_utf8(out).unwrap()
}

#[test]
fn numbers_are_written_as_the_reference_writes_them() {
    let cases = [
        (0.0, "0"),
        (-0.0, "-0"),
        (5.0, "5"),
        (-5.5, "-5.5"),
        (0.1, "0.1"),
        (29.999999999999996, "29.999999999999996"),
        (1e-6, "0.000001"),
        (9.99e-7, "9.99e-7"),
        (-1.5e-10, "-1.5e-10"),
        (5e-324, "5e-324"),
        (123456789012345680.0, "123456789012345680"),
        (9007199254740993.0, "9007199254740992"),
        (1e20, "100000000000000000000"),
        (999999999999999900000.0, "999999999999999900000"),
        (1e21, "1e+21"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (1234567.891, "1234567.891"),
        (0.000012345, "0.000012345"),
        (f64::NAN, "null"),
        (f64::INFINITY, "null"),
    ];
    for (value, text) in cases {
        assert_eq!(number(value), text);
    }
}

#[test]
fn strings_are_escaped_where_json_asks_for_it() {
    assert_eq!(string("a\"b\\c\n\r\t\u{1}\u{7f}é/<"), "\"a\\\"b\\\\c\\n\\r\\t\\u0001\u{7f}é/<\"");
    assert_eq!(string(""), "\"\"");
}

#[test]
fn faults_are_named_with_line_and_column() {
    let cases = [
        ("", "line 1, column 1: expected a value, found the end of the text"),
        ("{\n  \"é\": tru\n}", "line 2, column 8: expected a value"),
        ("[1,]", "line 1, column 4: expected a value"),
        ("[1 2]", "line 1, column 4: expected `,` or `]`"),
        ("{\"a\":1,\n\"a\":2}", "line 2, column 1: duplicate key `a`"),
        ("{a:1}", "line 1, column 2: expected a key in double quotes"),
        ("{\"a\" 1}", "line 1, column 6: expected `:`"),
        ("1 1", "line 1, column 3: unexpected text after the value"),
        ("-", "line 1, column 2: expected a digit"),
        ("1.x", "line 1, column 3: expected a digit"),
        ("1e999", "line 1, column 1: expected a number of at most 1.8e308"),
        ("\"a", "line 1, column 3: unterminated string: expected `\"`"),
        ("\"\n\"", "line 1, column 2: control characters in a string must be escaped"),
        ("\"\\x\"", "line 1, column 3: expected one of `\"\\/bfnrtu` after `\\`"),
        ("\"\\ud800\"", "line 1, column 8: unpaired surrogate"),
        ("\"\\u12é4\"", "line 1, column 4: expected four hexadecimal digits after `\\u`"),
    ];
    for (text, message) in cases {
        assert_eq!(json::parse(text).unwrap_err().to_string(), message, "{text}");
    }
    let deep = "[".repeat(100_000);
    assert!(json::parse(&deep).unwrap_err().to_string().ends_with("nested deeper than 128"));
}

#[test]
fn whole_numbers_are_exact() {
    assert_eq!(json::parse("18446744073709551615"), Ok(Value::Integer(u64::MAX)));
    assert_eq!(json::parse("18446744073709551616"), Ok(Value::Number(18446744073709551616.0)));
    assert_eq!(json::parse("-7"), Ok(Value::Number(-7.0)));
    assert_eq!(json::parse("5.0").unwrap().as_u64(), Some(5));
    assert_eq!(json::parse("5.5").unwrap().as_u64(), None);
    assert_eq!(json::parse("-1").unwrap().as_u64(), None);
}

#[test]
fn numbers_are_rounded_to_the_nearest() {
    let long = format!("9007199254740993.{}1", "0".repeat(1200));
    let texts = [
        "9007199254740993.0",
        &long,
        "2.2250738585072011e-308",
        "2.2250738585072014e-308",
        "5e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1e-400",
        "0.000e999999999999",
        "0e-999999999999",
        "1.7976931348623158e308",
        "1797693134862315.7e293",
        "123456789012345678901234567890e-20",
        "-0.0",
        "1e23",
        "8.41e21",
        "9.5e-10",
    ];
    for text in texts {
        let read = json::parse(text).unwrap().as_f64().unwrap();
        assert_eq!(read.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
    }
    for text in ["1.7976931348623159e308", "1e99999999999", "-1e309"] {
        assert!(json::parse(text).is_err(), "{text}");
    }
}

fn same(ours: &Value, theirs: &serde_json::Value) -> bool {
    match (ours, theirs) {
        (Value::Null, serde_json::Value::Null) => true,
        (Value::Bool(a), serde_json::Value::Bool(b)) => a == b,
        (Value::Integer(_) | Value::Number(_), serde_json::Value::Number(b)) => {
            // serde_json may be off in the last digit; another test shows that the SDK is exact.
            let (a, b) = (ours.as_f64().unwrap(), b.as_f64().unwrap());
            a == b || (a - b).abs() <= a.abs() * 1e-15
        }
        (Value::String(a), serde_json::Value::String(b)) => a == b,
        (Value::Array(a), serde_json::Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), serde_json::Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|b| same(value, b)))
        }
        _ => false,
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<u64>().prop_map(Value::Integer),
        any::<f64>().prop_filter("finite", |value| value.is_finite()).prop_map(Value::Number),
        any::<String>().prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            proptest::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_by_others_as_meant(value in value()) {
        let mut out = Vec::new();
        json::write_value(&mut out, &value);
        let text = String::from_utf8(out).unwrap();
        prop_assert!(same(&value, &serde_json::from_str(&text).unwrap()), "{}", text);
        prop_assert!(same(&json::parse(&text).unwrap(), &serde_json::from_str(&text).unwrap()), "{}", text);
    }

    #[test]
    fn any_number_reads_back_as_itself(bits in any::<u64>()) {
        let value = f64::from_bits(bits);
        if value.is_finite() {
            let text = number(value);
            prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
            let read = json::parse(&text).unwrap().as_f64().unwrap();
            prop_assert_eq!(read.to_bits(), value.to_bits(), "{}", text);
        }
    }

    #[test]
    fn decimal_texts_are_read_exactly(text in "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?") {
        let expected: f64 = text.parse().unwrap();
        match json::parse(&text) {
            Ok(value) => prop_assert_eq!(value.as_f64().unwrap(), expected, "{}", text),
            Err(_) => prop_assert!(expected.is_infinite(), "{}", text),
        }
    }

    #[test]
    fn the_same_texts_are_refused(text in "[\\[\\]{}:,\"a0-9eE.+\\- \\\\untrfls]{0,12}") {
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        if let Ok(ours) = json::parse(&text) {
            prop_assert!(theirs.is_ok_and(|theirs| same(&ours, &theirs)), "{}", text);
        } else if let Ok(theirs) = theirs {
            // serde_json accepts duplicate keys, the SDK does not.
            prop_assert!(text.matches("\":").count() > 1, "{} {:?}", text, theirs);
        }
    }
}
