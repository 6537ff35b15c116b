use insights_batch::Payloads;
use insights_batch::protobuf::write;

use super::*;

const MINUTE: u64 = 60_000;

/// Runs a tick with these events of a content type.
fn tick(meter: &mut Meter, content_type: &str, events: &[&[u8]]) {
    let mut payloads = Payloads::new(content_type);
    events.iter().for_each(|event| payloads.push(&[], 1, event));
    let events: Vec<Event<'_>> = payloads.events().collect();
    meter.begin_tick();
    meter.record(content_type, &events);
    meter.end_tick();
}

/// An event of 200 bytes that declares two series: the metric `m` by `A`, and by `A` and `B`.
fn event(b: &str) -> Vec<u8> {
    let directive = r#"{"Namespace":"N","Dimensions":[["A"],["A","B"]],"Metrics":[{"Name":"m"}]}"#;
    let mut event =
        format!(r#"{{"_aws":{{"CloudWatchMetrics":[{directive}]}},"A":"a","B":"{b}","m":1}}"#).into_bytes();
    event.resize(200, b' ');
    event
}

fn emf(meter: &mut Meter, events: &[&str]) {
    let events: Vec<Vec<u8>> = events.iter().map(|b| event(b)).collect();
    let events: Vec<&[u8]> = events.iter().map(Vec::as_slice).collect();
    tick(meter, "application/json", &events);
}

fn series(meter: &Meter) -> Option<u64> {
    meter.estimate(MINUTE).and_then(|estimate| estimate.series)
}

#[test]
fn a_day_is_the_mean_of_the_last_ticks() {
    let mut meter = Meter::default();
    assert_eq!(meter.estimate(MINUTE), None);
    emf(&mut meter, &["x", "y"]);
    // 1,440 ticks a day of two events; `m` by A is one series, by A and B there are two.
    let expected =
        Estimate { series: Some(3), events_a_day: 2880.0, bytes_a_day: 576_000.0, points_a_day: None };
    assert_eq!(meter.estimate(MINUTE), Some(expected));
    let twice = Estimate { events_a_day: 5760.0, bytes_a_day: 1_152_000.0, ..expected };
    assert_eq!(meter.estimate(MINUTE / 2), Some(twice), "twice as many ticks");
    assert_eq!(meter.estimate(0), None);
    emf(&mut meter, &[]);
    assert_eq!(meter.estimate(MINUTE).unwrap().events_a_day, 1440.0, "one event a tick");
    for _ in 0..9 {
        emf(&mut meter, &["x"]);
    }
    // The tick with two events is the eleventh last.
    assert_eq!(meter.estimate(MINUTE).unwrap().events_a_day, 1296.0, "nine events in ten ticks");
}

/// Runs the ticks that are not read between two that are.
fn between(meter: &mut Meter) {
    for _ in 1..STEP {
        emf(meter, &["unread"]);
    }
}

#[test]
fn series_are_those_of_the_last_complete_window() {
    let mut meter = Meter::default();
    for (number, b) in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"].iter().enumerate() {
        emf(&mut meter, &[b]);
        assert_eq!(series(&meter), Some(number as u64 + 2), "the first window counts while it is open");
        between(&mut meter);
        assert_eq!(series(&meter), Some(number as u64 + 2), "one tick of seven is read");
    }
    for _ in 1..TICKS {
        emf(&mut meter, &["k"]);
        between(&mut meter);
        assert_eq!(series(&meter), Some(11), "a later window counts once it is complete");
    }
    emf(&mut meter, &["l"]);
    assert_eq!(series(&meter), Some(3));
}

#[test]
fn events_of_every_fifth_tick_are_seen() {
    let mut meter = Meter::default();
    for number in 0..TICKS * STEP {
        let events: &[&str] = if number % 5 == 3 { &["rare"] } else { &[] };
        emf(&mut meter, events);
    }
    assert_eq!(series(&meter), Some(2));
}

#[test]
fn what_is_recorded_outside_of_ticks_does_not_count() {
    let mut meter = Meter::default();
    let mut payloads = Payloads::new("application/json");
    payloads.push(&[], 1, &event("x"));
    let events: Vec<Event<'_>> = payloads.events().collect();
    meter.record("application/json", &events);
    meter.end_tick();
    assert_eq!(meter.estimate(MINUTE), None);
}

#[test]
fn series_are_unknown_without_declarations() {
    for (content_type, text) in
        [("application/json", "{\"a\":1}"), ("application/json", "x"), ("text/plain", "a 1\n")]
    {
        let mut meter = Meter::default();
        tick(&mut meter, content_type, &[text.as_bytes()]);
        let estimate = meter.estimate(MINUTE).unwrap();
        assert_eq!((estimate.series, estimate.points_a_day, estimate.events_a_day), (None, None, 1440.0));
    }
}

#[test]
fn the_number_of_series_is_bounded() {
    let mut window = Window::default();
    let series = (0..60_000).collect();
    window.read_points(Some(requests::Points { points: 60_000, series }));
    let content = Window { ticks: 1, ..window }.content();
    assert_eq!((content.series, content.points_a_tick), (Some(50_000), Some(60_000.0)));
}

fn message(fields: &[(u64, &[u8])]) -> Vec<u8> {
    let mut message = Vec::new();
    fields.iter().for_each(|(number, content)| write::bytes(&mut message, *number, content));
    message
}

/// A gauge with a point for each attribute.
fn otlp(resource: &str, attributes: &[&str]) -> Vec<u8> {
    let points: Vec<Vec<u8>> =
        attributes.iter().map(|attribute| message(&[(7, attribute.as_bytes())])).collect();
    let points: Vec<(u64, &[u8])> = points.iter().map(|point| (1, point.as_slice())).collect();
    let metric = message(&[(1, b"m"), (5, &message(&points))]);
    let scope = message(&[(1, b"scope"), (2, &metric)]);
    message(&[(1, &message(&[(1, resource.as_bytes()), (2, &scope)]))])
}

#[test]
fn points_of_otlp() {
    let mut meter = Meter::default();
    let content_type = "application/x-protobuf";
    // Four points of three series, then the same series again.
    tick(&mut meter, content_type, &[&otlp("r", &["a", "b"]), &otlp("r", &["a"]), &otlp("s", &["a"])]);
    let estimate = meter.estimate(MINUTE).unwrap();
    assert_eq!((estimate.series, estimate.points_a_day), (Some(3), Some(5760.0)));
    between(&mut meter);
    tick(&mut meter, content_type, &[&otlp("r", &["b", "a"])]);
    let estimate = meter.estimate(MINUTE).unwrap();
    assert_eq!((estimate.series, estimate.points_a_day), (Some(3), Some(4320.0)), "three points a tick");
    let whole = otlp("r", &["a"]);
    assert_eq!(requests::otlp(&whole[..whole.len() - 1]), None);
}

#[test]
fn points_of_remote_write() {
    // Both requests have the series {a="b"}, under other numbers of the symbols.
    let series = |refs: &[u8], samples: usize| {
        let fields: Vec<(u64, &[u8])> = std::iter::repeat_n((2, &b"\x10\x01"[..]), samples).collect();
        message(&[&[(1, refs)], fields.as_slice()].concat())
    };
    let one = message(&[(4, b""), (4, b"a"), (4, b"b"), (5, &series(&[1, 2], 2)), (5, &series(&[2, 1], 1))]);
    let two = message(&[(4, b""), (4, b"b"), (4, b"a"), (5, &series(&[2, 1], 1))]);
    let mut meter = Meter::default();
    tick(&mut meter, requests::REMOTE_WRITE, &[&one, &two]);
    let estimate = meter.estimate(MINUTE).unwrap();
    assert_eq!((estimate.series, estimate.points_a_day), (Some(2), Some(5760.0)));
    assert_eq!(requests::remote_write(&message(&[(5, &series(&[9], 1))])), None, "no such symbol");
}
