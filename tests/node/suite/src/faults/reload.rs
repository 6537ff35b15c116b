//! ConfigMaps are changed under a running agent: a good configuration runs from the next tick on, a bad one changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::agent::{self, AgentPod, NAMESPACE, Overlay};
use crate::suite::{Bench, Profile, Verdict, reloading};
use crate::wait::{now_ms, until};
use crate::{cluster, sound};

pub(crate) fn run(bench: &mut Bench) -> Result<Verdict> {
    let pod = bench.agent(Profile::Reloading)?;
    // The configuration differs from here on.
    bench.forget();
    let since = now_ms();
    pod.wait_for_ticks(&bench.settings, since, "Node", 2)?;

    change(bench, &pod, &reloading(&bench.settings, "second", "none"), "installed", "")?;
    wait_for_version(bench, &pod, "second")?;
    timing(bench, &pod)?;
    for (habit, why) in [
        ("panic", "fails on the last batch"),
        ("spin", "fails on the last batch"),
        ("nothing", "rollout.bounds"),
        ("ten times", "rollout.bounds.events_more"),
    ] {
        change(bench, &pod, &reloading(&bench.settings, "bad", habit), "rejected", why)?;
    }
    let file = |name: &str, content: Vec<u8>| -> Result<PathBuf> {
        let path = bench.settings.work.join(name);
        fs::write(&path, content)?;
        Ok(path)
    };
    let formatter = bench.settings.deploy.join("transforms/emf.wasm");
    let half = fs::read(&bench.settings.hostile)?;
    let corrupt = file("corrupt.wasm", half[..half.len() / 2].to_vec())?;
    for (component, why) in [(corrupt, "hostile"), (formatter, "is a formatter")] {
        let overlay = reloading(&bench.settings, "bad", "none");
        let overlay = Overlay { components: vec![("hostile", component)], ..overlay };
        change(bench, &pod, &overlay, "rejected", why)?;
    }
    // A configuration still on probation is not a rollback target: the one before it would be.
    until(Duration::from_secs(90), "the end of the probation", || {
        let left = rollout(&pod)?["running"]["probation_ticks_left"].clone();
        Ok(if left == 0 { Ok(()) } else { Err(left.to_string()) })
    })?;
    // Passes every check, and fails on its third tick.
    let from = now_ms() + 3 * bench.interval().as_millis() as u64 + 8_000;
    let late = reloading(&bench.settings, "late", &format!("panic from {from}"));
    change(bench, &pod, &late, "rolled-back", "hostile")?;
    wait_for_version(bench, &pod, "second")?;

    let mut output = pod.output(&bench.settings, since)?;
    // The component logs its panics; the agent must not panic.
    output.log.retain(|line| !line.contains("hostile"));
    let mut versions: BTreeMap<u64, String> = BTreeMap::new();
    for event in &output.events {
        let namespace = event.value["_aws"]["CloudWatchMetrics"][0]["Namespace"].as_str();
        let Some(version) = namespace else { continue };
        let known = versions.entry(event.time_ms).or_insert_with(|| version.to_owned());
        if known != version {
            bail!("tick {} has events of both {known} and {version}", event.time_ms);
        }
    }
    if let Some((time, _)) = versions.iter().find(|(_, version)| *version == "bad") {
        bail!("tick {time} has events of a rejected version");
    }
    sound::check(&pod, &output, bench.interval(), since, now_ms())?;
    println!("  {} ticks, versions {:?}", versions.len(), {
        let mut names: Vec<&String> = versions.values().collect();
        names.dedup();
        names
    });
    Ok(Verdict::Passed)
}

/// Applies an overlay, makes the kubelet update the volume at once, and waits for the outcome.
fn change(bench: &Bench, pod: &AgentPod, overlay: &Overlay, outcome: &str, why: &str) -> Result<()> {
    let before = rollout(pod)?["latest"]["bundle"].clone();
    agent::apply(&bench.settings, overlay)?;
    let mut looked = None;
    until(Duration::from_secs(180), &format!("{outcome}: {why}"), || {
        // The kubelet processes a changed pod at once, with the ConfigMap data it has by then; otherwise it takes about a
        // minute.
        if looked.is_none_or(|at: Instant| at.elapsed() > Duration::from_secs(4)) {
            looked = Some(Instant::now());
            let bump = format!("tests/changed={}", now_ms());
            cluster::kubectl(&["-n", NAMESPACE, "annotate", "--overwrite", "pod", &pod.name, &bump])?;
        }
        let latest = &rollout(pod)?["latest"];
        let is_new = outcome != "installed" || latest["bundle"] != before;
        let is_it =
            latest["state"] == outcome && latest["why"].as_str().is_some_and(|text| text.contains(why));
        Ok(if is_new && is_it { Ok(()) } else { Err(latest.to_string()) })
    })
}

fn rollout(pod: &AgentPod) -> Result<Value> {
    let (status, body) = pod.ask("/status")?;
    if status != 200 {
        bail!("/status returned {status}");
    }
    let mut answer: Value = serde_json::from_str(&body).context("/status")?;
    Ok(answer["rollout"].take())
}

fn wait_for_version(bench: &Bench, pod: &AgentPod, version: &str) -> Result<()> {
    until(Duration::from_secs(60), &format!("events of {version}"), || {
        let output = pod.output(&bench.settings, 0)?;
        let last = output.events.iter().rev().find_map(|event| {
            event.value["_aws"]["CloudWatchMetrics"][0]["Namespace"].as_str().map(str::to_owned)
        });
        Ok(if last.as_deref() == Some(version) {
            Ok(())
        } else {
            Err(format!("the last version is {last:?}"))
        })
    })
}

/// Prints the time from the change of the mount until the bundle is ready, and until its first tick.
fn timing(bench: &Bench, pod: &AgentPod) -> Result<()> {
    let data = bench
        .settings
        .node_run
        .join(format!("kubelet/pods/{}/volumes/kubernetes.io~configmap/config/..data", pod.uid));
    let changed = fs::symlink_metadata(&data).with_context(|| data.display().to_string())?.modified()?;
    let changed_ms = changed.duration_since(UNIX_EPOCH)?.as_millis() as u64;
    let rollout = rollout(pod)?;
    let ready = rollout["latest"]["at_unix_ms"].as_u64().context("latest.at_unix_ms is missing")?;
    let tick = rollout["running"]["since_unix_ms"].as_u64().context("running.since_unix_ms is missing")?;
    println!(
        "  ready {} ms and in use {} ms after the mount changed",
        ready.saturating_sub(changed_ms),
        tick.saturating_sub(changed_ms)
    );
    Ok(())
}
