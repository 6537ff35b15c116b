//! Tests of the lines that `explain` logs about names that nothing has.
#![allow(clippy::unwrap_used, reason = "tests")]

use insightd_script::Script;
use insights_sdk::{Batch, Counter, Transform, json, log};

const PROGRAM: &str = r#"
    for pod in all("pod") {
        attribute(pod, "pod.namespce");
        attribute(pod, "pod.name");
        label(pod, "team");
        gauge(pod, "memory.usage");
        rate(pod, "cpu.usage_ns");
        gauge(absent, "never.asked");
        gauge(pod, "xyz");
    }
"#;

fn batch() -> Batch {
    let batch = Batch::new("node", "n1", 1_700_000_000_000, 60_000);
    let node = batch.add("node", "n1", None);
    let first = batch.add("pod", "u1", Some(node));
    first.set_attribute("pod.name", "web");
    first.set_attribute("pod.namespace", "shop");
    first.set_gauge("memory.usage_bytes", 5.0);
    // The counter has no rate yet, but counts as present.
    first.set_counter("cpu.usage_ns", Counter::first(7));
    let second = batch.add("pod", "u2", Some(node));
    second.set_attribute("label.team", "checkout");
    batch
}

fn told(explain: bool) -> Vec<String> {
    let mut config = Vec::new();
    let fields = vec![
        ("program".to_string(), json::Value::String(PROGRAM.to_string())),
        ("explain".to_string(), json::Value::Bool(explain)),
    ];
    json::write_value(&mut config, &json::Value::Object(fields));
    let script = insights_sdk::configure(&String::from_utf8(config).unwrap(), Script::configure).unwrap();
    let (result, lines) = log::capture(|| script.process_owned(batch()));
    result.unwrap();
    lines.into_iter().map(|(_, line)| line).collect()
}

#[test]
fn unknown_names_are_reported_with_the_nearest_one() {
    assert_eq!(
        told(true),
        [
            "no queried entity has `memory.usage`; did you mean `memory.usage_bytes`?",
            "no queried entity has `pod.namespce`; did you mean `pod.namespace`?",
            "no queried entity has `xyz`",
        ]
    );
}

#[test]
fn unknown_names_are_reported_only_on_request() {
    assert!(told(false).is_empty());
}
