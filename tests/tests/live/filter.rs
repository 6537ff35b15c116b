//! Tests of the shipped `filter`: another list of names applies from a tick on, without a restart.

use std::fs;

use insightd_tests::built;
use serde_json::Value;

use crate::agent::{Agent, config, version_of};

/// Returns a configuration with `filter` behind `utilization`.
fn with_filter(agent: &Agent, version: &str, excluded: &str) -> String {
    let stage = "{use: 'file:subject', config: {habit: \"none\"}}, {use: 'builtin:utilization'}";
    let filter = format!(
        "{{use: 'builtin:utilization'}}, {{use: 'file:filter', config: {{filters: {{metric_names: {{exclude: [{excluded}]}}}}}}}}"
    );
    let text = config(agent, version, "none", "").replace(stage, &filter);
    assert!(text.contains(&filter));
    text
}

/// Returns the Node events of a version.
fn nodes(agent: &Agent, version: &str) -> Vec<Value> {
    let events = agent.events.lock().expect("no panic");
    let is_wanted = |event: &&Value| event["Type"] == "Node" && version_of(event).as_deref() == Some(version);
    events.iter().filter(is_wanted).cloned().collect()
}

#[test]
fn another_list_of_names_needs_no_restart() {
    let agent = Agent::start();
    let process = agent.process.id();
    let component = agent.directory.path().join("transforms/filter.wasm");
    fs::copy(built("transforms/filter.wasm"), component).expect("can be copied");
    agent.write(&with_filter(&agent, "v1", "node_memory_usage"));
    agent.wait("the first list", |agent| !nodes(agent, "v1").is_empty());
    agent.write(&with_filter(&agent, "v2", "node_memory_cache"));
    agent.wait("the second list", |agent| !nodes(agent, "v2").is_empty());
    assert_eq!(agent.process.id(), process);

    let has = |event: &Value, name: &str| event[name].is_number();
    for event in nodes(&agent, "v1") {
        assert!(!has(&event, "node_memory_usage") && has(&event, "node_memory_cache"), "{event}");
        assert_eq!(event["filter_dropped_metrics"], 1.0, "{event}");
    }
    for event in nodes(&agent, "v2") {
        assert!(has(&event, "node_memory_usage") && !has(&event, "node_memory_cache"), "{event}");
    }
    agent.check_ticks();
}
