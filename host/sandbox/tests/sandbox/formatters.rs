//! Formatters: slices, and limits on their output.

use insightd_sandbox::FailureCause;
use insights_batch::{Builder, Columns, Limits, Payloads};

use crate::arena::{batch, enter};

const SINK: Limits = Limits { max_event_bytes: 256 * 1024 - 26 };

fn texts(payloads: &Payloads) -> Vec<String> {
    payloads.events().map(|event| String::from_utf8(event.bytes.to_vec()).unwrap()).collect()
}

#[test]
fn events_have_route_time_and_bytes() {
    let (_serial, arena) = enter();
    let payloads = arena.format.format("{}", &batch(1), &SINK).unwrap();
    assert_eq!(payloads.content_type, "text/plain");
    let node = "ip-10-0-0-1";
    assert_eq!(
        texts(&payloads),
        [format!("{node}/{node} 0"), format!("{node}/uid-0 0"), format!("{node}/uid-0/main 0")]
    );
    let pod = payloads.events().nth(1).unwrap();
    assert_eq!(pod.route, [("log_group".to_owned(), "/group/pod".to_owned())]);
    assert_eq!(pod.time_unix_ms, 1_700_000_000_000);
}

/// Builds a batch of `pods` pods and two descriptors.
fn described(pods: u32) -> Columns {
    let mut builder = Builder::from_columns(batch(pods));
    for metric in ["a", "b"] {
        let metric = builder.entity("metric", metric, None);
        builder.attribute(metric, "unit", "Bytes");
    }
    builder.finish()
}

#[test]
fn a_large_batch_comes_in_slices_with_all_descriptors() {
    let (_serial, arena) = enter();
    let pods = 2000;
    let payloads = arena.format.format("{}", &described(pods), &SINK).unwrap();
    payloads.check().unwrap();
    let texts = texts(&payloads);
    assert_eq!(texts.len() as u32, 1 + 2 * pods);
    let found = |wanted: String| texts.contains(&wanted);
    assert!((0..pods).all(|pod| found(format!("ip-10-0-0-1/uid-{pod} 2"))));
    // Three kinds give three routes, regardless of the number of slices.
    assert_eq!(payloads.routes.len(), 3);
    let container = payloads.events().last().unwrap();
    assert_eq!(container.route[0].1, "/group/container");
}

#[test]
fn an_empty_batch_is_formatted() {
    let (_serial, arena) = enter();
    let empty = Builder::new("node", "n", 1, 1).finish();
    assert!(arena.format.format("{}", &empty, &SINK).unwrap().is_empty());
}

#[test]
fn invalid_payloads_are_refused() {
    let (_serial, arena) = enter();
    let batch = batch(100);
    for (habit, cause, words) in [
        ("a million routes", FailureCause::Limit, "memory; the limit is"),
        ("a million empty routes", FailureCause::Limit, "output exceeds the limit for this input"),
        ("a route for each event", FailureCause::Limit, "returned 1003 routes; the limit is 256"),
        (
            "a long route",
            FailureCause::Output,
            "route 0 has more than 16 pairs, or a key or value over 2048 bytes",
        ),
        ("a route of many keys", FailureCause::Output, "route 0 has more than 16 pairs"),
        (
            "no such route",
            FailureCause::Output,
            "column route, row 0: 1073741824 is out of range: there are 3 routes",
        ),
        ("ends that decrease", FailureCause::Output, "column ends, row 1"),
        ("ends beyond the body", FailureCause::Output, "column ends"),
        ("an empty event", FailureCause::Output, "event 201 has 0 bytes"),
        ("an event too large", FailureCause::Output, "the sink accepts 1 to 262118"),
        ("column lengths", FailureCause::Output, "column time-unix-ms has 1 rows"),
        ("many bytes", FailureCause::Limit, "output exceeds the limit for this input"),
    ] {
        let error = arena.attack(habit, || arena.format.format(habit, &batch, &SINK)).unwrap_err();
        assert_eq!(error.cause(), cause, "{habit}: {error}");
        assert!(error.to_string().contains(words), "{habit}: {error}");
    }
}

#[test]
fn slices_must_agree_on_the_content_type() {
    let (_serial, arena) = enter();
    let error = arena.format.format("another content type", &batch(300), &SINK).unwrap_err();
    assert!(error.to_string().contains(r#"content types "text/512" and "text/89""#), "{error}");
}
