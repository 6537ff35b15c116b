use proptest::prelude::*;

use super::*;

/// A sample in a form that compares NaN as equal.
type Owned = (String, Vec<(String, String)>, u64, Option<i64>);

fn owned(sample: Sample<'_>) -> Owned {
    let labels = sample.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    (sample.name.to_owned(), labels, sample.value.to_bits(), sample.timestamp_ms)
}

/// Reads a response in chunks; returns the samples that were reported before the end or the error.
fn read<'c>(
    chunks: impl IntoIterator<Item = &'c [u8]>,
    format: Format,
    limits: Limits,
) -> (Vec<Owned>, Result<Report, ExpositionError>) {
    let mut samples = Vec::new();
    let mut reader = Reader::new(format, limits);
    for chunk in chunks {
        if let Err(error) = reader.push(chunk, &mut |sample| samples.push(owned(sample))) {
            return (samples, Err(error));
        }
    }
    (samples, reader.finish())
}

fn read_whole(text: &str, limits: Limits) -> (Vec<Owned>, Result<Report, ExpositionError>) {
    read([text.as_bytes()], Format::Prometheus, limits)
}

#[test]
fn a_malformed_line_costs_only_itself() {
    let (samples, report) = read_whole("a 1\nb{ 2\n\nc 3\nd x\ne 5\n", Limits::default());
    let names: Vec<&str> = samples.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["a", "c", "e"]);
    let report = report.unwrap();
    assert_eq!((report.samples, report.malformed, report.lines, report.bytes), (3, 2, 6, 22));
    let first = report.first_malformed.unwrap();
    assert_eq!((first.line, first.reason), (2, Reason::Labels));
    assert_eq!(
        first.to_string(),
        "line 2: expected labels such as {name=\"value\"}; it begins with \"b{ 2\""
    );
}

#[test]
fn a_line_without_its_end_is_never_a_sample() {
    let (samples, report) = read_whole("a 1\nb 1.5", Limits::default());
    assert_eq!(samples.len(), 1);
    assert_eq!(report, Err(ExpositionError::Truncated { bytes: 9, line: 2 }));
    assert!(read_whole("a 1\n# HELP", Limits::default()).1.is_err());
    assert!(read_whole("a 1\nb", Limits { line_bytes: 0, ..Limits::default() }).1.is_err());
    assert!(read_whole("", Limits::default()).1.is_ok(), "an exporter without metrics");
}

#[test]
fn open_metrics_is_complete_only_with_its_end() {
    let read = |text: &str| read([text.as_bytes()], Format::OpenMetrics, Limits::default());
    assert!(matches!(read("a 1\n").1, Err(ExpositionError::Truncated { line: 2, .. })));
    let (samples, report) = read("a 1 2.5\n# EOF\nb 1\n");
    assert_eq!((samples.len(), samples[0].3), (1, Some(2500)));
    assert_eq!(report.unwrap().first_malformed.unwrap().reason, Reason::AfterEnd);
}

#[test]
fn a_line_beyond_its_limit_is_skipped() {
    let limits = Limits { line_bytes: 8, ..Limits::default() };
    let text = "a 1\nlonger 123456789\nb 222222\nc 3333333\nd 4\n";
    for size in 1..=text.len() {
        let (samples, report) = read(text.as_bytes().chunks(size), Format::Prometheus, limits);
        let names: Vec<&str> = samples.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["a", "b", "d"], "chunks of {size}");
        let report = report.unwrap();
        assert_eq!((report.malformed, report.lines), (2, 5), "chunks of {size}");
        let first = report.first_malformed.unwrap();
        assert_eq!((first.line, first.reason, &*first.begins), (2, Reason::TooLong, "longer 1"));
    }
}

#[test]
fn responses_beyond_a_limit_are_errors() {
    let limits = Limits { samples: 2, ..Limits::default() };
    let (samples, report) = read_whole("a 1\nb 1\n# c\nc 1\n", limits);
    assert_eq!((samples.len(), report), (2, Err(ExpositionError::TooManySamples { limit: 2 })));
    assert!(read_whole("a 1\nb 1\n", limits).1.is_ok());
    let limits = Limits { bytes: 8, ..Limits::default() };
    assert!(read_whole("a 1\nb 1\n", limits).1.is_ok());
    let (samples, report) = read_whole("a 1\nb 1\n\n", limits);
    assert_eq!((samples.len(), report), (0, Err(ExpositionError::TooLong { limit: 8 })));
}

/// A response of 100 MB, and a line of 100 MB.
#[test]
fn memory_does_not_depend_on_the_length_of_a_response() {
    let help = format!("# HELP container_tasks_state {}\n", "Number of tasks. ".repeat(100));
    let sample = "container_tasks_state{id=\"/a\",state=\"running\"} 1.5e+03 1795256423349\n";
    let block = format!("{help}{sample}").repeat(1000);
    let limits = Limits { samples: u64::MAX, ..Limits::default() };
    let mut reader = Reader::new(Format::Prometheus, limits);
    let (mut sum, rounds) = (0.0, 100_000_000 / block.len() + 1);
    for _ in 0..rounds {
        // An odd size, so that chunks end inside lines.
        for chunk in block.as_bytes().chunks(16_381) {
            reader.push(chunk, &mut |sample| sum += sample.value).unwrap();
        }
    }
    assert!(reader.begun.capacity() <= 64 << 10 && reader.labels.spans.capacity() <= 64);
    assert_eq!(sum, 1500.0 * 1000.0 * rounds as f64);
    assert_eq!(reader.finish().unwrap().malformed, 0);

    let mut reader = Reader::new(Format::Prometheus, Limits::default());
    for _ in 0..100 {
        reader.push(&vec![b'x'; 1 << 20], &mut |_| unreachable!()).unwrap();
        assert!(reader.begun.capacity() <= 64 << 10);
    }
    reader.push(b"\na 1\n", &mut |sample| assert_eq!(sample.name, "a")).unwrap();
    let report = reader.finish().unwrap();
    assert_eq!((report.samples, report.malformed, report.lines), (1, 1, 2));
}

/// Generates responses: well-formed lines with labels and escapes, malformed ones, and any bytes.
fn responses() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        4 => r#"[a-z_:]{1,8}(\{[a-z]{1,3}="([a-z }{,#=é]|\\\\|\\"|\\n|\\x){0,8}",?\})? -?[0-9]{1,4}(\.[0-9]e[+-]?[0-9])?( [0-9]{1,13})?"#,
        1 => r#"[a-z]\{a="[^"\n]{0,6}",b="x"\} (NaN|\+Inf|-Inf|x)"#,
        1 => "#[^\n]{0,20}",
        1 => "[ -~]{0,20}",
    ];
    let lines = prop::collection::vec(line, 0..20).prop_map(|lines| {
        let mut text = lines.join("\n").into_bytes();
        text.push(b'\n');
        text
    });
    prop_oneof![4 => lines, 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_samples(
        response in responses(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        line_bytes in prop_oneof![Just(64_usize << 10), 0..40_usize],
        is_open in any::<bool>(),
    ) {
        let format = if is_open { Format::OpenMetrics } else { Format::Prometheus };
        let limits = Limits { line_bytes, labels: 2, samples: 12, ..Limits::default() };
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(response.len() + 1)).collect();
        cuts.sort_unstable();
        let mut chunks = Vec::new();
        let mut begin = 0;
        for cut in cuts.into_iter().chain([response.len()]) {
            chunks.push(&response[begin..cut]);
            begin = cut;
        }
        prop_assert_eq!(read(chunks, format, limits), read([response.as_slice()], format, limits));
    }

    #[test]
    fn written_samples_are_read_back(
        labels in prop::collection::btree_map("[a-zA-Z_][a-zA-Z0-9_]{0,6}", any::<String>(), 0..6),
        value in any::<f64>(),
        timestamp_ms in prop::option::of(any::<i64>()),
    ) {
        let escaped = |text: &str| text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', "\\n");
        let pairs: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let time = timestamp_ms.map(|time| format!(" {time}")).unwrap_or_default();
        let number = if value.is_infinite() { format!("{value:+}") } else { format!("{value:e}") };
        let text = format!("metric{{{}}} {number}{time}\n", pairs.join(","));
        let (samples, report) = read_whole(&text, Limits { line_bytes: 1 << 20, ..Limits::default() });
        prop_assert_eq!(report.unwrap().malformed, 0, "{}", text);
        let (_, read_labels, bits, time) = samples[0].clone();
        prop_assert_eq!(read_labels, labels.into_iter().collect::<Vec<_>>());
        prop_assert!(bits == value.to_bits() || value.is_nan() && f64::from_bits(bits).is_nan());
        prop_assert_eq!(time, timestamp_ms);
    }
}
