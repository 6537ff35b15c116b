//! Two candidates for the lead. The leader is killed: the other one leads within the lease, and no tick has cluster events of
//! both.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::agent::{self, AgentPod, Component, NAMESPACE};
use crate::event::Output;
use crate::suite::{Bench, LEASE, Profile, RETRY, Verdict};
use crate::wait::{now_ms, until};
use crate::{cluster, node, sound};

pub(crate) fn run(bench: &mut Bench) -> Result<Verdict> {
    bench.agent(Profile::TwoLeaders)?;
    let pods = agent::pods(Component::Cluster)?;
    if pods.len() != 2 {
        bail!("{} candidates, expected 2", pods.len());
    }
    let since = now_ms();
    let leader = until(LEASE + RETRY + Duration::from_secs(40), "a leader", || {
        let leading = leading(&pods, bench, since)?;
        Ok(leading.ok_or_else(|| "no pod prints cluster events".to_owned()))
    })?;
    let other = pods.iter().find(|pod| pod.uid != leader.uid).context("there is no other pod")?;

    let before = leader.output(&bench.settings, since)?;
    let killed = now_ms();
    node::kill(&leader.container_id)?;
    // If restarted, it would have the same name, and therefore still hold the lock.
    cluster::kubectl(&[
        "-n",
        NAMESPACE,
        "delete",
        "pod",
        &leader.name,
        "--grace-period=0",
        "--force",
        "--wait=false",
    ])?;
    // The first tick with cluster events is up to an interval later, and the new leader has to list the cluster first.
    let taken = until(LEASE + RETRY + bench.interval() * 2, "the takeover by the other pod", || {
        let replacements = agent::pods(Component::Cluster)?;
        let all: Vec<AgentPod> =
            replacements.into_iter().chain([other.clone()]).filter(|pod| pod.uid != leader.uid).collect();
        let mut found = Vec::new();
        for pod in all {
            let Ok(output) = pod.output(&bench.settings, killed) else { continue };
            found.extend(output.of_type("Cluster").map(|event| (event.time_ms, pod.clone())).next());
        }
        Ok(found.into_iter().min_by_key(|(time, _)| *time).ok_or_else(|| "no cluster events".to_owned()))
    })?;
    let (first, successor) = taken;
    let after = successor.wait_for_ticks(&bench.settings, first, "Cluster", 3)?;
    never_both(&[
        ("the killed pod", &before),
        ("its successor", &successor.output(&bench.settings, since)?),
    ])?;
    sound::no_panic(&after)?;
    sound::no_negative(&after)?;
    println!("  {} leads {} ms after {} was killed", successor.name, first - killed, leader.name);
    Ok(Verdict::Passed)
}

/// Returns the first pod with at least two cluster events.
fn leading(pods: &[AgentPod], bench: &Bench, since: u64) -> Result<Option<AgentPod>> {
    for pod in pods {
        if pod.output(&bench.settings, since)?.of_type("Cluster").count() >= 2 {
            return Ok(Some(pod.clone()));
        }
    }
    Ok(None)
}

fn never_both(outputs: &[(&str, &Output)]) -> Result<()> {
    let mut ticks: BTreeMap<u64, &str> = BTreeMap::new();
    for (who, output) in outputs {
        let mut times: Vec<u64> = output.of_type("Cluster").map(|event| event.time_ms).collect();
        times.dedup();
        for time in times {
            if let Some(other) = ticks.insert(time, who) {
                bail!("cluster events at {time} from both {other} and {who}");
            }
        }
    }
    Ok(())
}
