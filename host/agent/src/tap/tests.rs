//! Tests of the tap without a server.

use std::time::Duration;

use insights_batch::{Columns, Payloads};
use serde_json::{Value, json};

use super::*;

const BATCH: &str = r#"{"scope":"node","id":"n1","time_unix_ms":5,"interval_ms":1000,"entities":[{"kind":"node","id":"n1","gauges":{"node.cpu_count":2},"children":[{"kind":"pod","id":"u1","attributes":{"pod.name":"web-1","pod.namespace":"shop","label.team":"x"},"gauges":{"pod_cpu":1,"pod_memory":2},"children":[{"kind":"container","id":"u1/a","gauges":{"container_cpu":3}}]},{"kind":"pod","id":"u2","attributes":{"pod.name":"db-1","pod.namespace":"data"},"gauges":{"pod_cpu":4}}]}]}"#;
const AFTER: Location<'_> = Location {
    pipeline: "node",
    number: 2,
    is_output: false,
    is_last: true,
    component: "builtin:utilization",
    is_after: true,
};
const OUTPUT: Location<'_> =
    Location { number: 1, is_output: true, is_last: false, component: "builtin:emf", ..AFTER };

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn tap() -> Arc<Tap> {
    Arc::new(Tap::new(vec!["stdout".into()]))
}

fn show(tap: &Tap, events: &[&str]) {
    let Some(observer) = tap.observer() else { return };
    observer.batch(&AFTER, &Columns::from_json(BATCH).unwrap());
    let mut payloads = Payloads::new("application/json");
    events.iter().for_each(|event| payloads.push(&[], 7, event.as_bytes()));
    let events: Vec<_> = payloads.events().collect();
    observer.events(&OUTPUT, 0, &payloads.content_type, &events);
    tap.end_tick(5);
}

/// Returns the lines that a listener gets of one tick.
fn lines(query: &str, events: &[&str]) -> Vec<Value> {
    let runtime = runtime();
    let tap = tap();
    let query = Query::parse(&format!("{query}&ticks=1")).unwrap();
    runtime.block_on(async {
        let mut lines = tap.listen(query).unwrap();
        show(&tap, events);
        let mut found = Vec::new();
        while let Some(line) = lines.recv().await {
            assert_eq!(line.last(), Some(&b'\n'));
            found.push(serde_json::from_slice(&line).unwrap());
        }
        found
    })
}

#[test]
fn nothing_is_observed_while_nobody_listens() {
    let tap = tap();
    assert!(tap.observer().is_none());
    let runtime = runtime();
    let lines = runtime.block_on(async { tap.listen(Query::default()).unwrap() });
    assert!(tap.observer().is_some());
    drop(lines);
    // The thread notices at the end of the next tick.
    while tap.observer().is_some() {
        tap.end_tick(1);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(tap.queued_bytes.load(Ordering::Relaxed), 0);
}

#[test]
fn batches_with_their_place() {
    let found = lines("at=batches", &[]);
    let batch: Value = serde_json::from_str(BATCH).unwrap();
    let wanted = json!({"tap": "batch", "time_unix_ms": 5, "pipeline": "node", "slot": "transform-2", "component": "builtin:utilization", "when": "after", "batch": batch});
    assert_eq!(found, [wanted, json!({"tap": "tick", "time_unix_ms": 5})]);
}

#[test]
fn batches_are_filtered_with_their_ancestors_kept() {
    let entities = |query: &str| {
        let found = lines(&format!("at=batches&{query}"), &[]);
        let mut names = Vec::new();
        let mut left = vec![found[0]["batch"]["entities"].clone()];
        while let Some(entities) = left.pop() {
            for entity in entities.as_array().into_iter().flatten() {
                let gauges =
                    entity["gauges"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
                names.push(format!("{} {:?}", entity["id"].as_str().unwrap(), gauges.collect::<Vec<_>>()));
                left.push(entity["children"].clone());
            }
        }
        names.join("; ")
    };
    let node = r#"n1 ["node.cpu_count"]"#;
    assert_eq!(entities("pod=db-1"), format!(r#"{node}; u2 ["pod_cpu"]"#));
    let shop = format!(r#"{node}; u1 ["pod_cpu", "pod_memory"]; u1/a ["container_cpu"]"#);
    assert_eq!(entities("namespace=shop"), shop);
    assert_eq!(entities("type=container"), shop, "a container within its pod");
    assert_eq!(entities("type=Pod&namespace=shop&metric=pod_memory"), r#"n1 []; u1 ["pod_memory"]"#);
    assert_eq!(entities("pod=none"), "");
}

#[test]
fn labels_are_redacted_on_request() {
    let label = |query: &str| {
        let found = lines(query, &[]);
        found[0]["batch"]["entities"][0]["children"][0]["attributes"]["label.team"].clone()
    };
    assert_eq!(label("at=batches"), "x");
    // The beginning of the SHA-256 digest of `x`.
    assert_eq!(label("at=batches&redact=true"), "2d711642b726");
}

#[test]
fn events_with_their_sink() {
    let events =
        [r#"{"Type":"Pod","Namespace":"shop","PodName":"web","m":1}"#, "{\n\"Type\": \"Node\"\n}", "text"];
    let found = lines("", &events);
    let bodies: Vec<_> =
        found.iter().filter(|line| line["tap"] == "event").map(|line| line["event"].clone()).collect();
    let pod = json!({"Type": "Pod", "Namespace": "shop", "PodName": "web", "m": 1});
    assert_eq!(bodies, [pod.clone(), json!({"Type": "Node"}), json!("text")]);
    assert_eq!(
        (&found[0]["sink"], &found[0]["slot"], &found[0]["time_unix_ms"]),
        (&json!("stdout"), &json!("output-1"), &json!(7))
    );
    for (query, wanted) in
        [("type=pod", 1), ("namespace=shop&pod=web", 1), ("metric=m", 1), ("metric=n", 0), ("pod=x", 0)]
    {
        let count = lines(query, &events).iter().filter(|line| line["tap"] == "event").count();
        assert_eq!(count, wanted, "{query}");
    }
}

#[test]
fn more_than_the_rate_is_skipped_and_counted() {
    // The burst of four seconds takes one event and its line feed; the head of the line is about 120 bytes.
    let event = format!("\"{}\"", "x".repeat(3000));
    let found = lines("rate_bytes=800", &[&event, &event, &event]);
    let kinds: Vec<_> = found.iter().map(|line| line["tap"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["event", "skipped", "tick"]);
    assert_eq!((&found[1]["events"], &found[1]["batches"]), (&json!(2), &json!(0)));
    assert!(found[1]["bytes"].as_u64().unwrap() > 6000);
}

#[test]
fn a_listener_that_does_not_read_costs_a_bounded_queue() {
    let (runtime, tap) = (runtime(), tap());
    let lines = runtime.block_on(async { tap.listen(Query::parse("at=batches").unwrap()).unwrap() });
    let batch = Columns::from_json(BATCH).unwrap();
    let observer = tap.observer().unwrap();
    for tick in 0..10_000 {
        observer.batch(&AFTER, &batch);
        tap.end_tick(tick);
        assert!(tap.queued_bytes.load(Ordering::Relaxed) <= QUEUE_BYTES);
    }
    let listener = lock(&tap.listeners)[0].clone();
    assert!(!listener.has_room(QUEUE_BYTES, QUEUE_BYTES));
    drop(lines);
}

#[test]
fn a_line_of_any_length_is_passed_on_in_parts() {
    let event = format!("\"{}\"", "x".repeat(300 << 10));
    let (runtime, tap) = (runtime(), tap());
    let parts = runtime.block_on(async {
        let mut lines = tap.listen(Query::parse("ticks=1").unwrap()).unwrap();
        show(&tap, &[&event]);
        let mut parts = Vec::new();
        while let Some(part) = lines.recv().await {
            assert!(part.len() <= 64 << 10);
            parts.push(part);
        }
        parts.concat()
    });
    let text = String::from_utf8(parts).unwrap();
    let found: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((found.len(), found[0]["event"].to_string()), (2, event));
}

#[test]
fn what_nobody_takes_any_more_does_not_count() {
    let (runtime, tap) = (runtime(), tap());
    let lines = runtime.block_on(async { tap.listen(Query::parse("at=batches").unwrap()).unwrap() });
    let listener = lock(&tap.listeners)[0].clone();
    drop(lines);
    while tap.observer().is_some() {
        tap.end_tick(1);
    }
    // A tick that had looked up the listener before it ended.
    for _ in 0..100 {
        listener.push(Item::Tick { time_unix_ms: 1 }, 1000, QUEUE_BYTES);
    }
    drop(listener);
    while tap.queued_bytes.load(Ordering::Relaxed) > 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn the_number_of_listeners_is_bounded() {
    let (runtime, tap) = (runtime(), tap());
    let _context = runtime.enter();
    let listeners: Vec<_> = (0..MAX_LISTENERS).map(|_| tap.listen(Query::default()).unwrap()).collect();
    assert!(matches!(tap.listen(Query::default()), Err(TapError::TooMany)));
    assert_eq!(listeners.len(), MAX_LISTENERS);
}

#[test]
fn every_second_tick() {
    let (runtime, tap) = (runtime(), tap());
    let found = runtime.block_on(async {
        let mut lines = tap.listen(Query::parse("every=2&ticks=4").unwrap()).unwrap();
        (0..4).for_each(|_| show(&tap, &["1"]));
        let mut found = Vec::new();
        while let Some(line) = lines.recv().await {
            let line: Value = serde_json::from_slice(&line).unwrap();
            found.push(line["tap"].as_str().unwrap().to_owned());
        }
        found
    });
    assert_eq!(found, ["event", "tick", "tick", "event", "tick", "tick"]);
}
