//! The data of one pod among 105 makes a component fail: the others are reported on the same tick.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::agent::AgentPod;
use crate::event::Output;
use crate::suite::{Bench, Profile, Verdict};
use crate::wait::{now_ms, until};
use crate::{cluster, sound};

const OTHERS: usize = 104;
/// Number of ticks in which a pod must be reported to count as one of the others: crashing pods come and go.
const STEADY_TICKS: usize = 4;

/// Name of the pod that makes the component fail.
const NAME: &str = "odd-one";

pub(crate) fn run(bench: &mut Bench) -> Result<Verdict> {
    // Left by a failed attempt, the pod would already be quarantined and logged, and the crowd would be counted as the pods beside it.
    remove()?;
    let agent = bench.agent(Profile::Tripping(NAME))?;
    let there = steady(bench, &agent, 1)?.len();
    cluster::apply(&crowd(OTHERS.saturating_sub(there)), &[])?;
    let others = steady(bench, &agent, OTHERS)?;

    let since = now_ms();
    cluster::apply(&pod(), &[])?;
    let uid = until(Duration::from_secs(60), "the odd pod", || {
        let found = &cluster::list(&[
            "-n",
            "batch",
            "pods",
            "--field-selector=status.phase=Running",
            "-l",
            "app=odd",
        ])?;
        let uid = found.first().and_then(|pod| pod["metadata"]["uid"].as_str());
        Ok(uid.map(str::to_owned).ok_or_else(|| "not running".to_owned()))
    })?;
    let said = until(Duration::from_secs(30), "data quarantined", || {
        let said = quarantine_lines(&agent.output(&bench.settings, since)?);
        Ok(if said.is_empty() { Err("nothing was quarantined".to_owned()) } else { Ok(said) })
    })?;
    agent.wait_for_ticks(&bench.settings, now_ms(), "Node", 3)?;

    let mut output = agent.output(&bench.settings, since)?;
    if quarantine_lines(&output).len() != 1 || !said[0].contains(&format!("pod {uid}")) {
        bail!("expected one log line about the quarantine of {uid}, found {said:?}");
    }
    for (time, events) in output.whole_ticks() {
        let seen: BTreeSet<&str> = events
            .iter()
            .filter(|event| event.kind() == "Pod")
            .map(|event| event.about("pod_name"))
            .collect();
        let missing: Vec<&String> = others.iter().filter(|name| !seen.contains(name.as_str())).collect();
        if !missing.is_empty() {
            bail!("in tick {time} {} of the other pods have no event: {missing:?}", missing.len());
        }
    }
    if output.events.iter().any(|event| event.about("pod_name") == NAME) {
        bail!("the quarantined pod has events");
    }
    // The component logs its panics; the agent must not panic.
    output.log.retain(|line| !line.contains("hostile"));
    sound::check(&agent, &output, bench.interval(), since, now_ms())?;
    println!(
        "  1 of {} pods was quarantined, the others were reported in each of {} ticks",
        others.len() + 1,
        output.whole_ticks().len()
    );
    remove()?;
    Ok(Verdict::Passed)
}

/// Deletes the pods of this test, and waits until they are gone.
fn remove() -> Result<()> {
    let names = [&format!("pod/{NAME}"), "deployment/crowd"];
    let how = ["--ignore-not-found", "--cascade=foreground", "--wait"];
    cluster::kubectl(&[&["-n", "batch", "delete"], &names[..], &how[..]].concat()).map(|_| ())
}

/// Waits until `count` pods have an event in each of the last ticks from now on, and returns their names.
fn steady(bench: &Bench, agent: &AgentPod, count: usize) -> Result<BTreeSet<String>> {
    let since = now_ms();
    until(Duration::from_secs(400), &format!("{count} pods"), || {
        let output = agent.output(&bench.settings, since)?;
        let ticks = output.whole_ticks();
        if ticks.len() < STEADY_TICKS {
            return Ok(Err(format!("{} ticks so far", ticks.len())));
        }
        let last = ticks.values().rev().take(STEADY_TICKS).map(|events| {
            let pods = events.iter().filter(|event| event.kind() == "Pod");
            pods.map(|event| event.about("pod_name").to_owned()).collect::<BTreeSet<String>>()
        });
        let steady = last.reduce(|all, tick| &all & &tick).unwrap_or_default();
        Ok(if steady.len() >= count { Ok(steady) } else { Err(format!("{} have events", steady.len())) })
    })
}

/// Returns the log lines about quarantined data.
fn quarantine_lines(output: &Output) -> Vec<String> {
    output.log.iter().filter(|line| line.contains("data quarantined")).cloned().collect()
}

fn crowd(replicas: usize) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: crowd, namespace: batch}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: crowd}}}}
  template:
    metadata: {{labels: {{app: crowd}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{{name: idle, image: 'docker.io/local/pause:1', imagePullPolicy: Never}}]
"
    )
}

fn pod() -> String {
    format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: {NAME}, namespace: batch, labels: {{app: odd}}}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{{name: idle, image: 'docker.io/local/pause:1', imagePullPolicy: Never}}]
"
    )
}
