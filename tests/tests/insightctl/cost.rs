//! `insightctl cost` counts what the printed events of `insightctl replay` say: here they are counted once more, from their text.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use insightd_tests::{built, program, top};

use super::{argument, run, text};

/// Bytes that CloudWatch Logs adds to an event.
const EVENT_BYTES: usize = 26;

fn good(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn recording() -> std::path::PathBuf {
    top().join("host/cli/demo/node.jsonl")
}

fn written(directory: &Path, name: &str, content: &str) -> String {
    let file = directory.join(name);
    fs::write(&file, content).expect("can be written");
    argument(&file).to_owned()
}

fn cost(recording: &str, more: &[&str]) -> Value {
    let report = good(&[&["cost", recording, "--format", "json"], more].concat());
    serde_json::from_str(&report).expect("JSON")
}

/// The events of a recording, counted from their lines.
struct Counted {
    events: Vec<Value>,
    bytes: usize,
    /// Namespace, metric and dimensions with values, as text.
    series: BTreeSet<String>,
}

fn counted(recording: &str, more: &[&str]) -> Counted {
    let printed = good(&[&["replay", recording], more].concat());
    let events: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let bytes = printed.lines().map(str::len).sum();
    let mut series = BTreeSet::new();
    for event in &events {
        for directive in event["_aws"]["CloudWatchMetrics"].as_array().into_iter().flatten() {
            for metric in directive["Metrics"].as_array().expect("metrics") {
                let name = metric["Name"].as_str().expect("a name");
                assert!(event[name].is_number() || event[name].is_array(), "{name}: {event}");
                for set in directive["Dimensions"].as_array().expect("sets") {
                    let mut pairs: Vec<String> = set
                        .as_array()
                        .expect("a set")
                        .iter()
                        .map(|key| format!("{key}={}", event[key.as_str().expect("a key")]))
                        .collect();
                    pairs.sort();
                    series.insert(format!("{} {name} {pairs:?}", directive["Namespace"]));
                }
            }
        }
    }
    Counted { events, bytes, series }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("not a number: {value}"))
}

fn close(found: &Value, expected: f64, what: &str) {
    let found = number(found);
    assert!((found - expected).abs() <= expected.abs() * 1e-9 + 1e-9, "{what}: {found}, not {expected}");
}

/// Compares a report with the events, of a recording of some minutes.
fn equal(report: &Value, counted: &Counted, minutes: f64) {
    assert!(counted.series.len() > 50 && counted.events.len() > 10, "too little to compare");
    let emf = &report["emf"];
    let (events, billed) = (counted.events.len(), counted.bytes + EVENT_BYTES * counted.events.len());
    assert_eq!(emf["series"], counted.series.len());
    for (key, expected) in [
        ("series", counted.series.len()),
        ("events", events),
        ("bytes", counted.bytes),
        ("billed_bytes", billed),
    ] {
        assert_eq!(emf["recorded"][key], expected, "{key}");
    }
    let a_day = 1440.0 / minutes;
    close(&emf["events_per_day"], events as f64 * a_day, "events");
    close(&emf["billed_bytes_per_day"], billed as f64 * a_day, "bytes");
    let money = &report["total"]["money_per_month"];
    close(&money["custom_metrics"], counted.series.len() as f64 * 0.30, "metrics");
    close(&money["logs_ingestion"], billed as f64 * a_day * 730.0 / 24.0 / 1e9 * 0.50, "logs");
    assert_eq!(report["prices"]["otlp_metrics_ingestion"], Value::Null, "no price is built in");
    for (list, key) in [("by_type", "Type"), ("by_namespace", "Namespace")] {
        for row in emf[list].as_array().expect("rows") {
            let of = counted.events.iter().filter(|event| event[key] == row["name"]).count();
            close(&row["events_per_day"], of as f64 * a_day, &row["name"].to_string());
        }
    }
    for row in emf["by_metric"].as_array().expect("rows") {
        let name = format!(" {} [", row["name"].as_str().expect("a name"));
        let of = counted.series.iter().filter(|series| series.contains(&name)).count();
        assert_eq!(row["series"], of, "{name}");
    }
}

#[test]
fn counts_are_those_of_the_printed_events() {
    let directory = tempfile::tempdir().expect("a directory");
    let recording = recording();
    let node = argument(&recording);
    equal(&cost(node, &[]), &counted(node, &[]), 1.0);

    let enhanced = written(
        directory.path(),
        "enhanced.yaml",
        "pipelines:\n- name: node\n  transforms: [{use: builtin:decorate}, {use: builtin:utilization, config: {enhanced: true}}]\n  \
         outputs: [{formatter: {use: builtin:emf, config: {enhanced: true}}}]\n",
    );
    let report = cost(node, &["--config", &enhanced]);
    equal(&report, &counted(node, &["--config", &enhanced]), 1.0);
    let changes = report["changes"].as_array().expect("changes");
    let basic = changes.iter().find(|change| change["change"] == "node/output-1: enhanced: false");
    assert!(basic.expect("a change")["saves"]["series"].as_u64().expect("a number") > 0, "{changes:?}");
}

#[test]
fn a_longer_recording_is_the_same_day_with_the_same_series() {
    let directory = tempfile::tempdir().expect("a directory");
    let three = ticks(directory.path(), 3);
    let (one, report) = (cost(argument(&recording()), &[]), cost(&three, &[]));
    equal(&report, &counted(&three, &[]), 3.0);
    assert_eq!(report["emf"]["series"], one["emf"]["series"]);
    assert_eq!(report["recording"]["sources"][0]["covered_ms"], 180_000);
}

/// Writes a recording of some minutes: the recorded tick once for each.
fn ticks(directory: &Path, minutes: u64) -> String {
    let text = fs::read_to_string(recording()).expect("a recording");
    let (header, batch) = text.trim_end().split_once('\n').expect("a batch");
    let start = serde_json::from_str::<Value>(batch).expect("JSON")["time_unix_ms"].as_u64().expect("a time");
    let later = |minutes: u64| batch.replacen(&start.to_string(), &(start + minutes * 60_000).to_string(), 1);
    let lines: Vec<String> = std::iter::once(header.to_owned()).chain((0..minutes).map(later)).collect();
    written(directory, "ticks.jsonl", &(lines.join("\n") + "\n"))
}

/// The configuration of docs/cost.md halves the bill of the demo's node.
#[test]
fn the_configuration_of_the_guide_halves_a_bill() {
    let directory = tempfile::tempdir().expect("a directory");
    let guide = fs::read_to_string(top().join("docs/cost.md")).expect("the guide");
    let (_, from) = guide.split_once("```yaml\npipelines:").expect("a configuration");
    let (pipelines, _) = from.split_once("```").expect("its end");
    let files =
        format!("compiler: {:?}\ntransforms_dir: {:?}\n", program("insightd-compile"), built("transforms"));
    let config = written(directory.path(), "half.yaml", &format!("{files}pipelines:{pipelines}"));
    let recording = ticks(directory.path(), 10);
    let report = cost(&recording, &["--against", &config]);
    let total = |report: &Value| {
        let money = &report["money_per_month"];
        number(&money["custom_metrics"]) + number(&money["logs_ingestion"])
    };
    let (before, after) = (total(&report["total"]), total(&report["against"]["total"]));
    assert!(after < before / 2.0, "{after} of {before} a month");
    // Two of ten ticks have a multiple of five minutes, and the first one passes everything.
    let of_type = |report: &Value, name: &str| {
        let rows = report["emf"]["by_type"].as_array().expect("rows").clone();
        rows.into_iter().find(|row| row["name"] == name).map(|row| number(&row["events_per_day"]))
    };
    let filtered = cost(&recording, &["--config", &config]);
    assert_eq!(filtered["emf"]["series"], counted(&recording, &["--config", &config]).series.len());
    let nodes = of_type(&report, "NodeNet").expect("events of interfaces");
    close(&of_type(&filtered, "NodeNet").into(), nodes * 0.3, "events of interfaces");
}

#[test]
fn a_change_saves_what_its_configuration_does_not_count() {
    let directory = tempfile::tempdir().expect("a directory");
    let recording = recording();
    let node = argument(&recording);
    let config = |name: &str, declarations: &[&str]| {
        let text = format!(
            "pipelines:\n- name: node\n  transforms: [{{use: builtin:decorate}}, {{use: builtin:utilization}}]\n  outputs:\n  \
             - formatter:\n      use: builtin:emf\n      config: {{metric_declarations: [{}]}}\n",
            declarations.join(", ")
        );
        written(directory.path(), name, &text)
    };
    let pods =
        "{dimensions: [[ClusterName, Namespace, PodName], [ClusterName]], metric_name_selectors: ['pod_.*']}";
    let nodes = "{dimensions: [[ClusterName, NodeName]], metric_name_selectors: ['node_.*']}";
    let both = config("both.yaml", &[pods, nodes]);
    let only = [config("nodes.yaml", &[nodes]), config("pods.yaml", &[pods])];
    let report = cost(node, &["--config", &both, "--against", &only[0]]);
    equal(&report, &counted(node, &["--config", &both]), 1.0);
    let all = counted(node, &["--config", &both]);
    for (index, without) in only.iter().enumerate() {
        let rest = counted(node, &["--config", without]);
        let name = format!("node/output-1: without metric_declarations[{index}] ");
        let changes = report["changes"].as_array().expect("changes");
        let is_it = |change: &&Value| change["change"].as_str().is_some_and(|text| text.starts_with(&name));
        let saves = &changes.iter().find(is_it).expect("a change")["saves"];
        let series = all.series.len() - rest.series.len();
        assert!(series > 0, "{name} declares something");
        assert_eq!(saves["series"], series, "{name}");
        close(&saves["log_bytes_per_day"], (all.bytes - rest.bytes) as f64 * 1440.0, &name);
        close(&saves["money_per_month"]["custom_metrics"], series as f64 * 0.30, &name);
    }
    let rest = counted(node, &["--config", &only[0]]);
    let difference = rest.series.len() as i64 - all.series.len() as i64;
    assert_eq!(report["against"]["difference"]["series"], difference);
    assert_eq!(report["against"]["total"]["series"], rest.series.len());
}

#[test]
fn nodes_and_prices_are_said() {
    let directory = tempfile::tempdir().expect("a directory");
    let recording = recording();
    let node = argument(&recording);
    let prices = written(
        directory.path(),
        "prices.yaml",
        "name: mine\ncurrency: EUR\nlogs_ingestion:\n  {unit: GB, source: a contract, date: 2026-01-02, tiers: [{price: 2}]}\n",
    );
    let (one, ten) = (cost(node, &[]), cost(node, &["--nodes", "10", "--prices", &prices]));
    close(&ten["emf"]["billed_bytes_per_day"], number(&one["emf"]["billed_bytes_per_day"]) * 10.0, "bytes");
    // Series without a dimension of a node are those of all nodes.
    let dimensions =
        |row: &&Value| ["ClusterName", "ClusterName, Namespace"].iter().any(|set| row["name"] == *set);
    let shared: u64 = one["emf"]["by_dimensions"]
        .as_array()
        .expect("rows")
        .iter()
        .filter(dimensions)
        .map(|row| row["series"].as_u64().expect("a number"))
        .sum();
    let all = one["emf"]["series"].as_u64().expect("a number");
    let services = counted(node, &[])
        .series
        .iter()
        .filter(|series| series.contains("\\\"Service\\\"") && !series.contains("PodName"))
        .count() as u64;
    assert!(shared > 0 && shared < all, "{shared} of {all}");
    assert_eq!(ten["emf"]["series"], (all - shared - services) * 10 + shared + services);
    assert_eq!(ten["total"]["money_per_month"]["custom_metrics"], Value::Null);
    let shown = good(&["cost", node, "--nodes", "10", "--prices", &prices]);
    for part in [
        "10 such nodes",
        "custom_metrics: no price",
        "logs_ingestion per GB: 2",
        "a contract, looked up 2026-01-02",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }

    let broken =
        written(directory.path(), "broken.yaml", "name: mine\ncurrency: EUR\nlogs_ingestion: {unit: TB}\n");
    let output = run(&["cost", node, "--prices", &broken]);
    let log = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(64), String::new()), "{log}");
    for part in [
        "broken.yaml:3:",
        "logs_ingestion.unit: unknown unit `TB`; expected GB",
        "logs_ingestion.tiers: missing",
    ] {
        assert!(log.contains(part), "{part}: {log}");
    }
}
