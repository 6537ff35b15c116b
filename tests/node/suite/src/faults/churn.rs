//! 50 pods are created, deleted, created again and deleted while ticks go on.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::agent::AgentPod;
use crate::suite::{Bench, Profile, Verdict};
use crate::wait::{now_ms, until};
use crate::{cluster, sound};

const PODS: usize = 50;
const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: churn, namespace: batch}
spec:
  replicas: 50
  selector: {matchLabels: {app: churn}}
  template:
    metadata: {labels: {app: churn}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - {name: idle, image: 'docker.io/local/pause:1', imagePullPolicy: Never}
";

pub(crate) fn run(bench: &mut Bench) -> Result<Verdict> {
    let agent = bench.agent(Profile::Quick)?;
    let since = now_ms();
    cluster::apply(DEPLOYMENT, &[])?;
    let first = running(&BTreeSet::new())?;
    // All at once; the ReplicaSet creates 50 others meanwhile.
    cluster::kubectl(&[
        "-n",
        "batch",
        "delete",
        "pods",
        "-l",
        "app=churn",
        "--grace-period=0",
        "--force",
        "--wait=false",
    ])?;
    let second = running(&first)?;
    settled(bench, &agent, |seen| {
        let (missing, stale) = (second.difference(seen).count(), first.intersection(seen).count());
        if missing + stale == 0 {
            return Ok(());
        }
        Err(format!("{missing} of {PODS} pods have no event, {stale} deleted pods still have one"))
    })?;
    cluster::kubectl(&["-n", "batch", "delete", "deployment", "churn", "--cascade=foreground", "--wait"])?;
    settled(bench, &agent, |seen| match second.intersection(seen).count() {
        0 => Ok(()),
        stale => Err(format!("{stale} deleted pods still have an event")),
    })?;
    let output = agent.output(&bench.settings, since)?;
    let longest =
        agent.metrics()?.into_iter().find(|sample| sample.name == "insightd_tick_duration_max_seconds");
    let longest = longest.context("no insightd_tick_duration_max_seconds in /metrics")?.value;
    println!("  the longest tick took {longest:.3} s");
    sound::check(&agent, &output, bench.interval(), since, now_ms())?;
    println!(
        "  {} pods were created and deleted in {} ticks",
        first.len() + second.len(),
        output.ticks().len()
    );
    Ok(Verdict::Passed)
}

/// Waits for two ticks, then until the last complete tick has events of the right pods. The API server deletes pods before the kubelet has
/// ended them.
fn settled(
    bench: &Bench,
    agent: &AgentPod,
    is_right: impl Fn(&BTreeSet<String>) -> Result<(), String>,
) -> Result<()> {
    let since = now_ms();
    agent.wait_for_ticks(&bench.settings, since, "Node", 2)?;
    until(Duration::from_secs(60), "pods with events", || {
        let output = agent.output(&bench.settings, since)?;
        let Some((_, last)) = output.whole_ticks().pop_last() else {
            return Ok(Err("no complete tick".to_owned()));
        };
        let pods = last.iter().filter(|event| event.kind() == "Pod");
        Ok(is_right(&pods.map(|event| event.about("pod_name").to_owned()).collect()))
    })
}

/// Waits until 50 pods run that are not in `others`, and returns their names.
fn running(others: &BTreeSet<String>) -> Result<BTreeSet<String>> {
    until(Duration::from_secs(150), "50 pods", || {
        let pods = cluster::list(&[
            "-n",
            "batch",
            "pods",
            "-l",
            "app=churn",
            "--field-selector=status.phase=Running",
        ])?;
        let names = pods.iter().filter(|pod| pod["metadata"].get("deletionTimestamp").is_none());
        let names = names.filter_map(|pod| Some(pod["metadata"]["name"].as_str()?.to_owned()));
        let names: BTreeSet<String> = names.filter(|name| !others.contains(name)).collect();
        Ok(if names.len() == PODS { Ok(names) } else { Err(format!("{} are running", names.len())) })
    })
}
