//! 50 pods are made, deleted, made anew and deleted while ticks go on.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, bail};

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
    // All at once; the ReplicaSet makes 50 others meanwhile.
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
    let output = agent.wait_for_ticks(
        &bench.settings,
        now_ms() + 2 * bench.interval().as_millis() as u64,
        "Node",
        2,
    )?;

    let (_, last) = output.ticks().pop_last().unwrap_or_default();
    let seen: BTreeSet<String> = last
        .iter()
        .filter(|event| event.kind() == "Pod")
        .map(|event| event.about("pod_name").to_owned())
        .collect();
    let missing: Vec<&String> = second.difference(&seen).collect();
    let stale: Vec<&String> = first.intersection(&seen).collect();

    cluster::kubectl(&["-n", "batch", "delete", "deployment", "churn", "--cascade=foreground", "--wait"])?;
    let end = agent.wait_for_ticks(&bench.settings, now_ms(), "Node", 2)?;
    let output = agent.output(&bench.settings, since)?;
    if !missing.is_empty() || !stale.is_empty() {
        bail!(
            "at the end {} of {PODS} pods have no event, {} have one that are gone",
            missing.len(),
            stale.len()
        );
    }
    if let Some((_, last)) = end.ticks().pop_last()
        && last.iter().any(|event| second.contains(event.about("pod_name")))
    {
        bail!("events of pods that are gone");
    }
    let longest =
        agent.metrics()?.into_iter().find(|sample| sample.name == "insightd_tick_duration_max_seconds");
    let longest = longest.context("no insightd_tick_duration_max_seconds in /metrics")?.value;
    println!("  the longest tick took {longest:.3} s");
    sound::check(&agent, &output, bench.interval(), since, now_ms())?;
    println!("  {} pods came and went in {} ticks", first.len() + second.len(), output.ticks().len());
    Ok(Verdict::Passed)
}

/// Names of the pods, once 50 run that are none of `others`.
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
        Ok(if names.len() == PODS { Ok(names) } else { Err(format!("{} run", names.len())) })
    })
}
