use super::*;

/// Name, labels, value and timestamp of a sample.
type Parts = (String, Vec<(String, String)>, f64, Option<i64>);

fn read(line: &[u8], format: Format) -> Result<Option<Parts>, Reason> {
    let mut labels = LabelBuffer::default();
    Ok(match parse(line, format, 8, &mut labels)? {
        Line::Sample(sample) => {
            let labels =
                sample.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            Some((sample.name.to_owned(), labels, sample.value, sample.timestamp_ms))
        }
        Line::Comment | Line::End => None,
    })
}

fn sample(line: &str) -> Parts {
    read(line.as_bytes(), Format::Prometheus).unwrap().unwrap()
}

fn parts(name: &str, labels: &[(&str, &str)], value: f64, timestamp_ms: Option<i64>) -> Parts {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    (name.to_owned(), labels, value, timestamp_ms)
}

/// The example of the specification of the text format.
#[test]
fn the_example_of_the_specification_is_read() {
    let text = include_str!("../../tests/data/specification.txt");
    let samples: Vec<Parts> =
        text.lines().filter_map(|line| read(line.as_bytes(), Format::Prometheus).unwrap()).collect();
    let duration = "http_request_duration_seconds";
    let bucket = |bound: &str, value| parts(&format!("{duration}_bucket"), &[("le", bound)], value, None);
    let quantile =
        |quantile: &str, value| parts("rpc_duration_seconds", &[("quantile", quantile)], value, None);
    let requests = |code, value| {
        parts("http_requests_total", &[("method", "post"), ("code", code)], value, Some(1_395_066_363_000))
    };
    let expected = [
        requests("200", 1027.0),
        requests("400", 3.0),
        parts(
            "msdos_file_access_time_seconds",
            &[("path", r"C:\DIR\FILE.TXT"), ("error", "Cannot find file:\n\"FILE.TXT\"")],
            1.458255915e9,
            None,
        ),
        parts("metric_without_timestamp_and_labels", &[], 12.47, None),
        parts("something_weird", &[("problem", "division by zero")], f64::INFINITY, Some(-3_982_045)),
        bucket("0.05", 24054.0),
        bucket("0.1", 33444.0),
        bucket("0.2", 100_392.0),
        bucket("0.5", 129_389.0),
        bucket("1", 133_988.0),
        bucket("+Inf", 144_320.0),
        parts(&format!("{duration}_sum"), &[], 53423.0, None),
        parts(&format!("{duration}_count"), &[], 144_320.0, None),
        quantile("0.01", 3102.0),
        quantile("0.05", 3272.0),
        quantile("0.5", 4773.0),
        quantile("0.9", 9001.0),
        quantile("0.99", 76656.0),
        parts("rpc_duration_seconds_sum", &[], 1.7560473e+07, None),
        parts("rpc_duration_seconds_count", &[], 2693.0, None),
    ];
    assert_eq!(samples, expected);
}

#[test]
fn blanks_and_tabs_separate_tokens() {
    let expected = parts("a", &[("b", " c "), ("d", "")], 1.0, Some(2));
    for line in
        ["a{b=\" c \",d=\"\"} 1 2", " \ta {\tb = \" c \" , d=\"\" , } \t1\t 2 \t", "a{b=\" c \",d=\"\",}1 2"]
    {
        assert_eq!(sample(line), expected, "{line}");
    }
    assert_eq!(sample("machine_cpu_cores{} 2"), parts("machine_cpu_cores", &[], 2.0, None));
    assert_eq!(sample("a:b_1\t3"), parts("a:b_1", &[], 3.0, None));
}

#[test]
fn comments_and_empty_lines_are_no_samples() {
    for line in ["", " \t", "#", "# any text { \"", "  # HELP a b", "# TYPE a counter", "#a 1", "# EOF"] {
        assert_eq!(read(line.as_bytes(), Format::Prometheus), Ok(None), "{line}");
    }
}

#[test]
fn escapes_are_resolved_in_label_values() {
    let labels = |line: &str| sample(line).1;
    assert_eq!(labels(r#"a{x="\\n",y="z",w="\n\"\\"} 1"#)[0].1, r"\n");
    assert_eq!(labels(r#"a{x="\\n",y="z",w="\n\"\\"} 1"#)[1].1, "z");
    assert_eq!(labels(r#"a{x="\\n",y="z",w="\n\"\\"} 1"#)[2].1, "\n\"\\");
    assert_eq!(labels(r#"a{x="}, =#"} 1"#)[0].1, "}, =#");
    assert_eq!(labels(r#"a{x="\ü\d"} 1"#)[0].1, r"\ü\d", "not an escape: both characters are kept");
    assert_eq!(labels(r#"a{x="日\n本"} 1"#)[0].1, "日\n本");
}

#[test]
fn malformed_lines_have_a_reason() {
    let nine: String = (0..9).map(|index| format!("l{index}=\"\",")).collect();
    for (line, reason) in [
        ("1a 1", Reason::Name),
        ("{a=\"b\"} 1", Reason::Name),
        ("a-b 1", Reason::Name),
        ("ä 1", Reason::Name),
        ("\"a\" 1", Reason::Name),
        ("a", Reason::Value),
        ("a ", Reason::Value),
        ("a{} ", Reason::Value),
        ("a{b=\"c\"}", Reason::Value),
        ("a x", Reason::Value),
        ("a 1\r", Reason::Value),
        ("a{", Reason::Labels),
        ("a{b", Reason::Labels),
        ("a{b=", Reason::Labels),
        ("a{b=c} 1", Reason::Labels),
        ("a{b=\"c} 1", Reason::Labels),
        ("a{b=\"c\\", Reason::Labels),
        ("a{b=\"c\" d=\"e\"} 1", Reason::Labels),
        ("a{,} 1", Reason::Labels),
        ("a{1=\"b\"} 1", Reason::Labels),
        ("a{b:c=\"d\"} 1", Reason::Labels),
        ("a{b=\"c\",,} 1", Reason::Labels),
        ("a{b=\"1\",c=\"\",b=\"2\"} 1", Reason::DuplicateLabel),
        (&format!("a{{{nine}}} 1"), Reason::TooManyLabels),
        ("a 1 x", Reason::Timestamp),
        ("a 1 1.5", Reason::Timestamp),
        ("a 1 2 3", Reason::Trailing),
        ("a 1 # {b=\"c\"} 1", Reason::Timestamp),
    ] {
        assert_eq!(read(line.as_bytes(), Format::Prometheus), Err(reason), "{line}");
    }
    assert_eq!(read(b"a{b=\"\xff\"} 1", Format::Prometheus), Err(Reason::Encoding));
}

/// Lines of the specification of OpenMetrics.
#[test]
fn open_metrics_has_seconds_exemplars_and_an_end() {
    let read = |line: &str| read(line.as_bytes(), Format::OpenMetrics);
    assert_eq!(
        read("foo_bucket{le=\"10\"} 17 # {trace_id=\"oHg5SJYRHA0\"} 9.8 1520879607.789"),
        Ok(Some(parts("foo_bucket", &[("le", "10")], 17.0, None)))
    );
    assert_eq!(
        read("foo_total 17.0 1520879607.789 # {a=\"#\"} 0.5"),
        Ok(Some(parts("foo_total", &[], 17.0, Some(1_520_879_607_789))))
    );
    assert_eq!(read("foo 1 2 3"), Err(Reason::Trailing));
    let mut labels = LabelBuffer::default();
    assert!(matches!(parse(b"# EOF", Format::OpenMetrics, 8, &mut labels), Ok(Line::End)));
}
