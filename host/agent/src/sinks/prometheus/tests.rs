use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use insightd_exposition::{Format as ExpositionFormat, Limits, Reader};
use insights_batch::Payloads;
use proptest::prelude::*;

use super::page::Format;
use super::page::tests::text;
use super::*;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4";

fn settings(max_bytes: u64) -> PrometheusSink {
    PrometheusSink { listen: "127.0.0.1:9465".parse().unwrap(), max_bytes, stale_after: None }
}

fn sink() -> (Prometheus, Arc<ServedPage>) {
    Prometheus::new(&settings(1 << 20))
}

fn accept(sink: &mut Prometheus, content_type: &str, events: &[&[u8]]) -> Delivered {
    let mut payloads = Payloads::new(content_type);
    for event in events {
        payloads.push(&[], 1, event);
    }
    sink.accept(content_type, &mut payloads.events())
}

fn served(page: &ServedPage) -> String {
    text(&page.current().unwrap(), Format::Text)
}

/// Name and labels of a sample.
type Series = (String, BTreeMap<String, String>);

/// Parses a page with the agent's own reader of this format. Returns its samples, with the bits of their values.
fn samples(page: &str, format: ExpositionFormat) -> Vec<(Series, u64)> {
    let mut reader = Reader::new(format, Limits::default());
    let mut found = Vec::new();
    let result = reader.push(page.as_bytes(), &mut |sample| {
        let labels = sample.labels.iter().map(|(label, value)| (label.to_owned(), value.to_owned()));
        found.push(((sample.name.to_owned(), labels.collect()), sample.value.to_bits()));
    });
    result.unwrap();
    let report = reader.finish().unwrap();
    assert_eq!(report.first_malformed, None, "{page}");
    found
}

#[test]
fn a_page_lasts_until_the_next_tick_ends() {
    let (mut sink, page) = sink();
    assert!(page.current().is_none() && page.bytes().is_none());
    let event = "# TYPE a gauge\na 1\n";
    assert_eq!(accept(&mut sink, CONTENT_TYPE, &[event.as_bytes()]).lost, 0);
    assert!(page.current().is_none(), "the tick has not ended");
    let delivered = sink.end_tick();
    assert_eq!((delivered.events, delivered.bytes, delivered.lost), (1, event.len() as u64, 0));
    assert_eq!((served(&page), page.series()), (event.to_owned(), Some(1)));
    accept(&mut sink, CONTENT_TYPE, &[b"# TYPE b gauge\nb 1\n"]);
    assert_eq!(served(&page), event);
    sink.end_tick();
    assert_eq!(served(&page), "# TYPE b gauge\nb 1\n");
    sink.end_tick();
    assert_eq!((&*served(&page), page.bytes(), page.series()), ("", Some(0), Some(0)), "pods that are gone");
}

#[test]
fn the_end_of_the_run_leaves_the_last_page() {
    let (mut sink, page) = sink();
    accept(&mut sink, CONTENT_TYPE, &[b"# TYPE a gauge\na 1\n"]);
    sink.end_tick();
    assert_eq!(sink.finish().events, 0);
    assert_eq!(served(&page), "# TYPE a gauge\na 1\n");
    accept(&mut sink, CONTENT_TYPE, &[b"# TYPE b gauge\nb 1\n"]);
    assert_eq!(sink.finish().events, 1, "pending events are delivered");
}

/// Whatever one component emits, the events of others are served.
#[test]
fn an_invalid_event_costs_only_itself() {
    let (mut sink, page) = sink();
    let events: [&[u8]; 4] = [
        b"# TYPE a gauge\na 1\n",
        b"# TYPE b gauge\nb{x=\"1} 1\n# EOF\n",
        b"\xff",
        b"# TYPE a counter\na{x=\"1\"} 1\n",
    ];
    let delivered = accept(&mut sink, CONTENT_TYPE, &events);
    assert_eq!(delivered.lost, 3);
    let error = delivered.error.unwrap().to_string();
    assert!(error.starts_with("line 2 of an event: malformed labels"), "{error}");
    let delivered = accept(&mut sink, CONTENT_TYPE, &[events[3]]);
    let error = delivered.error.unwrap().to_string();
    assert!(error.contains("the family `a` is a gauge in an earlier event of the tick"), "{error}");
    assert_eq!(sink.end_tick().events, 1);
    assert_eq!(served(&page), "# TYPE a gauge\na 1\n");
}

#[test]
fn of_a_repeated_series_the_first_sample_stays() {
    let (mut sink, page) = sink();
    let event = b"# TYPE a gauge\na{x=\"1\"} 1\na{x=\"2\"} 1\n";
    let delivered = accept(&mut sink, CONTENT_TYPE, &[event, event, b"# TYPE a gauge\na{x=\"3\"} 1\n"]);
    assert_eq!((delivered.lost, page.duplicates()), (0, 2));
    assert_eq!((sink.end_tick().events, page.series()), (3, Some(3)));
    // A tick knows nothing of the series of another one.
    assert_eq!(accept(&mut sink, CONTENT_TYPE, &[event]).lost, 0);
}

#[test]
fn events_beyond_the_bound_are_lost() {
    let (mut sink, page) = Prometheus::new(&settings(64));
    let event = |x: u32| format!("# TYPE a gauge\na{{x=\"{x}\"}} 1\n");
    let events: Vec<String> = (0..10).map(event).collect();
    let events: Vec<&[u8]> = events.iter().map(String::as_bytes).collect();
    let delivered = accept(&mut sink, CONTENT_TYPE, &events);
    // 15 bytes of the head, and 11 of each sample.
    assert_eq!(delivered.lost, 6);
    let error = delivered.error.unwrap().to_string();
    assert!(error.starts_with("the page would exceed 64 bytes: raise `max_bytes`"), "{error}");
    assert_eq!((sink.end_tick().events, page.bytes()), (4, Some(15 + 4 * 11)));
}

#[test]
fn other_formats_are_refused_with_the_one_that_fits() {
    let event = b"# TYPE a gauge\na 1\n";
    for content_type in
        [CONTENT_TYPE, "text/plain;version=0.0.4;charset=utf-8", "Text/Plain; charset=utf-8; version=0.0.4"]
    {
        assert_eq!(accept(&mut sink().0, content_type, &[event]).lost, 0, "{content_type}");
    }
    for content_type in [
        "application/json",
        "text/plain",
        "text/plain; version=0.0.5",
        "application/openmetrics-text; version=0.0.4",
        "",
    ] {
        let delivered = accept(&mut sink().0, content_type, &[event, event]);
        assert_eq!(delivered.lost, 2, "{content_type}");
        let error = delivered.error.unwrap().to_string();
        assert_eq!(
            error,
            format!(
                "an event has the content type `{content_type}`, but the sink takes the Prometheus text format \
                 (text/plain; version=0.0.4): set another `formatter`"
            )
        );
    }
    let delivered = accept(&mut sink().0, &format!("a\u{1b}{}", "x".repeat(10_000)), &[event]);
    let error = delivered.error.unwrap().to_string();
    assert!(error.contains("`a\\u{1b}x") && error.len() < 1000, "{error}");
}

/// A label value of any characters, as a formatter escapes it.
fn value() -> impl Strategy<Value = String> {
    let any = prop_oneof![
        "[a-z0-9./-]{0,6}",
        proptest::collection::vec(
            prop_oneof![Just('"'), Just('\\'), Just('\n'), Just('{'), Just('}'), Just('#'), any::<char>()],
            0..4
        )
        .prop_map(String::from_iter)
    ];
    any.prop_map(|value| value.replace('\0', "0"))
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

type Labels = BTreeMap<String, String>;

/// A family of some names, with series that may be in other events as well.
fn family() -> impl Strategy<Value = (usize, Vec<(Labels, f64)>)> {
    let labels = proptest::collection::btree_map("[ab_][a-c0-9]{0,2}", value(), 0..3);
    let sample = (labels, any::<f64>().prop_filter("finite", |value| value.is_finite()));
    (0..4_usize, proptest::collection::vec(sample, 0..6))
}

const FAMILIES: [(&str, &str); 4] =
    [("a_total", "counter"), ("a", "gauge"), ("b:c", "untyped"), ("d", "counter")];

proptest! {
    /// Any mix of valid families gives a page that a parser accepts in both formats, with each series once and the first value.
    #[test]
    fn every_series_is_on_the_page_once(families in proptest::collection::vec(family(), 0..8)) {
        let (mut sink, page) = Prometheus::new(&settings(1 << 30));
        let mut wanted: BTreeMap<Series, u64> = BTreeMap::new();
        let mut duplicates = 0;
        for (index, family) in &families {
            let (name, kind) = FAMILIES[*index];
            let mut event = format!("# HELP {name} \"Text\" of \\\\ {name}\n# TYPE {name} {kind}\n");
            for (labels, value) in family {
                let written: Vec<String> =
                    labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
                let braces = if written.is_empty() { String::new() } else { format!("{{{}}}", written.join(",")) };
                event.push_str(&format!("{name}{braces} {value:?}\n"));
                let series = (name.to_owned(), labels.clone());
                match wanted.entry(series) {
                    Entry::Occupied(_) => duplicates += 1,
                    Entry::Vacant(vacant) => {
                        vacant.insert(value.to_bits());
                    }
                }
            }
            let delivered = accept(&mut sink, CONTENT_TYPE, &[event.as_bytes()]);
            prop_assert_eq!(delivered.lost, 0, "{:?}", delivered.error);
        }
        prop_assert_eq!(sink.end_tick().events, families.len() as u64);
        prop_assert_eq!((page.duplicates(), page.series()), (duplicates, Some(wanted.len() as u64)));
        let current = page.current().unwrap();
        for (format, theirs) in
            [(Format::Text, ExpositionFormat::Prometheus), (Format::Open, ExpositionFormat::OpenMetrics)]
        {
            let body = text(&current, format);
            let found = samples(&body, theirs);
            prop_assert_eq!(found.len(), wanted.len());
            for (series, value) in found {
                prop_assert_eq!(wanted.get(&series), Some(&value), "{:?}", series);
            }
            let types: Vec<&str> = body.lines().filter(|line| line.starts_with("# TYPE ")).collect();
            let names: BTreeSet<&str> = types.iter().filter_map(|line| line.split(' ').nth(2)).collect();
            prop_assert_eq!(types.len(), names.len(), "one type for each family: {:?}", types);
        }
        prop_assert_eq!(page.bytes(), Some(current.length(Format::Text)));
    }

    /// No event, whatever its bytes, makes the page invalid.
    #[test]
    fn no_event_breaks_the_page(
        lines in proptest::collection::vec(
            "(# (TYPE|HELP|EOF)|a|\\{|\\}|b=|\"|\\\\|,| |1|NaN|\t|\r|\\PC){0,12}", 0..4
        )
    ) {
        let (mut sink, page) = Prometheus::new(&settings(1 << 30));
        let event = format!("# TYPE a gauge\n{}\n", lines.join("\n"));
        let given = accept(&mut sink, CONTENT_TYPE, &[event.as_bytes(), b"# TYPE z gauge\nz 1\n"]);
        sink.end_tick();
        let series = usize::try_from(page.series().unwrap()).unwrap();
        let body = served(&page);
        prop_assert_eq!(samples(&body, ExpositionFormat::Prometheus).len(), series);
        prop_assert!(body.ends_with("# TYPE z gauge\nz 1\n"), "{}", given.lost);
    }
}
