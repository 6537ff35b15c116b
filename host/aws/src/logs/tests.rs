//! Contents of bodies, and that no body exceeds a limit.

use std::io::Read;

use flate2::read::GzDecoder;
use proptest::prelude::*;
use serde_json::Value;

use super::limits::{EVENT_OVERHEAD_BYTES, MAX_BATCH_BYTES, MAX_EVENT_BYTES, MAX_EVENTS};
use super::{Body, BodyBuilder, Destination, InvalidEvent, validate_message};

fn destination() -> Destination {
    Destination { group: "/aws/containerinsights/prod/performance".into(), stream: "node-1".into() }
}

fn json(body: &Body) -> Value {
    let mut text = String::new();
    GzDecoder::new(&*body.gzip).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Builds the bodies of these events as a sink does.
fn bodies(events: &[(u64, String)]) -> Vec<Body> {
    let mut bodies = Vec::new();
    let mut builder: Option<BodyBuilder> = None;
    for (time, text) in events {
        if !builder.as_mut().is_some_and(|builder| builder.push(*time, text)) {
            let full = builder.replace(BodyBuilder::new(&destination(), *time, text));
            bodies.extend(full.map(BodyBuilder::finish));
        }
    }
    bodies.extend(builder.map(BodyBuilder::finish));
    bodies
}

#[test]
fn a_body_is_the_documented_json() {
    let event = r#"{"Type":"Node","text":"a \"quoted\" \\ line\nwith ünïcode \u0007"}"#;
    let bodies = bodies(&[(5, event.into()), (7, "{}".into())]);
    assert_eq!(bodies.len(), 1);
    let expected = serde_json::json!({
        "logGroupName": "/aws/containerinsights/prod/performance",
        "logStreamName": "node-1",
        "logEvents": [{"timestamp": 5, "message": event}, {"timestamp": 7, "message": "{}"}],
    });
    assert_eq!(json(&bodies[0]), expected);
    assert_eq!((bodies[0].events, bodies[0].first_ms), (2, 5));
    assert_eq!(bodies[0].counted_bytes, event.len() + 2 + 2 * 26);
}

#[test]
fn events_of_one_tick_compress_to_a_tenth() {
    let event = |pod: u32| {
        format!(
            r#"{{"group":"workers","cluster":"prod","namespace":"shop","pod":"web-{pod}","kind":"Pod","first_figure_of_it":{}.{pod},"second_figure_of_it":{}}}"#,
            pod % 7,
            pod * 4096
        )
    };
    let events: Vec<_> = (0..1000).map(|pod| (1, event(pod))).collect();
    let bodies = bodies(&events);
    assert_eq!(bodies.len(), 1);
    let (packed, counted) = (bodies[0].gzip.len(), bodies[0].counted_bytes);
    println!("{counted} bytes of events, {packed} sent");
    assert!(packed * 10 < counted, "{packed} of {counted}");
}

#[test]
fn a_body_ends_at_each_limit_of_the_service() {
    let counts = |events: &[(u64, String)]| -> Vec<u32> { bodies(events).iter().map(|b| b.events).collect() };
    let many: Vec<_> = (0..10_001).map(|_| (1, "x".to_owned())).collect();
    assert_eq!(counts(&many), [10_000, 1]);
    let large = "y".repeat(MAX_EVENT_BYTES - EVENT_OVERHEAD_BYTES);
    let four: Vec<_> = (0..5).map(|_| (1, large.clone())).collect();
    assert_eq!(counts(&four), [4, 1], "exactly 1 MiB fits");
    let day = 24 * 3_600_000;
    assert_eq!(counts(&[(0, "a".into()), (day - 1, "b".into()), (day, "c".into())]), [2, 1]);
    assert_eq!(counts(&[(5, "a".into()), (4, "b".into()), (4, "c".into())]), [1, 2], "never out of order");
}

#[test]
fn invalid_events_are_rejected_with_a_reason() {
    assert_eq!(validate_message(b""), Err(InvalidEvent::Empty));
    assert_eq!(validate_message(&[b'a', 0xff]), Err(InvalidEvent::NotText));
    let most = MAX_EVENT_BYTES - EVENT_OVERHEAD_BYTES;
    assert!(validate_message(&vec![b'a'; most]).is_ok());
    assert_eq!(validate_message(&vec![b'a'; most + 1]), Err(InvalidEvent::TooLong { bytes: most + 1 }));
    assert_eq!(
        validate_message(&vec![b'a'; most + 1]).unwrap_err().to_string(),
        "an event has 262119 bytes; the service accepts at most 262118"
    );
}

#[test]
fn a_destination_round_trips_through_its_key() {
    let destination = destination();
    assert_eq!(Destination::from_key(&destination.key()), Some(destination));
    for wrong in [&b""[..], b"group", b"\0stream", b"group\0", b"gr\xffoup\0stream"] {
        assert_eq!(Destination::from_key(wrong), None, "{wrong:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// For arbitrary events: each is in exactly one body, in order, and no body exceeds a limit.
    #[test]
    fn no_event_is_lost_and_no_limit_exceeded(
        events in prop::collection::vec((0_u64..200_000_000, "[ -~é\n]{1,300}"), 1..400)
    ) {
        let bodies = bodies(&events);
        let mut found = Vec::new();
        for body in &bodies {
            let document = json(body);
            let list = document["logEvents"].as_array().unwrap();
            prop_assert_eq!(list.len(), body.events as usize);
            let times: Vec<u64> = list.iter().map(|event| event["timestamp"].as_u64().unwrap()).collect();
            prop_assert!(times.is_sorted());
            prop_assert!(times.last().unwrap() - times[0] < 86_400_000);
            let texts = list.iter().map(|event| event["message"].as_str().unwrap().to_owned());
            let texts: Vec<String> = texts.collect();
            let counted: usize = texts.iter().map(|text| text.len() + EVENT_OVERHEAD_BYTES).sum();
            prop_assert_eq!(counted, body.counted_bytes);
            prop_assert!(counted <= MAX_BATCH_BYTES && body.events <= MAX_EVENTS);
            found.extend(times.into_iter().zip(texts));
        }
        prop_assert_eq!(found, events);
    }
}
