//! State model: bounds, overlays and the readable form.
#![allow(clippy::unwrap_used, reason = "tests")]

use insights_batch::state::{Bounds, Overlay, Refused, Space, State};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, proptest};

fn space(entries: &[(&str, &str)]) -> Space {
    entries.iter().map(|(key, value)| (key.to_string(), value.as_bytes().to_vec())).collect()
}

fn overlay(before: &[(&str, &str)], max_bytes: u64, max_keys: usize) -> Overlay {
    Overlay::new(State { space: space(before).into(), bounds: Bounds { max_bytes, max_keys } })
}

#[test]
fn a_call_sees_what_it_wrote_and_nobody_else_does() {
    let before = [("a", "1"), ("ab", "2"), ("b", "3")];
    let mut overlay = overlay(&before, 100, 10);
    overlay.set("a", b"one").unwrap();
    overlay.set("ac", b"4").unwrap();
    overlay.delete("ab");
    overlay.delete("nothing");
    assert_eq!(overlay.get("a").map(|value| &**value), Some(&b"one"[..]));
    assert_eq!(overlay.get("ab"), None);
    assert_eq!(overlay.keys("a"), ["a", "ac"]);
    assert_eq!(overlay.keys(""), ["a", "ac", "b"]);
    assert_eq!(overlay.keys("c"), [""; 0]);
    let changes = overlay.into_changes();
    let mut space = space(&before);
    assert_eq!(space.bytes(), 7);
    space.apply(&changes);
    assert_eq!(space.iter().collect::<Vec<_>>(), [("a", &b"one"[..]), ("ac", b"4"), ("b", b"3")]);
    assert_eq!((space.bytes(), space.len()), (4 + 3 + 2, 3));
}

#[test]
fn what_is_as_it_was_is_no_change() {
    let mut overlay = overlay(&[("a", "1")], 100, 10);
    overlay.set("a", b"2").unwrap();
    overlay.set("a", b"1").unwrap();
    overlay.set("b", b"1").unwrap();
    overlay.delete("b");
    assert!(overlay.into_changes().is_empty());
}

#[test]
fn each_bound_is_named_and_leaves_everything_as_it_was() {
    let mut overlay = overlay(&[("a", "12345678")], 20, 2);
    assert_eq!(overlay.set(&"k".repeat(1025), b""), Err(Refused::Key(1025)));
    assert_eq!(overlay.set("k", &[0; 65_537]), Err(Refused::Value(65_537)));
    // 9 bytes are taken; another 1 + 11 would make 21.
    assert_eq!(overlay.set("k", &[0; 11]), Err(Refused::Bytes(20)));
    overlay.set("k", &[0; 10]).unwrap();
    assert_eq!(overlay.set("l", b""), Err(Refused::Keys(2)));
    assert_eq!(overlay.set("k", &[0; 11]), Err(Refused::Bytes(20)));
    overlay.delete("a");
    overlay.set("l", &[0; 8]).unwrap();
    assert_eq!(overlay.set("l", &[0; 9]), Err(Refused::Bytes(20)));
    assert_eq!(overlay.keys(""), ["k", "l"]);
    for (refused, words) in [
        (Refused::Key(1025), "a key of 1025 bytes exceeds the limit of 1024 bytes"),
        (Refused::Value(65_537), "a value of 65537 bytes exceeds the limit of 65536 bytes"),
        (Refused::Bytes(20), "keys and values are limited to 20 bytes"),
        (Refused::Keys(2), "the limit is 2 keys"),
    ] {
        assert!(refused.to_string().contains(words), "{refused}");
    }
}

/// A component must be able to shrink its state after an operator lowered the bound.
#[test]
fn below_a_lowered_bound_what_shrinks_is_taken() {
    let mut overlay = overlay(&[("a", "12345678"), ("b", "12345678")], 10, 1);
    overlay.set("a", b"1234").unwrap();
    assert_eq!(overlay.set("a", b"12345"), Err(Refused::Bytes(10)));
    assert_eq!(overlay.set("c", b""), Err(Refused::Keys(1)));
    overlay.delete("b");
    overlay.set("a", b"12345").unwrap();
}

#[test]
fn the_readable_form_keeps_every_byte() {
    let text = "{\n  \"a\": {\"mean\":0.5},\n  \"b\": {\"bytes\": \"00ff\"},\n  \"c\": [1,\"x\",null]\n}\n";
    let space = Space::from_json(text).unwrap();
    assert_eq!(space.get("b").map(|value| value.to_vec()), Some(vec![0, 0xff]));
    assert_eq!(space.to_json(), text);
    assert_eq!(Space::default().to_json(), "{}\n");
    // Whitespace is not part of a value.
    assert_eq!(
        Space::from_json(r#"{"a": { "mean" : 5e-1 }}"#).unwrap().get("a").unwrap()[..],
        *br#"{"mean":0.5}"#
    );
    for (text, words) in [
        ("[]", "found a list"),
        ("{", "line 1"),
        (r#"{"a": {"bytes": "0"}}"#, "a.bytes: expected two hexadecimal digits"),
        (r#"{"a": {"bytes": "+1"}}"#, "a.bytes: expected two hexadecimal digits"),
    ] {
        let error = Space::from_json(text).unwrap_err();
        assert!(error.contains(words), "{text}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_bytes_come_back_from_the_readable_form(entries in vec((".{0,6}", vec(any::<u8>(), 0..12)), 0..6), texts in vec("[0-9\"{}:,.e-]{0,8}", 0..6)) {
        let texts = texts.into_iter().enumerate().map(|(n, text)| (format!("t{n}"), text.into_bytes()));
        let space: Space = entries.into_iter().chain(texts).collect();
        assert_eq!(Space::from_json(&space.to_json()).unwrap(), space);
    }

    /// Compares the overlay with a plain map whose size is recomputed at every step.
    #[test]
    fn an_overlay_is_a_map_within_bounds(steps in vec((0_u8..3, 0_u8..6, 0_usize..12), 0..60)) {
        let before = [("k0", "123"), ("k1", ""), ("k2", "1234567")];
        let bounds = Bounds { max_bytes: 30, max_keys: 4 };
        let mut overlay = Overlay::new(State { space: space(&before).into(), bounds });
        let mut model: std::collections::BTreeMap<String, Vec<u8>> =
            space(&before).iter().map(|(key, value)| (key.to_owned(), value.to_vec())).collect();
        for (what, key, length) in steps {
            let key = format!("k{key}");
            if what == 0 {
                overlay.delete(&key);
                model.remove(&key);
            } else {
                let mut after = model.clone();
                after.insert(key.clone(), vec![what; length]);
                let bytes: usize = after.iter().map(|(key, value)| key.len() + value.len()).sum();
                let fits = bytes <= 30 && after.len() <= 4;
                assert_eq!(overlay.set(&key, &vec![what; length]).is_ok(), fits);
                if fits {
                    model = after;
                }
            }
            assert_eq!(overlay.keys(""), model.keys().cloned().collect::<Vec<_>>());
        }
        let mut after = space(&before);
        after.apply(&overlay.into_changes());
        assert_eq!(after, model.into_iter().collect());
    }
}
