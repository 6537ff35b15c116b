use super::*;

fn lines(text: &str) -> Result<Vec<(&str, &str)>, (usize, InvalidReason)> {
    let mut spans = Vec::new();
    parse(text.as_bytes(), &mut spans).map_err(|error| (error.line, error.reason))?;
    Ok(spans.iter().map(|span| (&text[span.line.start..span.series_end], &text[span.line.clone()])).collect())
}

#[test]
fn a_family_has_a_head_and_samples() {
    let text = "# HELP a_total Some \\\\ text\n# TYPE a_total counter\na_total{b=\"\\\"{},\\\\\",c=\"ä\\n\"} 1.5e3\na_total NaN\n";
    let (bytes, mut spans) = (text.as_bytes(), Vec::new());
    let family = parse(bytes, &mut spans).unwrap();
    assert_eq!(
        family,
        Family { name: "a_total", kind: Some(Kind::Counter), help: Some("Some \\\\ text"), text }
    );
    let found = lines(text).unwrap();
    assert_eq!(found[0].0, "a_total{b=\"\\\"{},\\\\\",c=\"ä\\n\"}");
    assert_eq!(found[1], ("a_total", "a_total NaN\n"));
}

#[test]
fn heads_may_be_short() {
    for text in ["# TYPE a gauge\n", "# HELP a\n", "# HELP a \n", "# TYPE a untyped\n# HELP a x\n"] {
        assert_eq!(lines(text), Ok(vec![]), "{text}");
    }
    let mut spans = Vec::new();
    assert_eq!(parse(b"# HELP a \n", &mut spans).unwrap().help, None);
}

#[test]
fn only_values_of_both_formats() {
    for value in
        ["0", "-0", "+1", "1.", ".5", "1e308", "1E-400", "NaN", "+Inf", "-Inf", "18446744073709551615"]
    {
        assert_eq!(lines(&format!("# TYPE a gauge\na {value}\n")).map(|found| found.len()), Ok(1), "{value}");
    }
    let long = "1".repeat(65);
    for value in
        ["", " 1", "1 ", "nan", "Inf", "inf", "infinity", "1e309", "0x10", "1_0", ".", "e5", "1,5", &long]
    {
        assert_eq!(lines(&format!("# TYPE a gauge\na {value}\n")), Err((2, InvalidReason::Value)), "{value}");
    }
    for value in ["1 1700000000000", "1 1700000000000 # {} 1", "1 # {x=\"y\"} 1"] {
        assert_eq!(
            lines(&format!("# TYPE a gauge\na {value}\n")),
            Err((2, InvalidReason::Timestamp)),
            "{value}"
        );
    }
}

#[test]
fn whatever_breaks_a_page_is_refused_with_its_line() {
    let many = (0..65).map(|label| format!("l{label}=\"\"")).collect::<Vec<_>>().join(",");
    let many = format!("# TYPE a gauge\na{{{many}}} 1\n");
    for (text, line, reason) in [
        ("", 1, InvalidReason::Header),
        ("a 1\n", 1, InvalidReason::Header),
        ("# a 1\n", 1, InvalidReason::Header),
        ("# UNIT a seconds\n", 1, InvalidReason::Header),
        ("# EOF\n", 1, InvalidReason::Header),
        ("{\"a\":1}", 1, InvalidReason::Header),
        ("# TYPE 1a gauge\n", 1, InvalidReason::Name),
        ("# TYPE  gauge\n", 1, InvalidReason::Name),
        ("# TYPE {\"a.b\"} gauge\n", 1, InvalidReason::Name),
        ("# TYPE a gauge", 1, InvalidReason::Unterminated),
        ("# TYPE a gauge\na 1", 2, InvalidReason::Unterminated),
        ("# TYPE a histogram\n", 1, InvalidReason::Kind),
        ("# TYPE a gauge \n", 1, InvalidReason::Kind),
        ("# TYPE a\n", 1, InvalidReason::Kind),
        ("# TYPE a gauge\r\n", 1, InvalidReason::Kind),
        ("# TYPE a gauge\n# TYPE a gauge\n", 2, InvalidReason::Comment),
        ("# HELP a\n# HELP a x\n", 2, InvalidReason::Comment),
        ("# TYPE a gauge\n# EOF\n", 2, InvalidReason::Comment),
        ("# TYPE a gauge\n#\n", 2, InvalidReason::Comment),
        ("# TYPE a gauge\na 1\n# HELP a x\n", 3, InvalidReason::Comment),
        ("# TYPE a gauge\n# HELP b x\n", 2, InvalidReason::OtherFamily),
        ("# TYPE a gauge\nb 1\n", 2, InvalidReason::OtherFamily),
        ("# TYPE a gauge\nab 1\n", 2, InvalidReason::OtherFamily),
        ("# TYPE a gauge\na\n", 2, InvalidReason::OtherFamily),
        ("# TYPE a gauge\n\n", 2, InvalidReason::OtherFamily),
        ("# TYPE a gauge\n a 1\n", 2, InvalidReason::OtherFamily),
        ("# TYPE a gauge\na\t1\n", 2, InvalidReason::OtherFamily),
        ("# TYPE a gauge\na{b=\"c\"}1\n", 2, InvalidReason::Value),
        ("# TYPE a gauge\na{b=\"c\"}\n", 2, InvalidReason::Value),
        ("# TYPE a gauge\na{b=\"c\n\"} 1\n", 2, InvalidReason::Labels),
        ("# TYPE a gauge\na{b=\"c\",} 1\n", 2, InvalidReason::Labels),
        ("# TYPE a gauge\na{ b=\"c\"} 1\n", 2, InvalidReason::Labels),
        ("# TYPE a gauge\na{b=\"c\\t\"} 1\n", 2, InvalidReason::Labels),
        ("# TYPE a gauge\na{b=\"c\\\"} 1\n", 2, InvalidReason::Labels),
        ("# TYPE a gauge\na{b=\"c\"d=\"e\"} 1\n", 2, InvalidReason::Labels),
        ("# TYPE a gauge\na{=\"c\"} 1\n", 2, InvalidReason::Labels),
        ("# TYPE a gauge\na{1b=\"c\"} 1\n", 2, InvalidReason::Labels),
        ("# TYPE a gauge\na{__name__=\"c\"} 1\n", 2, InvalidReason::Labels),
        ("# TYPE a gauge\na{\"b\"} 1\n", 2, InvalidReason::Labels),
        ("# TYPE a gauge\na{b=\"c\",b=\"d\"} 1\n", 2, InvalidReason::DuplicateLabel),
        (&many, 2, InvalidReason::TooManyLabels),
        ("# TYPE a gauge\na{b=\"\0\"} 1\n", 2, InvalidReason::Nul),
    ] {
        assert_eq!(lines(text), Err((line, reason)), "{text:?}");
    }
    let error = parse(b"# TYPE a gauge\na{b=\"\xff\"} 1\n", &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "line 2 of an event: the text is not UTF-8; fix the formatter");
}

#[test]
fn sixty_four_labels_fit() {
    let labels = (0..64).map(|label| format!("l{label}=\"\"")).collect::<Vec<_>>().join(",");
    assert_eq!(lines(&format!("# TYPE a gauge\na{{{labels}}} 1\n")).map(|found| found.len()), Ok(1));
}
