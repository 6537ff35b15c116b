//! The agent's initial token becomes invalid, and its file contains a new one.
//!
//! The API server gets a new key for signing service account tokens and drops the old one; the restarted kubelet writes tokens
//! signed with it into the pods' volumes. API server and kubelet therefore reject the agent until it reads its file again.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::agent::AgentPod;
use crate::faults::kubelet::wait_until_fresh;
use crate::suite::{Bench, Profile, Verdict};
use crate::wait::{now_ms, until};
use crate::{cluster, node, sound};

pub(crate) fn run(bench: &mut Bench) -> Result<Verdict> {
    let agent = bench.agent(Profile::Quick)?;
    let script = bench.settings.server.clone();
    let since = now_ms();
    agent.wait_for_ticks(&bench.settings, since, "Cluster", 2)?;
    let before = token(&agent)?;

    let key = bench.settings.node_run.join("pki/service-accounts.key");
    let made = Command::new("openssl").args(["genrsa", "-out"]).arg(&key).arg("2048").output()?;
    if !made.status.success() {
        bail!("openssl: {}", String::from_utf8_lossy(&made.stderr));
    }
    for name in ["apiserver", "controller-manager", "kubelet"] {
        node::server(&script, "stop", name)?;
    }
    node::server(&script, "start", "apiserver")?;
    until(Duration::from_secs(60), "the API server", || {
        Ok(cluster::kubectl(&["get", "--raw", "/readyz"]).map_err(|error| error.to_string()))
    })?;
    node::server(&script, "start", "controller-manager")?;
    node::server(&script, "start", "kubelet")?;

    let replaced = until(Duration::from_secs(180), "a new token in the pod", || {
        Ok(if token(&agent)? == before { Err("unchanged".to_owned()) } else { Ok(now_ms()) })
    })?;
    wait_until_fresh(&agent, bench)?;
    agent.wait_for_ticks_within(&bench.settings, replaced, "Cluster", 2, Duration::from_secs(120))?;
    cluster::kubectl(&["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=90s"])?;
    sound::check(&agent, &agent.output(&bench.settings, since)?, bench.interval(), since, now_ms())?;
    println!(
        "  the new token arrived after {} s, cluster events and current pods {} s later",
        (replaced - since) / 1000,
        (now_ms() - replaced) / 1000
    );
    Ok(Verdict::Passed)
}

/// Returns the content of the agent's token file.
fn token(agent: &AgentPod) -> Result<String> {
    let process = node::processes(&agent.container_id)?;
    let pid = process.first().with_context(|| format!("{} has no process", agent.name))?;
    let root = PathBuf::from(format!("/proc/{pid}/root"));
    let file = root.join("var/run/secrets/kubernetes.io/serviceaccount/token");
    fs::read_to_string(&file).with_context(|| file.display().to_string())
}
