//! Requests, decoded by another implementation of protobuf.

mod decode;

use std::collections::BTreeMap;

use decode::{Decoded, Labels, decode};
use insightd_remote_write::RemoteWrite;
use insightd_series::{Kind, PROMETHEUS, Selection, Series};
use insights_sdk::{Batch, Counter, Formatter, Limits, Payloads, Settings, configure};
use proptest::prelude::*;

/// Time of made batches, milliseconds since the Unix epoch.
const TIME: u64 = 1_735_689_630_000;

fn format(config: &str, batch: &Batch, max_event_bytes: u32) -> Payloads {
    let formatter = configure(config, RemoteWrite::configure).expect("a valid configuration");
    let payloads =
        formatter.format(batch, &Limits { max_event_bytes }).expect("a batch that can be formatted");
    payloads.check().expect("payloads within the contract");
    assert!(payloads.events().all(|event| event.bytes.len() <= max_event_bytes as usize));
    payloads
}

/// Type, value and labels, as text that can be sorted.
fn line(kind: i32, labels: &Labels, bits: u64) -> String {
    format!("{kind} {labels:?} {bits:x}")
}

/// Returns what the table makes of a batch, with the labels of a scrape.
fn wanted(batch: &Batch) -> Vec<String> {
    let selection = Selection::read(&mut Settings::parse(r#"{"labels": ["*"]}"#).expect("an object"), &[]);
    let selection = selection.with_labels_on_points();
    let series = Series::new(batch, &PROMETHEUS, &selection);
    let mut wanted = Vec::new();
    for group in series.groups() {
        group.points(&mut |point| {
            let mut labels = Labels::from([
                ("__name__".to_owned(), group.family.name.to_owned()),
                ("job".to_owned(), "insightd".to_owned()),
                ("instance".to_owned(), batch.scope_id().to_owned()),
            ]);
            point.prometheus_labels(&mut String::new(), &mut |name, value| {
                assert!(labels.insert(name.to_owned(), value.to_owned()).is_none(), "label {name} twice");
            });
            let kind = if group.family.kind == Kind::Counter { 1 } else { 2 };
            wanted.push(line(kind, &labels, point.value.to_bits()));
        });
    }
    wanted.sort();
    wanted
}

fn found(requests: &[Vec<Decoded>]) -> Vec<String> {
    let mut found: Vec<String> = requests
        .iter()
        .flatten()
        .map(|series| line(series.metadata.0, &series.labels, series.bits))
        .collect();
    found.sort();
    found
}

#[test]
fn every_point_of_recorded_batches_comes_out() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../prometheus/tests/golden");
    for case in insights_sdk::golden::cases(directory).expect("cases") {
        let batch = Batch::from_columns(case.batch);
        let wanted = wanted(&batch);
        for (max_series, max_bytes) in [(2000, 1 << 20), (7, 1 << 20), (2000, 6000)] {
            let config =
                format!(r#"{{"labels": ["*"], "max_series": {max_series}, "stale_markers": false}}"#);
            let requests = decode(&format(&config, &batch, max_bytes));
            assert!(requests.iter().all(|request| (1..=max_series).contains(&request.len())));
            assert!(requests.iter().flatten().all(|series| series.time_unix_ms == batch.time_unix_ms()));
            assert_eq!(found(&requests), wanted, "{} {max_series} {max_bytes}", case.name);
        }
    }
}

/// One series of each type by hand: labels, type, help and unit.
#[test]
fn a_counter_and_a_gauge() {
    let batch = Batch::new("node", "node-1", TIME, 60_000);
    let pod = batch.add("pod", "u1", None);
    pod.set_attribute("pod.name", "web");
    pod.set_attribute("pod.namespace", "shop");
    pod.set_attribute("label.app.kubernetes.io/name", "web");
    pod.set_counter("cpu.usage_ns", Counter::first(2_500_000_000));
    pod.set_gauge("memory.usage_bytes", 4096.0);
    let config = r#"{"include": ["container_cpu_usage_seconds_total", "container_memory_usage_bytes"], "labels": ["app*"],
                     "external_labels": {"cluster": "c1", "pod": "never", "job": "", "instance": "i"}, "stale_markers": false}"#;
    let requests = decode(&format(config, &batch, 1 << 20));
    assert_eq!(requests.len(), 1);
    let common = [
        ("cluster", "c1"),
        ("instance", "i"),
        ("label_app_kubernetes_io_name", "web"),
        ("namespace", "shop"),
        ("pod", "web"),
    ];
    let labels = |more: &[(&str, &str)]| -> Labels {
        common.iter().chain(more).map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let [counter, gauge] = &requests[0][..] else { panic!("{requests:?}") };
    assert_eq!(counter.name(), "container_cpu_usage_seconds_total");
    assert_eq!(
        counter.labels,
        labels(&[("__name__", "container_cpu_usage_seconds_total"), ("cpu", "total")])
    );
    assert_eq!((counter.bits, counter.time_unix_ms), (2.5_f64.to_bits(), TIME));
    assert_eq!((counter.metadata.0, counter.metadata.2.as_str()), (1, "seconds"));
    assert!(!counter.metadata.1.is_empty());
    assert_eq!(gauge.labels, labels(&[("__name__", "container_memory_usage_bytes")]));
    assert_eq!((gauge.bits, gauge.time_unix_ms), (4096_f64.to_bits(), TIME));
    assert_eq!((gauge.metadata.0, gauge.metadata.2.as_str()), (2, "bytes"));
}

#[derive(Clone, Debug)]
struct TestPod {
    texts: [String; 3],
    counter: Option<u64>,
    gauge: Option<f64>,
}

fn pod() -> impl Strategy<Value = TestPod> {
    let texts = [any::<String>(), any::<String>(), any::<String>()];
    (texts, prop::option::of(any::<u64>()), prop::option::of(-1e18..1e18_f64))
        .prop_map(|(texts, counter, gauge)| TestPod { texts, counter, gauge })
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
        if let Some(gauge) = test.gauge {
            pod.set_gauge("memory.usage_bytes", gauge);
        }
    }
    batch
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_series_comes_out_or_is_counted(
        pods in prop::collection::vec(pod(), 1..6), max_series in 1_usize..20, max_bytes in 300_u32..4000,
    ) {
        let batch = batch(&pods);
        let config = format!(r#"{{"labels": ["*"], "max_series": {max_series}, "stale_markers": false}}"#);
        let (payloads, lines) = insights_sdk::log::capture(|| format(&config, &batch, max_bytes));
        let dropped: usize = lines.iter()
            .filter_map(|(_, line)| line.split_once(" series dropped").map(|(count, _)| count.parse::<usize>().expect("a count")))
            .sum();
        let wanted = wanted(&batch);
        let found = found(&decode(&payloads));
        prop_assert_eq!(found.len() + dropped, wanted.len());
        let mut rest = wanted.iter();
        prop_assert!(found.iter().all(|line| rest.any(|wanted| wanted == line)), "a series that is not in the batch");
    }
}

/// Symbols are shared, so requests of a real node are a fraction of those that repeat all texts.
#[test]
fn texts_are_not_repeated() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../prometheus/tests/golden/recorded_pods");
    let case = insights_sdk::golden::Case::load(directory).expect("a case");
    let batch = Batch::from_columns(case.batch);
    let payloads = format(r#"{"stale_markers": false}"#, &batch, 1 << 20);
    let mut texts = BTreeMap::new();
    for series in decode(&payloads).iter().flatten() {
        for (name, value) in &series.labels {
            *texts.entry(name.clone()).or_insert(0) += name.len();
            *texts.entry(value.clone()).or_insert(0) += value.len();
        }
    }
    let repeated: usize = texts.values().sum();
    assert!(payloads.body.len() * 2 < repeated, "{} of {repeated}", payloads.body.len());
}
