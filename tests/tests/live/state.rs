//! Tests of transform state: it continues across a reload and a restart as if there had been neither.

use std::fs;
use std::process::Command;

use insightd_tests::{built, guests, program};
use serde_json::Value;

use crate::agent::{Agent, INTERVAL_MS, config, time_of};

const TICKS: f64 = 10.0;

/// Returns a configuration with the shipped example instead of the test component.
fn with_average(agent: &Agent, version: &str) -> String {
    let stage = "{use: 'file:subject', config: {habit: \"none\"}}, {use: 'builtin:utilization'}";
    // However slow the machine is, no average is too old to go on.
    let average = "{use: 'builtin:utilization'}, {use: 'file:average', state: {max_bytes: 64KiB}, config: {metrics: \
                   [{name: node_memory_utilization}], ticks: 10, forget_after: 100000}}";
    let text = config(agent, version, "none", "").replace(stage, average);
    assert!(text.contains(average));
    text
}

/// Returns time, metric and average of the Node events so far.
fn averages(agent: &Agent) -> Vec<(u64, f64, f64)> {
    let events = agent.events.lock().expect("no panic");
    let values = |event: &Value| {
        let value = event["node_memory_utilization"].as_f64()?;
        Some((time_of(event), value, event["node_memory_utilization_avg"].as_f64()?))
    };
    events.iter().filter(|event| event["Type"] == "Node").filter_map(values).collect()
}

/// A pipeline whose formatter traps at every tick.
const BROKEN: &str =
    "- name: broken\n  scope: node\n  outputs: [{formatter: {use: 'file:broken', config: {habit: panic}}}]\n";

/// Returns true if the average follows from one of the two before it: the last tick printed before a kill may not have been
/// committed.
fn follows(averages: &[(u64, f64, f64)], index: usize) -> bool {
    let (time, value, average) = averages[index];
    averages[index.saturating_sub(2)..index].iter().any(|&(before, _, mean)| {
        let ticks = (time - before) as f64 / INTERVAL_MS as f64;
        let expected = value + (mean - value) * (1.0 - 2.0 / (TICKS + 1.0)).powf(ticks);
        (expected - average).abs() < 1e-9 * expected.abs()
    })
}

#[test]
fn a_broken_pipeline_leaves_the_averages_of_another_alone() {
    let mut agent = Agent::start();
    let put = |from: &std::path::Path, name: &str| {
        fs::copy(from, agent.directory.path().join("transforms").join(name)).expect("can be copied");
    };
    put(&built("transforms/moving-average.wasm"), "average.wasm");
    put(&guests().join("guest_format.wasm"), "broken.wasm");
    // At start-up and without a last good bundle: a running agent would reject it.
    agent.process.kill().expect("can be killed");
    let state = agent.directory.path().join("state");
    let text = format!("{}{BROKEN}", with_average(&agent, "v1"));
    let text = text.replace(&format!("{state:?}"), &format!("{:?}", agent.directory.path().join("fresh")));
    agent.write(&text);
    agent.run();
    agent.wait("averages", |agent| averages(agent).len() >= 8);
    let averages = averages(&agent);
    for index in 1..averages.len() {
        assert!(follows(&averages, index), "{:?} does not follow from {averages:?}", averages[index]);
    }
    let log = agent.log.lock().expect("no panic").join("\n");
    assert!(log.contains("no version of this formatter works"), "{log}");
}

#[test]
fn an_average_goes_on_over_a_reload_and_a_kill() {
    let mut agent = Agent::start();
    let average = agent.directory.path().join("transforms/average.wasm");
    fs::copy(built("transforms/moving-average.wasm"), average).expect("can be copied");
    agent.write(&with_average(&agent, "v1"));
    agent.wait("averages", |agent| averages(agent).len() >= 4);
    agent.write(&with_average(&agent, "v2"));
    agent.wait("another version", |agent| agent.last_version().as_deref() == Some("v2"));
    let before = averages(&agent).len();
    agent.wait("averages after a reload", |agent| averages(agent).len() >= before + 3);
    agent.process.kill().expect("can be killed");
    agent.run();
    let before = averages(&agent).len();
    agent.wait("averages after a kill", |agent| averages(agent).len() >= before + 3);

    let averages = averages(&agent);
    for index in 1..averages.len() {
        assert!(follows(&averages, index), "{:?} does not follow from {averages:?}", averages[index]);
    }

    let spaces = |agent: &Agent| agent.status().unwrap_or_default()["state"]["spaces"].clone();
    let space = spaces(&agent)[0].clone();
    assert_eq!((&space["transform"], &space["keys"]), (&"node/average".into(), &1.into()), "{space}");
    let directory = agent.directory.path().join("state").display().to_string();
    let mut clear = Command::new(program("insightd"));
    clear.args(["state", "clear", "--state-dir", &directory, "node/average"]);
    assert!(clear.status().expect("it starts").success());
    agent.wait("another beginning", |agent| {
        let now = spaces(agent)[0].clone();
        now["since_unix_ms"].as_u64() > space["since_unix_ms"].as_u64()
    });
}
