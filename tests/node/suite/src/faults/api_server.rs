//! The API server is down for two minutes. The kubelet answers no requests either, because it authenticates callers with the
//! API server.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::agent::AgentPod;
use crate::faults::kubelet::settle;
use crate::suite::{Bench, LEASE, Profile, Verdict};
use crate::wait::{now_ms, until};
use crate::{cluster, node};

const AWAY: Duration = Duration::from_secs(120);

pub(crate) fn run(bench: &mut Bench) -> Result<Verdict> {
    let agent = bench.agent(Profile::Quick)?;
    let script = bench.settings.server.clone();
    let since = now_ms();
    agent.wait_for_ticks(&bench.settings, since, "Cluster", 2)?;

    node::server(&script, "stop", "apiserver")?;
    let stopped = now_ms();
    thread::sleep(AWAY);
    let started = now_ms();
    node::server(&script, "start", "apiserver")?;
    until(Duration::from_secs(60), "the API server", || {
        Ok(cluster::kubectl(&["get", "--raw", "/readyz"]).map_err(|error| error.to_string()))
    })?;
    let back = now_ms();

    let result = while_away(&agent, bench, stopped, started);
    // The agent's own lease, or that of its predecessor, has to expire first.
    agent.wait_for_ticks_within(&bench.settings, back, "Cluster", 2, LEASE + Duration::from_secs(80))?;
    settle(&agent, bench, since, result)
}

fn while_away(agent: &AgentPod, bench: &Bench, stopped: u64, started: u64) -> Result<()> {
    let output = agent.output(&bench.settings, stopped)?;
    let step = bench.interval().as_millis() as u64;
    let mut last_cluster = stopped;
    for (time, events) in output.ticks().range(stopped + step..started) {
        let web = events.iter().find(|event| event.kind() == "Pod" && event.pod().starts_with("shop/web-"));
        let web = web.with_context(|| format!("no Pod event of shop/web at {time}"))?;
        if web.text("Service") != "front" {
            bail!("the service is missing: {}", web.value);
        }
        if events.iter().any(|event| event.kind() == "Cluster") {
            last_cluster = *time;
        }
    }
    let led = last_cluster - stopped;
    if led > LEASE.as_millis() as u64 {
        bail!("cluster events until {led} ms after the last possible renewal");
    }
    println!(
        "  {} ticks without API server; cluster events for {led} ms of them",
        output.ticks().range(..started).count()
    );
    Ok(())
}
