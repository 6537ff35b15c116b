//! The agent's own figures, as an event of its own.

use insights_sdk::{Batch, Entity, Unit};

use crate::names::publish as publish_value;

/// `Type` of the event.
const TYPE: &str = "Agent";

/// `Sources` of the event, JSON.
const SOURCES: &str = r#"["insightd"]"#;

/// Attributes of the node's event that the agent's has too.
const COPIED: [&str; 6] =
    ["AutoScalingGroupName", "ClusterName", "InstanceId", "InstanceType", "NodeName", "node.name"];

/// Counters, and the metrics that are their growth since the previous reading.
const DELTAS: [(&str, &str); 7] = [
    ("insightd.ticks", "agent_ticks"),
    ("insightd.ticks_skipped", "agent_ticks_skipped"),
    ("insightd.events_accepted", "agent_events_accepted"),
    ("insightd.events_delivered", "agent_events_delivered"),
    ("insightd.events_rejected", "agent_events_rejected"),
    ("insightd.events_lost", "agent_events_lost"),
    ("insightd.stage_failures", "agent_stage_failures"),
];

/// Gauges, the metrics with their values, and the divisor between the two units.
const GAUGES: [(&str, &str, f64, Unit); 5] = [
    ("insightd.backlog_events", "agent_backlog_events", 1.0, Unit::Count),
    ("insightd.backlog_bytes", "agent_backlog_bytes", 1.0, Unit::Bytes),
    ("insightd.backlog_age_ms", "agent_backlog_age", 1000.0, Unit::Seconds),
    ("insightd.source_age_ms", "agent_source_age", 1000.0, Unit::Seconds),
    ("insightd.resident_bytes", "agent_memory_rss", 1.0, Unit::Bytes),
];

/// CPU time in thousandths of a core, as `container_cpu_usage_total`.
const CPU: (&str, &str) = ("insightd.cpu_ns", "agent_cpu_usage_total");

/// Turns the agent below a node that is an event into an event.
pub(crate) fn publish(batch: &Batch) {
    for node in batch.of_kind("node") {
        if node.attribute("Type") == Some("Node") {
            node.children_of_kind("agent").into_iter().for_each(|agent| publish_agent(agent, node));
        }
    }
}

fn publish_agent(agent: Entity<'_>, node: Entity<'_>) {
    for key in COPIED {
        if let Some(value) = node.attribute(key) {
            agent.set_attribute(key, value);
        }
    }
    agent.set_attribute("Type", TYPE);
    agent.set_attribute("Sources", SOURCES);
    let batch = agent.batch();
    for (raw, published) in DELTAS {
        let delta = agent.counter(raw).and_then(|counter| counter.delta());
        publish_value(agent, batch.name(published), delta, Unit::Count);
    }
    let cpu = agent.counter(CPU.0).and_then(|counter| counter.rate(1000.0));
    publish_value(agent, batch.name(CPU.1), cpu, Unit::None);
    for (raw, published, divisor, unit) in GAUGES {
        publish_value(agent, batch.name(published), agent.gauge(raw).map(|value| value / divisor), unit);
    }
}
