//! Delivery to real receivers: an OpenTelemetry collector and a Prometheus server. Each point that the agent sent is
//! there with its value, time and labels, and the figures agree with the events of the same tick.
//!
//! `INSIGHTD_TEST_RECEIVERS` is the directory of the receivers; `make test-receivers` builds them. Without it, these tests do not count as
//! passed.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod mixin;
mod points;
mod process;
mod remote_write;
mod scrape;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use insightd_tests::{Events, Recorded, built, program, top};
use points::Point;
use process::{Process, collector, prometheus, query, receivers};
use serde_json::Value;

/// Writes a configuration that delivers the raw figures to both receivers, and prints the events of Container Insights.
fn config(directory: &Path, collector: &Process, prometheus: &Process) -> String {
    // Builds that are missing are an error here, with what to do.
    built("transforms/otlp.wasm");
    let text = format!(
        "node: {{name: node-1, cluster_name: shop}}
instance: {{enabled: false}}
operations: {{listen: none}}
transforms_dir: {:?}
compiler: {:?}
sinks:
  collector: {{type: otlp_http, endpoint_url: 'http://127.0.0.1:{}/v1/metrics'}}
  prometheus: {{type: otlp_http, endpoint_url: 'http://127.0.0.1:{}/api/v1/otlp/v1/metrics'}}
pipelines:
  - name: otlp
    scope: node
    transforms: [{{use: 'builtin:decorate'}}]
    outputs:
      - {{formatter: {{use: 'file:otlp'}}, sink: collector}}
      - {{formatter: {{use: 'file:otlp'}}, sink: prometheus}}
  - name: node
    scope: node
    transforms: [{{use: 'builtin:decorate'}}, {{use: 'builtin:utilization'}}]
    outputs:
      - {{formatter: {{use: 'builtin:emf'}}, sink: stdout}}
",
        top().join("target/transforms"),
        program("insightd-compile"),
        collector.port,
        prometheus.port,
    );
    let path = directory.join("insightd.yaml");
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// A recorded node, delivered: the events, and what the receivers have.
struct Delivered {
    recorded: Recorded,
    events: Events,
    points: Vec<Point>,
    prometheus: Process,
    _directory: tempfile::TempDir,
}

fn deliver(test: &str, recording: &str) -> Option<Delivered> {
    let programs = receivers(test)?;
    let directory = tempfile::tempdir().unwrap();
    let collector = collector(&programs, directory.path());
    let prometheus = prometheus(&programs, directory.path(), None);
    let config = config(directory.path(), &collector, &prometheus);
    let recorded = Recorded::open(recording);
    let arguments = ["run", "--config", &config, "--host-root", recorded.directory()];
    let sinks = ["--sink", "collector", "--sink", "prometheus"];
    let events = insightd_tests::events(&[arguments.as_slice(), &sinks].concat());
    collector.terminate();
    let points = points::read(&directory.path().join("received.json"));
    Some(Delivered { recorded, events, points, prometheus, _directory: directory })
}

/// Returns the labels of a Prometheus series that come from attributes.
fn labels(result: &Value) -> BTreeMap<String, String> {
    let metric = result["metric"].as_object().unwrap();
    let own = |key: &str| key == "__name__" || key.starts_with("otel_scope_");
    metric
        .iter()
        .filter(|(key, _)| !own(key))
        .map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned()))
        .collect()
}

fn value(result: &Value) -> f64 {
    result["value"][1].as_str().unwrap().parse().unwrap()
}

/// Values of one metric at one time, by labels.
type Series = BTreeMap<BTreeMap<String, String>, f64>;

fn check_points(delivered: &Delivered) {
    let Delivered { points, prometheus, .. } = delivered;
    let times: BTreeSet<u64> = points.iter().map(|point| point.time_unix_ms).collect();
    assert_eq!(times.len(), 1, "the first frame of a recording is the baseline of the rates");
    assert!(points.len() > 500, "only {} points", points.len());
    let mut series: BTreeMap<(u64, &str), Series> = BTreeMap::new();
    for point in points {
        let all = series.entry((point.time_unix_ms, &point.name)).or_default();
        let earlier = all.insert(point.attributes.clone(), point.value);
        assert_eq!(earlier, None, "two points of {} {:?}", point.name, point.attributes);
    }
    for ((time, name), expected) in series {
        let found = query(prometheus, &format!("{{__name__=\"{name}\"}}"), time);
        let found: Series = found.iter().map(|result| (labels(result), value(result))).collect();
        assert_eq!(found, expected, "{name} at {time}");
    }
}

/// Returns the CPU time of a cgroup in the first frame, seconds.
fn cpu_seconds(recorded: &Recorded, cgroup: &str) -> Option<f64> {
    if recorded.is_v2() {
        let text = recorded.cgroup_file(0, "", cgroup, "cpu.stat")?;
        let microseconds = text.lines().find_map(|line| line.strip_prefix("usage_usec "))?;
        return microseconds.parse().ok().map(|microseconds: f64| microseconds / 1e6);
    }
    let text = recorded.cgroup_file(0, "cpuacct", cgroup, "cpuacct.usage")?;
    text.trim().parse().ok().map(|nanoseconds: f64| nanoseconds / 1e9)
}

/// Compares figures of Container events with those that PromQL computes.
fn check_events(delivered: &Delivered) {
    let Delivered { recorded, events, points, prometheus, .. } = delivered;
    let time = points[0].time_unix_ms;
    let elapsed_s = recorded.elapsed_ns() as f64 / 1e9;
    // Says which cgroup a container has.
    let cadvisor = recorded.cadvisor(1);
    let mut compared = BTreeMap::from([("memory", 0), ("cpu", 0)]);
    for event in events.of_type("Container") {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (namespace, pod) = (text(&event["Namespace"]), text(&event["kubernetes"]["pod_name"]));
        let container = text(&event["kubernetes"]["container_name"]);
        let selector = format!("{{namespace=\"{namespace}\", pod=\"{pod}\", container=\"{container}\"}}");
        let only = |metric: &str| {
            let found = query(prometheus, &format!("{metric}{selector}"), time);
            assert_eq!(found.len(), 1, "{metric}{selector}: {found:?}");
            found[0].clone()
        };
        if let Some(expected) = event["container_memory_working_set"].as_f64() {
            assert_eq!(value(&only("container_memory_working_set_bytes")), expected, "{selector}");
            *compared.entry("memory").or_default() += 1;
        }
        // Millicores, from the kernel's file of the first frame and the cumulative counter of the second.
        if let Some(expected) = event["container_cpu_usage_total"].as_f64() {
            let total = only("container_cpu_usage_seconds_total");
            let of_cadvisor = cadvisor.iter().find(|sample| {
                sample.name == "container_cpu_usage_seconds_total"
                    && [("namespace", &namespace), ("pod", &pod), ("container", &container)]
                        .iter()
                        .all(|(key, value)| sample.label(key) == **value)
            });
            let Some(before) = of_cadvisor.and_then(|sample| cpu_seconds(recorded, sample.label("id")))
            else {
                continue;
            };
            let used = value(&total) - before;
            let found = used / elapsed_s * 1000.0;
            assert!((found - expected).abs() <= 1e-6 * expected.max(1.0), "{selector}: {found} {expected}");
            *compared.entry("cpu").or_default() += 1;
        }
    }
    println!("compared: {compared:?}");
    assert!(compared.values().all(|count| *count >= 5), "{compared:?}");
}

#[test]
fn v1_reaches_both_receivers() {
    let Some(delivered) = deliver("v1_reaches_both_receivers", "v1-cgroupfs") else { return };
    check_points(&delivered);
    check_events(&delivered);
}

#[test]
fn v2_reaches_both_receivers() {
    let Some(delivered) = deliver("v2_reaches_both_receivers", "v2-systemd") else { return };
    check_points(&delivered);
    check_events(&delivered);
}
