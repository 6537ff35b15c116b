//! Adds replicas, so that another one has the node, and removes them again: no tick is missing or twice.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use insightd_fargate::shard::owner;

use super::{SHORT_INTERVAL_S as INTERVAL_S, apply, wait_for_plan};
use crate::settings::Settings;
use crate::sound;
use crate::wait::now_ms;

/// Largest number of replicas that is tried to move the node to another one.
const MOST_REPLICAS: u32 = 8;

pub(super) fn check(settings: &Settings, node: &str) -> Result<()> {
    let since = now_ms();
    let moves = |replicas: &u32| owner(node, *replicas).is_some_and(|ordinal| ordinal > 0);
    let many =
        (2..=MOST_REPLICAS).find(moves).context("every number of replicas leaves the node at the first")?;
    apply(settings, many, INTERVAL_S)?;
    let pods = wait_for_plan(many)?;
    // The files stay readable after their pods are gone.
    let logs = pods.iter().map(|pod| Ok((&*pod.name, pod.logs(settings)?))).collect::<Result<Vec<_>>>()?;
    thread::sleep(Duration::from_secs(4 * INTERVAL_S));
    apply(settings, 1, INTERVAL_S)?;
    wait_for_plan(1)?;
    thread::sleep(Duration::from_secs(4 * INTERVAL_S));

    let mut owners: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for (name, mut logs) in logs {
        let output = logs.read(since)?;
        sound::no_panic(&output)?;
        for time in output.ticks().into_keys() {
            owners.entry(time / 1000 / INTERVAL_S).or_default().push(name);
        }
    }
    if let Some((time, twice)) = owners.iter().find(|(_, pods)| pods.len() > 1) {
        bail!("two replicas have events at {} s: {}", time * INTERVAL_S, twice.join(", "));
    }
    let times: Vec<u64> = owners.keys().copied().collect();
    if let Some(gap) = times.windows(2).find(|pair| pair[1] - pair[0] != 1) {
        bail!("no replica has events between {} s and {} s", gap[0] * INTERVAL_S, gap[1] * INTERVAL_S);
    }
    let turns: Vec<&str> = owners.values().flatten().copied().collect();
    let mut order = turns.clone();
    order.dedup();
    println!("  {} ticks, each once, with 1, {many} and 1 replicas: {}", times.len(), order.join(", then "));
    let names: BTreeSet<&str> = turns.into_iter().collect();
    if names.len() != 2 || order.len() != 3 {
        bail!("the node was not read by another replica and then by the first again: {}", order.join(", "));
    }
    Ok(())
}
