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

/// Number of intervals by which the output of a busy machine may be late.
const LATE_TICKS: u64 = 3;

/// Checks for a `Node` event with its metrics at each multiple of the interval. Ticks that the agent logs as left out may be missing, if
/// they are fewer than half: how long a tick takes on a busy machine is not what the tests check.
fn every_tick(output: &Output, interval: Duration, from_ms: u64, to_ms: u64) -> Result<()> {
    let step = interval.as_millis() as u64;
    let first = from_ms.div_ceil(step) + 1;
    let newest = output.of_type("Node").map(|event| event.time_ms / step).max().unwrap_or(0);
    let last = if newest + LATE_TICKS >= to_ms / step { newest } else { to_ms / step - 1 };
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
        bail!("no complete tick between {from_ms} and {to_ms}");
    }
    let count = last - first + 1;
    let left_out = logged_as_left_out(output);
    if missing.len() as u64 > left_out.min((count - 1) / 2) {
        bail!(
            "{} of {count} ticks have no Node event: {missing:?}; {left_out} are logged as left out",
            missing.len()
        );
    }
    if !missing.is_empty() {
        println!("  {} of {count} ticks were left out: the machine is busy", missing.len());
    }
    Ok(())
}

/// Returns the number of ticks that the agent's log reports as left out, in the field `left_out` of its lines.
fn logged_as_left_out(output: &Output) -> u64 {
    let lines = output.log.iter().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    lines.filter_map(|line| line["left_out"].as_u64()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    const STEP_MS: u64 = 1000;

    fn output(ticks: &[u64], left_out: u64) -> Output {
        let node = |tick: &u64| {
            let line = format!(
                r#"{{"Type":"Node","Timestamp":"{}","node_cpu_usage_total":1,"node_cpu_utilization":1,
                    "node_memory_working_set":1,"node_memory_limit":1}}"#,
                tick * STEP_MS
            );
            Event::parse(&line).unwrap()
        };
        let log = format!(r#"{{"message":"late","left_out":{left_out}}}"#);
        Output { events: ticks.iter().map(node).collect(), log: vec![log], ..Output::default() }
    }

    fn is_sound(ticks: &[u64], left_out: u64, to_ms: u64) -> bool {
        every_tick(&output(ticks, left_out), Duration::from_millis(STEP_MS), 9500, to_ms).is_ok()
    }

    #[test]
    fn ticks_may_be_missing_that_the_log_accounts_for() {
        assert!(is_sound(&[10, 11, 12, 13, 14], 0, 15_100));
        assert!(!is_sound(&[10, 11, 13, 14], 0, 15_100));
        assert!(is_sound(&[10, 11, 13, 14], 1, 15_100));
        assert!(!is_sound(&[10, 14], 9, 15_100), "too many");
        assert!(is_sound(&[10, 11, 12], 0, 15_100), "late output");
        assert!(!is_sound(&[10, 11, 12], 0, 19_100), "an agent that ended");
    }
}
