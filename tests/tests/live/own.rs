//! Tests of what an agent says about itself.

use std::fs;
use std::process::Command;

use insightd_tests::{built, program};

use crate::agent::{Agent, config};

#[test]
fn an_agent_publishes_its_own_counters() {
    let agent = Agent::start();
    let signals = agent.directory.path().join("transforms/signals.wasm");
    fs::copy(built("transforms/signals.wasm"), signals).expect("can be copied");
    let stage = "{use: 'file:subject', config: {habit: \"none\"}}";
    let text = config(&agent, "v1", "none", "");
    assert!(text.contains(stage));
    let count = |agent: &Agent, kind: &str| {
        agent.events.lock().expect("no panic").iter().filter(|event| event["Type"] == kind).count()
    };
    agent.wait("ticks", |agent| count(agent, "Node") >= 3);
    assert_eq!(count(&agent, "Agent"), 0, "nobody asks for it");
    agent.write(&text.replace(stage, "{use: 'file:signals', config: {groups: [agent]}}"));
    agent.wait("figures of the agent", |agent| count(agent, "Agent") >= 5);

    let events = agent.events.lock().expect("no panic");
    let own: Vec<_> = events.iter().filter(|event| event["Type"] == "Agent").collect();
    assert!(own[0]["agent_ticks"].is_null(), "the first reading has no growth: {}", own[0]);
    for event in &own[1..] {
        assert_eq!(event["agent_ticks"], 1, "{event}");
        assert_eq!(event["agent_events_lost"], 0, "{event}");
        assert!(event["agent_memory_rss"].as_u64() > Some(1 << 20), "{event}");
        assert!(event["agent_backlog_events"].is_null(), "nothing delivers over the network: {event}");
        assert!(event["ClusterName"] == "tests" && event["NodeName"].is_string(), "{event}");
    }
    // Two sinks take every event; their threads may report it a tick later.
    let accepted: u64 = own.iter().filter_map(|event| event["agent_events_accepted"].as_u64()).sum();
    assert!(accepted > 0 && accepted <= 2 * events.len() as u64, "{accepted} of {}", events.len());
}

#[test]
fn the_status_has_an_estimate_for_each_sink() {
    let agent = Agent::start();
    let address = format!("127.0.0.1:{}", agent.port);
    let estimates = || -> Vec<String> {
        let output = Command::new(program("insightd")).args(["status", "--address", &address]).output();
        let text = String::from_utf8(output.expect("status runs").stdout).expect("UTF-8");
        text.lines().filter(|line| line.starts_with("estimate ")).map(str::to_owned).collect()
    };
    agent.wait("estimates", |_| estimates().len() == 2);
    for (line, sink) in estimates().iter().zip(["file", "stdout"]) {
        let rest = line.strip_prefix(&format!("estimate    {sink}: ")).unwrap_or_else(|| panic!("{line}"));
        let (series, size) = rest.split_once(" series, ").unwrap_or_else(|| panic!("{line}"));
        let series: u32 = series.replace(',', "").parse().expect("a number");
        assert!(series > 5 && size.ends_with("iB a day"), "{line}");
    }
}
