//! The kubelet is stopped for a while: containers go on, and so do their events, with the last known metadata.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::agent::AgentPod;
use crate::event::Output;
use crate::suite::{Bench, Profile, Verdict};
use crate::wait::{now_ms, until};
use crate::{cluster, node, sound};

const AWAY: Duration = Duration::from_secs(30);

pub(crate) fn run(bench: &mut Bench) -> Result<Verdict> {
    let agent = bench.agent(Profile::Quick)?;
    let script = bench.settings.server.clone();
    let since = now_ms();
    agent.wait_for_ticks(&bench.settings, since, "Node", 3)?;

    node::server(&script, "stop", "kubelet")?;
    let stopped = now_ms();
    thread::sleep(AWAY);
    let started = now_ms();
    node::server(&script, "start", "kubelet")?;

    let result = while_away(&agent, bench, stopped, started);
    settle(&agent, bench, since, result)
}

/// Ends the check of an outage: waits until the agent has recovered, then evaluates `result` and every event since `since`.
pub(crate) fn settle(agent: &AgentPod, bench: &Bench, since: u64, result: Result<()>) -> Result<Verdict> {
    wait_until_fresh(agent, bench)?;
    cluster::kubectl(&["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=90s"])?;
    result?;
    sound::check(agent, &agent.output(&bench.settings, since)?, bench.interval(), since, now_ms())?;
    Ok(Verdict::Passed)
}

fn while_away(agent: &AgentPod, bench: &Bench, stopped: u64, started: u64) -> Result<()> {
    let output = agent.output(&bench.settings, stopped)?;
    let step = bench.interval().as_millis() as u64;
    let (mut ages, mut pods) = (Vec::new(), Vec::new());
    for (time, events) in output.ticks().range(stopped + step..started) {
        let node = events.iter().find(|event| event.kind() == "Node").context("a tick without Node event")?;
        ages.push(node.figure("node_kubelet_age").unwrap_or(0.0));
        let web = |kind: &str| {
            events.iter().filter(|event| event.kind() == kind && event.pod().starts_with("shop/web-")).count()
        };
        if web("Pod") != 1 || web("Container") < 3 {
            bail!("at {time}: {} Pod and {} Container events of shop/web", web("Pod"), web("Container"));
        }
        pods.push(web("Container"));
    }
    let oldest = ages.iter().copied().fold(0.0, f64::max);
    let half = AWAY.as_millis() as f64 / 2.0;
    if oldest < half {
        bail!("node_kubelet_age never shows that the data is old: {ages:?}");
    }
    if !mentions(&output) {
        bail!("the agent's log does not mention the kubelet: {:?}", output.log);
    }
    println!("  {} ticks without kubelet; its data was {oldest} ms old at the end", ages.len());
    Ok(())
}

fn mentions(output: &Output) -> bool {
    output.log.iter().any(|line| line.contains("kubelet"))
}

/// Waits until the kubelet's data is current again.
pub(crate) fn wait_until_fresh(agent: &AgentPod, bench: &Bench) -> Result<()> {
    until(Duration::from_secs(150), "fresh data of the kubelet", || {
        let output = agent
            .output(&bench.settings, now_ms().saturating_sub(3 * bench.interval().as_millis() as u64))?;
        let Some(node) = output.of_type("Node").last() else { return Ok(Err("no Node event".to_owned())) };
        let age = node.figure("node_kubelet_age");
        Ok(if age.is_some_and(|age| age < 1000.0) {
            Ok(())
        } else {
            Err(format!("node_kubelet_age is {age:?}"))
        })
    })
}
