//! Invariants of every test, independent of the fault: the node's own metrics at every tick, no panic, no restart, no negative
//! value.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::agent::{self, AgentPod, Component};
use crate::event::Output;

/// Checks the output of a pod for the ticks from `from_ms` to `to_ms`; ticks in progress at both ends are not required.
pub(crate) fn check(
    pod: &AgentPod,
    output: &Output,
    interval: Duration,
    from_ms: u64,
    to_ms: u64,
) -> Result<()> {
    still_runs(pod)?;
    no_panic(output)?;
    no_negative(output)?;
    every_tick(output, interval, from_ms, to_ms)
}

/// Checks that the pod has the same container without a restart.
fn still_runs(pod: &AgentPod) -> Result<()> {
    let now = agent::pods(Component::Node)?.into_iter().find(|now| now.uid == pod.uid);
    match now {
        Some(now) if now.restarts == pod.restarts && now.container_id == pod.container_id => Ok(()),
        Some(now) => bail!("the agent restarted: {} restarts, {} before", now.restarts, pod.restarts),
        None => bail!("the agent's pod {} is gone", pod.name),
    }
}

pub(crate) fn no_panic(output: &Output) -> Result<()> {
    match output.log.iter().find(|line| line.contains("panic")) {
        Some(line) => bail!("a panic: {line}"),
        None => Ok(()),
    }
}

pub(crate) fn no_negative(output: &Output) -> Result<()> {
    for event in output.events.iter().filter(|event| !event.is_raw()) {
        if let Some((name, value)) = event.figures().find(|(_, value)| *value < 0.0) {
            bail!("{name} is {value} in {}", event.value);
        }
    }
    Ok(())
}

/// Checks for a `Node` event with its metrics at each multiple of the interval.
fn every_tick(output: &Output, interval: Duration, from_ms: u64, to_ms: u64) -> Result<()> {
    let step = interval.as_millis() as u64;
    let first = from_ms.div_ceil(step) + 1;
    let last = to_ms / step - 1;
    let mut missing = Vec::new();
    for tick in (first..=last).map(|number| number * step) {
        let Some(node) = output.of_type("Node").find(|event| event.time_ms == tick) else {
            missing.push(tick);
            continue;
        };
        for name in
            ["node_cpu_usage_total", "node_cpu_utilization", "node_memory_working_set", "node_memory_limit"]
        {
            if node.figure(name).is_none_or(|value| value <= 0.0) {
                bail!("{name} is {:?} in the Node event of {tick}", node.figure(name));
            }
        }
    }
    if last < first {
        bail!("no whole tick between {from_ms} and {to_ms}");
    }
    if !missing.is_empty() {
        let about: Vec<&str> =
            output.log.iter().map(String::as_str).filter(|line| line.contains("tick")).take(4).collect();
        bail!("{} of {} ticks have no Node event: {missing:?}; {about:?}", missing.len(), last - first + 1);
    }
    Ok(())
}
