//! CloudWatch Logs is down, the agent's pod is deleted, and its successor delivers the spooled events.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::agent::{self, AgentPod, CLUSTER, NAMESPACE};
use crate::event::Event;
use crate::gate::Gate;
use crate::suite::{Bench, Profile, Verdict};
use crate::wait::{now_ms, until};
use crate::{cluster, emulator, node, sound};

/// Number of ticks in each phase: with the service up, down before the pod is deleted, and down after it.
const TICKS: usize = 3;

pub(crate) fn run(bench: &mut Bench) -> Result<Verdict> {
    let Some(target) = bench.settings.aws_port else {
        return Ok(Verdict::Skipped("the AWS emulator is missing (tests/aws)"));
    };
    // Only the network of the running agent is needed: it is the node's.
    let before = bench.agent(Profile::Quick)?;
    let process = *node::processes(&before.container_id)?.first().context("the agent has no process")?;
    let gate = Gate::new(process, target)?;
    let directory = bench.settings.spool();
    let _ = fs::remove_dir_all(&directory);
    let result = lose_nothing(bench, &gate, target);
    bench.forget();
    let verdict = result?;
    agent::remove(&bench.settings)?;
    fs::remove_dir_all(&directory).with_context(|| directory.display().to_string())?;
    Ok(verdict)
}

fn lose_nothing(bench: &mut Bench, gate: &Gate, emulator: u16) -> Result<Verdict> {
    let group = format!("/aws/containerinsights/{CLUSTER}/performance");
    let first = bench.agent(Profile::Delivering(gate.port))?;
    let since = now_ms();
    first.wait_for_ticks(&bench.settings, since, "Node", TICKS)?;
    until(Duration::from_secs(60), "events in the emulator", || {
        let stored = emulator::stored(emulator, &group)?;
        Ok(if stored.is_empty() { Err("none".to_owned()) } else { Ok(()) })
    })?;

    gate.shut();
    let mut logs = first.logs(&bench.settings)?;
    first.wait_for_ticks(&bench.settings, now_ms(), "Node", TICKS)?;
    let waiting = pending(&first)?;
    cluster::kubectl(&["-n", NAMESPACE, "delete", "pod", &first.name])?;
    let mut printed = logs.read(since)?.events;
    let second = until(Duration::from_secs(90), "the pod that replaces it", || {
        let pod = agent::pod()?;
        let runs = pod.uid != first.uid && !node::processes(&pod.container_id)?.is_empty();
        Ok(if runs && !pod.container_id.is_empty() { Ok(pod) } else { Err("not running".to_owned()) })
    })?;
    second.wait_for_ticks(&bench.settings, now_ms(), "Node", TICKS)?;

    let opened = now_ms();
    gate.open();
    // Ticks in progress when the gate opens belong to neither phase.
    let output = second.wait_for_ticks(&bench.settings, opened, "Node", 2)?;
    sound::no_panic(&output)?;
    printed.extend(second.output(&bench.settings, since)?.events);
    printed.retain(|event| event.time_ms <= opened);
    let limit = Duration::from_secs(180);
    let twice = until(limit, "all printed events to be stored", || {
        let stored = emulator::stored(emulator, &group)?;
        Ok(compare(&printed, &stored))
    })?;
    println!(
        "  {} events printed, all stored, {twice} twice; {waiting} were pending when the pod was deleted",
        printed.len()
    );
    Ok(Verdict::Passed)
}

/// Returns the number of events stored more than once, or an error text about missing ones.
fn compare(printed: &[Event], stored: &[Event]) -> Result<u64, String> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for event in stored {
        *counts.entry(event.value.to_string()).or_default() += 1;
    }
    let times = |event: &Event| counts.get(&event.value.to_string()).copied().unwrap_or(0);
    let missing: Vec<&Event> = printed.iter().filter(|event| times(event) == 0).collect();
    match missing.first() {
        Some(event) => {
            Err(format!("{} of {} are not stored, such as {}", missing.len(), printed.len(), event.value))
        }
        None => Ok(printed.iter().map(|event| times(event) - 1).sum()),
    }
}

/// Returns the number of events waiting on the node's disk.
fn pending(agent: &AgentPod) -> Result<f64> {
    let samples = agent.metrics()?;
    let value = |name: &str| {
        let sample = samples.iter().find(|sample| sample.name == name);
        sample.map(|sample| sample.value).with_context(|| format!("{name} is not in /metrics"))
    };
    if value("insightd_spool_in_memory")? != 0.0 {
        bail!("the spool is in memory, expected on disk");
    }
    let pending = value("insightd_delivery_pending_events")?;
    if pending == 0.0 {
        bail!("no events are pending while the service is unreachable");
    }
    Ok(pending)
}
