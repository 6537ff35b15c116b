//! A recording made beside the agent, replayed, and compared with the agent's events of the same ticks.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use serde_json::json;

use crate::agent::NAMESPACE;
use crate::cluster;
use crate::event::{Event, Output};
use crate::sound;
use crate::suite::{Bench, Profile, Verdict};
use crate::wait::now_ms;

const TICKS: usize = 4;
const CONFIG: &str = "/etc/insightd/config/insightd.yaml";
/// Pods whose containers come and go: the recording and the agent query the kubelet one after the other.
const RESTLESS: &[&str] = &["crasher", "hungry", "crunch", "nightly"];

/// Metrics of configured values, which no clock or counter changes.
const SET: &[&str] = &[
    "container_cpu_limit",
    "container_cpu_request",
    "container_memory_limit",
    "container_memory_request",
    "node_cpu_limit",
    "node_memory_limit",
    "pod_cpu_limit",
    "pod_memory_limit",
];

/// Events of one tick by their identity.
type Events<'a> = BTreeMap<String, &'a Event>;

pub(crate) fn run(bench: &mut Bench) -> Result<Verdict> {
    let agent = bench.agent(Profile::Quick)?;
    let since = now_ms();
    let inside = |arguments: &[&str], input: &str| {
        let exec = ["-n", NAMESPACE, "exec", "-i", &agent.name, "--"];
        cluster::kubectl_with(&[&exec, arguments].concat(), input)
    };
    let recording = inside(&["/insightd", "record", "--ticks", &TICKS.to_string(), "--config", CONFIG], "")?;
    let events = inside(&["/insightctl", "replay", "-", "--config", CONFIG], &recording)?;
    let replay = Output { events: events.lines().filter_map(Event::parse).collect(), ..Output::default() };
    let output = agent.wait_for_ticks(&bench.settings, since, "Node", TICKS + 2)?;
    sound::check(&agent, &output, bench.interval(), since, now_ms())?;

    let (replayed, said) = (by_tick(&replay), by_tick(&output));
    if replayed.len() != TICKS {
        bail!("replay gave {} ticks, the recording has {TICKS}", replayed.len());
    }
    let mut figures = 0;
    for (time, ours) in &replayed {
        let Some(theirs) = said.get(time) else { bail!("the agent has no events in tick {time}") };
        let lone = ours.keys().find(|name| !theirs.contains_key(*name));
        if let Some(name) = lone.or_else(|| theirs.keys().find(|name| !ours.contains_key(*name))) {
            bail!("in tick {time} only one of agent and replay has {name}");
        }
        for (name, ours) in ours {
            figures += compare(name, ours, theirs[name])?;
        }
    }
    let events: usize = replayed.values().map(BTreeMap::len).sum();
    println!(
        "  {events} events of {TICKS} ticks and {figures} configured values are equal; {} bytes of recording",
        recording.len()
    );
    if figures < 10 * TICKS {
        bail!("only {figures} requests and limits were compared, too few for the workload");
    }
    Ok(Verdict::Passed)
}

/// Returns the events of the node's pipeline by tick: a recording without `--cluster` has no others.
fn by_tick(output: &Output) -> BTreeMap<u64, Events<'_>> {
    let of_node = |event: &&Event| {
        event.value["Sources"] != json!(["apiserver"])
            && !RESTLESS.iter().any(|name| event.about("pod_name").starts_with(name))
    };
    let ticks = output.ticks().into_iter();
    ticks
        .map(|(time, events)| {
            (time, events.into_iter().filter(of_node).map(|event| (event.identity(), event)).collect())
        })
        .collect()
}

/// Checks that all members except measured values are equal. Returns the number of compared metrics.
fn compare(name: &str, ours: &Event, theirs: &Event) -> Result<usize> {
    let members = [ours, theirs].map(|event| event.value.as_object());
    let all: BTreeSet<&String> = members.into_iter().flatten().flatten().map(|(name, _)| name).collect();
    let mut figures = 0;
    for member in all {
        let (ours, theirs) = (&ours.value[member], &theirs.value[member]);
        let is_figure = ours.is_number() || theirs.is_number();
        if is_figure && !SET.contains(&member.as_str()) {
            continue;
        }
        if ours != theirs {
            bail!("{name}: {member} is {ours} in the replay, {theirs} in the agent");
        }
        figures += usize::from(is_figure);
    }
    Ok(figures)
}
