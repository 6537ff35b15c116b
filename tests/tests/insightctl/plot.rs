//! `insightctl plot` draws what the printed events of `insightctl replay` say: its values are read back from the SVG.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use insightd_tests::top;

use super::{argument, run, text};

/// The recorded node with a second frame, one minute later.
fn recording() -> String {
    let recorded = fs::read_to_string(top().join("host/cli/demo/node.jsonl")).expect("the recording");
    let (_, frame) = recorded.trim_end().split_once('\n').expect("a header and a frame");
    let mut later: Value = serde_json::from_str(frame).expect("JSON");
    let time = later["time_unix_ms"].as_u64().expect("a time");
    later["time_unix_ms"] = (time + 60_000).into();
    format!("{}\n{later}\n", recorded.trim_end())
}

/// Returns the values that a chart shows in the titles of its marks, by label.
fn shown(svg: &str) -> BTreeMap<String, Vec<f64>> {
    let series = svg.split("<g class=\"series\"").skip(1).map(|series| {
        let label = series.split("data-label=\"").nth(1).and_then(|rest| rest.split('"').next());
        let marks = series.split("<circle").skip(1).map(|mark| {
            let title = mark.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next());
            title.and_then(|title| title.rsplit(' ').next()).expect("a value").parse().expect("a number")
        });
        (label.expect("a label").to_owned(), marks.collect())
    });
    series.collect()
}

#[test]
fn a_chart_shows_the_values_of_the_events() {
    let directory = tempfile::tempdir().expect("a directory");
    let (file, out) = (directory.path().join("two.jsonl"), directory.path().join("chart.svg"));
    fs::write(&file, recording()).expect("can be written");
    let (file, out) = (argument(&file), argument(&out));
    let metric = "pod_memory_working_set";

    let printed = run(&["replay", file]);
    let mut expected: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for line in text(&printed.stdout).lines() {
        let event: Value = serde_json::from_str(line).expect("JSON");
        if event["Type"] == "Pod" && event["Namespace"] == "ops" {
            let pod = event["kubernetes"]["pod_name"].as_str().expect("a name").to_owned();
            expected.entry(pod).or_default().extend(event[metric].as_f64());
        }
    }
    expected.retain(|_, values| !values.is_empty());
    assert!(expected.len() > 1 && expected.values().any(|values| values.len() == 2), "{expected:?}");

    let output = run(&["plot", file, metric, "--namespace", "ops", "--out", out]);
    assert!(output.status.success() && output.stdout.is_empty(), "{}", text(&output.stderr));
    let svg = fs::read_to_string(out).expect("a chart");
    assert_eq!(shown(&svg), expected);
    assert!(svg.starts_with("<svg ") && svg.contains("width=\"960\"") && svg.ends_with("</svg>\n"));

    // Without a file, the chart is on standard output.
    let output = run(&["plot", file, metric, "--namespace", "ops"]);
    assert_eq!(text(&output.stdout), svg);
    // More lines than a chart has: the rest is counted.
    let metrics = ["pod_memory_working_set", "pod_cpu_usage_total", "pod_cpu_utilization"];
    let output = run(&[&["plot", file, "--out", out][..], &metrics].concat());
    let message = text(&output.stderr);
    assert!(
        output.status.success() && message.contains(" series left out: a chart has at most 12 lines"),
        "{message}"
    );
    let svg = fs::read_to_string(out).expect("a chart");
    assert_eq!(svg.matches("class=\"series\"").count(), 12);
    assert!(metrics.iter().all(|metric| svg.contains(&format!("data-metric=\"{metric}\""))));
}

#[test]
fn errors_of_plot_say_what_to_do() {
    let file = top().join("host/cli/demo/node.jsonl");
    let file = argument(&file);
    for (arguments, expected) in [
        (&["pod_memory_working_st"][..], "did you mean `pod_memory_working_set`?"),
        (
            &["node_cpu_limit", "--pod", "web"],
            "node_cpu_limit: no event with this metric is selected by --pod web",
        ),
        (&["node_cpu_limit", "--size", "10x10"], "expected WIDTHxHEIGHT, both from 240 to 8192"),
        (&["node_cpu_limit", "--out", "/nonexistent/x.svg"], "--out /nonexistent/x.svg: cannot be written"),
        (&[], "<METRIC>"),
    ] {
        let output = run(&[&["plot", file], arguments].concat());
        let message = text(&output.stderr);
        assert!(!output.status.success() && message.contains(expected), "{arguments:?}: {message}");
    }
    let output = run(&["plot", "/nonexistent", "node_cpu_limit"]);
    assert!(text(&output.stderr).starts_with("/nonexistent: cannot be read: "), "{}", text(&output.stderr));
}
