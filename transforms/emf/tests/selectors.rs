//! Expressions of declarations, compared with the `regex` crate.

use insightd_emf::selector_matches;
use proptest::prelude::*;
use regex::bytes::RegexBuilder;

/// Returns the result of the `regex` crate, in its ASCII mode.
fn oracle(expression: &str, anchored: bool, text: &str) -> bool {
    let expression = if anchored { format!("^(?:{expression})$") } else { expression.to_owned() };
    let regex = RegexBuilder::new(&expression).unicode(false).build();
    regex.unwrap_or_else(|error| panic!("{expression}: {error}")).is_match(text.as_bytes())
}

fn atom() -> impl Strategy<Value = String> {
    let fixed = [
        ".",
        "a",
        "b",
        "_",
        "1",
        r"\.",
        r"\d",
        r"\D",
        r"\w",
        r"\W",
        r"\s",
        r"\S",
        r"\b",
        r"\B",
        "^",
        "$",
        r"\A",
        r"\z",
        r"\n",
        r"\x61",
        r"\x{5f}",
        "[ab]",
        "[^a]",
        "[a-c_]",
        r"[\d_]",
        r"[^\w]",
        "[[:alpha:]1]",
        "[^[:digit:]]",
        "[]a]",
        "[a-]",
        "(?i)",
        "(?i:A)",
        "(?s:.)",
        "(?m:^)",
        "(?m:$)",
        "",
    ];
    prop::sample::select(fixed.to_vec()).prop_map(str::to_owned)
}

fn expression() -> impl Strategy<Value = String> {
    atom().prop_recursive(4, 24, 4, |inner| {
        let repeat = prop::sample::select(vec!["*", "+", "?", "*?", "+?", "??", "{2}", "{1,}", "{0,2}", "{2,3}?"]);
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            2 => prop::collection::vec(inner.clone(), 1..4).prop_map(|choices| format!("({})", choices.join("|"))),
            1 => prop::collection::vec(inner.clone(), 1..3).prop_map(|choices| choices.join("|")),
            1 => inner.clone().prop_map(|part| format!("^(?:{part})$")),
            2 => (inner, repeat).prop_map(|(part, repeat)| format!("(?:{part}){repeat}")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn expressions_match_what_regex_matches(
        expression in expression(), anchored: bool, texts in prop::collection::vec("[abAc_1. \n]{0,6}", 6),
    ) {
        for text in texts {
            let found = selector_matches(&expression, anchored, &text);
            prop_assert_eq!(found, Some(oracle(&expression, anchored, &text)), "{} on {:?}", expression, text);
        }
    }

    #[test]
    fn names_match_themselves(names in prop::collection::vec("[a-z_]{1,8}", 1..6), other in "[a-z_]{1,8}", anchored: bool) {
        let expression = format!("^({})$", names.join("|"));
        for name in &names {
            prop_assert_eq!(selector_matches(&expression, anchored, name), Some(true));
        }
        prop_assert_eq!(selector_matches(&expression, anchored, &other), Some(names.contains(&other)));
    }

    #[test]
    fn no_expression_panics(expression in r"[ab1_.|()*+?{},\[\]^$\\dwsbxpPQiE:<>=!é-]{0,24}", anchored: bool, text in "[abé\n]{0,8}") {
        let _ = selector_matches(&expression, anchored, &text);
    }
}

#[test]
fn syntax_matches_go_regular_expressions() {
    // Texts that other engines read differently: a brace that is not a repetition, a bracket in a class, characters beyond
    // ASCII.
    for (expression, text, matches) in [
        ("a{", "a{", true),
        ("a{,2}", "a{,2}", true),
        ("a{2", "aa", false),
        ("[a[]", "[", true),
        ("[a[]+", "a[a", true),
        ("é.ü", "éöü", true),
        ("[à-ÿ]+", "éü", true),
        (".", "😀", true),
        (r"\w", "é", false),
        ("(?i)É", "é", false),
        ("(?i)straSSe", "STRAsse", true),
        (r"pod\.name\-\/", "pod.name-/", true),
        ("a|", "", true),
        ("()", "", true),
        ("(?P<n>a)(?:b)", "ab", true),
        (r"\.", "x", false),
    ] {
        assert_eq!(selector_matches(expression, true, text), Some(matches), "{expression} on {text}");
    }
}

#[test]
fn unsupported_expressions_are_refused() {
    for expression in [
        "(",
        ")",
        "a)",
        "[",
        "[]",
        "[a",
        "*",
        "+a",
        "a**",
        "a+*",
        "a{2}{3}",
        "a{1001}",
        "a{3,2}",
        "[b-a]",
        r"\",
        r"[\",
        r"\p{Greek}",
        r"\pL",
        r"(a)\1",
        "(?=a)",
        "(?!a)",
        "(?<=a)",
        "(?<n",
        "(?P<n>",
        "(?x)",
        "(?i",
        r"\q",
        r"\x",
        r"\x6",
        r"\x{110000}",
        r"\x{d800}",
        "[[:nothing:]]",
        "((a{1000}){1000}){1000}",
        "((){1000}){1000}",
    ] {
        assert_eq!(selector_matches(expression, false, "a"), None, "{expression}");
        assert_eq!(selector_matches(expression, true, "a"), None, "{expression}");
    }
    let deep = format!("{}a{}", "(".repeat(10_000), ")".repeat(10_000));
    assert_eq!(selector_matches(&deep, true, "a"), None);
}

#[test]
fn matching_time_is_linear() {
    // Exponential in backtracking engines.
    let expression = format!("(?:{}){}", "a?".repeat(28), "a".repeat(28));
    assert_eq!(selector_matches(&expression, true, &"a".repeat(28)), Some(true));
    assert_eq!(selector_matches("(a*)*(a*)*b", true, &"a".repeat(5000)), Some(false));
}
