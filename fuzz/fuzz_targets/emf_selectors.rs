//! Expressions of declarations: any text, and compared with the `regex` crate if both interpret the text alike.
#![no_main]

use insightd_emf::selector_matches;
use libfuzzer_sys::fuzz_target;
use regex::bytes::RegexBuilder;

/// Alphabet of the compared expressions, indexed by input bytes: enough to build every construct.
const ALPHABET: &[u8; 32] = b"ab_1.|()*+?{},[]^$-\\dwsbDWSBi:A2";

fuzz_target!(|input: &[u8]| {
    let Some((&mode, input)) = input.split_first() else { return };
    let anchored = mode & 1 == 1;
    let (pattern, text) = input.split_at(input.len() * 2 / 3);
    if mode & 2 == 0 {
        let (pattern, text) = (String::from_utf8_lossy(pattern), String::from_utf8_lossy(text));
        let _ = selector_matches(&pattern, anchored, &text);
        return;
    }
    let pattern: String = pattern.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
    let text: String = text.iter().map(|byte| char::from(b"ab_1 \nA."[usize::from(byte % 8)])).collect();
    let Some(found) = selector_matches(&pattern, anchored, &text) else { return };
    if !reads_alike(&pattern) {
        return;
    }
    let whole = if anchored { format!("^(?:{pattern})$") } else { pattern.clone() };
    let Ok(regex) = RegexBuilder::new(&whole).unicode(false).build() else { return };
    assert_eq!(found, regex.is_match(text.as_bytes()), "{pattern:?} on {text:?}");
});

/// Returns false for expressions that mean something else in `regex`: nested sets and set operations, repetitions without a
/// lower bound, named word boundaries.
fn reads_alike(pattern: &str) -> bool {
    let plain = pattern.replace(r"\\", "").replace(r"\[", "").replace(r"\]", "");
    let classes: Vec<&str> = plain.split('[').collect();
    let nested = classes.len() > 2 && classes[1..classes.len() - 1].iter().any(|class| !class.contains(']'));
    !nested && !["--", "{,", "\\b{", "\\B{", "[]", "[^]"].iter().any(|odd| pattern.contains(odd))
}
