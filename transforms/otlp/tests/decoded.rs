//! Requests, read with the messages that are generated from OpenTelemetry's .proto files.

mod decode;

use std::collections::BTreeMap;

use decode::{Decoded, decode};
use insightd_otlp::Otlp;
use insightd_series::{Kind, PROMETHEUS, SEMCONV, Selection, Series, Source, Table};
use insights_sdk::{Batch, Columns, Counter, Formatter, Limits, Payloads, Settings, configure};
use proptest::prelude::*;

/// Time of made batches, milliseconds since the Unix epoch.
const TIME: u64 = 1_735_689_630_000;

fn format(config: &str, batch: &Batch, max_event_bytes: u32) -> Payloads {
    let formatter = configure(config, Otlp::configure).expect("a valid configuration");
    let payloads =
        formatter.format(batch, &Limits { max_event_bytes }).expect("a batch that can be formatted");
    payloads.check().expect("payloads within the contract");
    assert_eq!(payloads.content_type, "application/x-protobuf");
    payloads
}

/// Returns what the table makes of a batch: name, labels and value of each point, as text that can be sorted.
fn wanted(table: &'static Table, batch: &Batch) -> Vec<String> {
    let selection = Selection::read(&mut Settings::parse("{}").expect("an object"), &[]);
    let series = Series::new(batch, table, &selection);
    let mut wanted = Vec::new();
    for group in series.groups() {
        group.points(&mut |point| {
            if group.family.source == Source::Cadvisor && point.subject.pod.is_none() {
                return;
            }
            let mut labels = BTreeMap::new();
            point.labels(&mut |key, value| {
                assert!(labels.insert(key.to_owned(), value.to_owned()).is_none(), "label {key} twice");
            });
            let start =
                point.subject.start_unix_ms().filter(|_| group.family.kind == Kind::Counter).unwrap_or(0);
            wanted.push(line(
                group.family.name,
                group.family.unit,
                group.family.kind,
                &labels,
                point.value,
                start,
            ));
        });
    }
    wanted.sort();
    wanted
}

fn line(
    name: &str,
    unit: &str,
    kind: Kind,
    labels: &BTreeMap<String, String>,
    value: f64,
    start: u64,
) -> String {
    format!("{name} {unit} {kind:?} {labels:?} {:x} {start}", value.to_bits())
}

fn found(points: &[Decoded]) -> Vec<String> {
    let mut found: Vec<String> = points
        .iter()
        .map(|point| {
            let start = point.start_unix_nano / 1_000_000;
            line(&point.name, &point.unit, point.kind, &point.labels, point.value, start)
        })
        .collect();
    found.sort();
    found
}

/// Decodes all requests; checks time and limits of each.
fn points(payloads: &Payloads, time_unix_ms: u64, max_points: usize, max_bytes: usize) -> Vec<Decoded> {
    let mut all = Vec::new();
    for event in payloads.events() {
        assert!(event.bytes.len() <= max_bytes && event.route.is_empty(), "{} bytes", event.bytes.len());
        let points = decode(event.bytes);
        assert!((1..=max_points).contains(&points.len()), "{} points", points.len());
        assert!(points.iter().all(|point| point.time_unix_nano == time_unix_ms * 1_000_000));
        all.extend(points);
    }
    all
}

#[test]
fn every_point_of_recorded_batches_comes_out() {
    for case in insights_sdk::golden::cases("tests/golden").expect("cases") {
        let Columns { time_unix_ms, .. } = case.batch;
        let batch = Batch::from_columns(case.batch);
        for (dialect, table) in [("container-insights", &PROMETHEUS), ("semconv", &SEMCONV)] {
            let wanted = wanted(table, &batch);
            for (max_points, max_bytes) in [(1000, 1 << 20), (7, 1 << 20), (1000, 3000)] {
                let config =
                    format!(r#"{{"dialect": "{dialect}", "max_points": {max_points}, "labels": []}}"#);
                let payloads = format(&config, &batch, max_bytes);
                let points = points(&payloads, time_unix_ms, max_points, max_bytes as usize);
                assert_eq!(found(&points), wanted, "{} {dialect} {max_points} {max_bytes}", case.name);
            }
        }
    }
}

#[test]
fn resource_and_scope_of_container_insights() {
    let case = insights_sdk::golden::Case::load("tests/golden/recorded_pods").expect("a case");
    let batch = Batch::from_columns(case.batch);
    let config =
        r#"{"source_attributes": true, "resource": {"cloud.region": "eu-west-1"}, "descriptions": true}"#;
    let points = points(&format(config, &batch, 1 << 20), batch.time_unix_ms(), 1000, 1 << 20);
    let is_spin = |point: &&Decoded| {
        point.name == "container_cpu_usage_seconds_total" && point.label("container") == Some("spin")
    };
    let point = points.iter().find(is_spin).expect("the container");
    let uid = batch.pods().into_iter().find(|pod| pod.namespace() == Some("shop")).and_then(|pod| pod.uid());
    let pod = point.label("pod").expect("a pod");
    let wanted = [
        ("cloud.region", "eu-west-1"),
        ("k8s.cluster.name", "demo"),
        ("k8s.container.name", "spin"),
        ("k8s.deployment.name", "client"),
        ("k8s.namespace.name", "shop"),
        ("k8s.node.name", "node-v2"),
        ("k8s.pod.label.app", "client"),
        ("k8s.pod.label.tier", "load"),
        ("k8s.pod.name", pod),
        ("k8s.pod.uid", uid.expect("a uid")),
        ("k8s.workload.name", "client"),
        ("k8s.workload.type", "Deployment"),
    ];
    let resource: Vec<_> = point.resource.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(resource, wanted);
    assert_eq!(point.scope.0, "github.com/google/cadvisor");
    let scope: Vec<_> = point.scope.1.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let source = [
        ("cloudwatch.pipeline", "cadvisor"),
        ("cloudwatch.solution", "k8s-otel-container-insights"),
        ("cloudwatch.source", "cloudwatch-agent"),
    ];
    assert_eq!(scope, source);
    assert!(!point.description.is_empty());
    // The labels of cAdvisor stay on the point.
    assert_eq!((point.label("namespace"), point.label("cpu")), (Some("shop"), Some("total")));
}

/// CloudWatch takes 150 attributes over resource, scope and point.
#[test]
fn at_most_150_attributes() {
    let case = insights_sdk::golden::Case::load("tests/golden/many_labels").expect("a case");
    let batch = Batch::from_columns(case.batch);
    let (payloads, lines) = insights_sdk::log::capture(|| format(&case.config, &batch, 1 << 20));
    for point in points(&payloads, TIME, 1000, 1 << 20) {
        let count = point.resource.len() + point.scope.1.len() + point.labels.len();
        assert!((100..=150).contains(&count), "{count} attributes");
        assert_eq!(point.resource.keys().filter(|key| key.starts_with("attribute.")).count(), 64);
        assert!(point.resource.contains_key("k8s.pod.name"));
        assert!(!point.resource.keys().any(|key| key.contains("hash")), "labels of a rollout");
    }
    assert!(lines.iter().any(|(_, line)| line.contains("pod labels left out")), "{lines:?}");
}

#[derive(Clone, Debug)]
struct TestPod {
    texts: [String; 3],
    counter: Option<u64>,
    gauge: Option<f64>,
    start: Option<u64>,
}

fn pod() -> impl Strategy<Value = TestPod> {
    let start = prop::option::of(TIME - 100_000..TIME + 10);
    let texts = [any::<String>(), any::<String>(), any::<String>()];
    (texts, prop::option::of(any::<u64>()), prop::option::of(-1e18..1e18_f64), start)
        .prop_map(|(texts, counter, gauge, start)| TestPod { texts, counter, gauge, start })
}

fn batch(pods: &[TestPod]) -> Batch {
    let batch = Batch::new("node", "node-1", TIME, 60_000);
    for (at, test) in pods.iter().enumerate() {
        let pod = batch.add("pod", &at.to_string(), None);
        pod.set_attribute("pod.name", &format!("{at}{}", test.texts[0]));
        pod.set_attribute("pod.namespace", &test.texts[1]);
        pod.set_attribute("label.x", &test.texts[2]);
        if let Some(counter) = test.counter {
            pod.set_counter("cpu.usage_ns", Counter::first(counter));
        }
        if let Some(start) = test.start {
            pod.set_gauge("pod.start_unix_ms", start as f64);
        }
        let interface = batch.add("interface", &test.texts[2], Some(pod));
        interface.set_attribute("interface", &test.texts[2]);
        if let Some(counter) = test.counter {
            interface.set_counter("network.tx_bytes", Counter::first(counter));
        }
        let container = batch.add("container", "c", Some(pod));
        container.set_attribute("container.name", &test.texts[2]);
        if let Some(gauge) = test.gauge {
            container.set_gauge("memory.usage_bytes", gauge);
        }
    }
    batch
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_point_comes_out_or_is_counted(
        pods in prop::collection::vec(pod(), 1..6), semconv: bool, max_points in 1_usize..20, max_bytes in 200_u32..4000,
    ) {
        let batch = batch(&pods);
        let (dialect, table) = if semconv { ("semconv", &SEMCONV) } else { ("container-insights", &PROMETHEUS) };
        let config = format!(r#"{{"dialect": "{dialect}", "max_points": {max_points}}}"#);
        let (payloads, lines) = insights_sdk::log::capture(|| format(&config, &batch, max_bytes));
        let dropped: usize = lines.iter()
            .filter_map(|(_, line)| line.split_once(" points dropped").map(|(count, _)| count.parse::<usize>().expect("a count")))
            .sum();
        let wanted = wanted(table, &batch);
        let found = found(&points(&payloads, TIME, max_points, max_bytes as usize));
        prop_assert_eq!(found.len() + dropped, wanted.len());
        let mut rest = wanted.iter();
        prop_assert!(found.iter().all(|line| rest.any(|wanted| wanted == line)), "a point that is not in the batch");
    }
}
