//! Identity of containers: every container that the API server reports as running, at every tick from its second one on.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::agent::{self, AgentPod};
use crate::cluster;
use crate::event::{Event, Output};
use crate::suite::{Bench, Profile, Verdict};
use crate::wait::now_ms;

const TICKS: usize = 6;

/// A container as reported by the API server.
#[derive(Debug, PartialEq)]
struct Known {
    namespace: String,
    pod: String,
    uid: String,
    container: String,
    id: String,
    owners: Vec<Value>,
    services: Vec<String>,
    started_ms: u64,
}

pub(crate) fn run(bench: &mut Bench) -> Result<Verdict> {
    let pod = bench.agent(Profile::Quick)?;
    let since = now_ms();
    let before = containers()?;
    let output = pod.wait_for_ticks(&bench.settings, since, "Node", TICKS + 1)?;
    let until = now_ms();
    let after = containers()?;
    let (containers, events) = compare(&before, &after, &output, bench.interval(), since, until)?;
    println!("  {containers} running containers, {events} events, all identified");
    check_host_network(&output, &pod)?;
    Ok(Verdict::Passed)
}

/// Checks that every container that ran all the time has a correct event at every tick. Returns the numbers of containers
/// and events.
fn compare(
    before: &[Known],
    after: &[Known],
    output: &Output,
    interval: Duration,
    since: u64,
    until: u64,
) -> Result<(usize, usize)> {
    let step = interval.as_millis() as u64;
    let mut wrong = Vec::new();
    let (mut containers, mut compared) = (0, 0);
    let ticks: Vec<(u64, BTreeMap<&str, &Event>)> = output
        .ticks()
        .into_iter()
        .filter(|(time, _)| *time > since && time + step < until)
        .map(|(time, events)| {
            let events = events.into_iter().filter(|event| event.kind() == "Container");
            (time, events.map(|event| (event.container_id(), event)).collect())
        })
        .collect();
    if ticks.len() < 3 {
        bail!("only {} complete ticks", ticks.len());
    }
    for known in before.iter().filter(|known| after.contains(known)) {
        containers += 1;
        for (time, events) in &ticks {
            if *time < known.started_ms + 2 * step {
                continue;
            }
            compared += 1;
            match events.get(known.id.as_str()) {
                Some(event) => {
                    wrong.extend(known.differs(event).map(|why| format!("{}: {why}", known.name())))
                }
                None => wrong.push(format!("{}: no event at {time}", known.name())),
            }
        }
    }
    if containers < 8 {
        bail!("only {containers} containers are running");
    }
    wrong.dedup();
    if !wrong.is_empty() {
        bail!("{} of {compared} comparisons failed: {}", wrong.len(), wrong[..wrong.len().min(8)].join("; "));
    }
    Ok((containers, compared))
}

/// Returns the running containers with the API server's data about their pods.
fn containers() -> Result<Vec<Known>> {
    let services = cluster::list(&["services", "-A"])?;
    let jobs = cluster::list(&["jobs", "-A"])?;
    let mut found = Vec::new();
    for pod in cluster::list(&["pods", "-A"])? {
        let text = |key: &str| pod["metadata"][key].as_str().unwrap_or("").to_owned();
        // The kubelet and its cgroups identify a static pod by the hash of its file; the API server has a mirror pod of it.
        let hash = pod["metadata"]["annotations"]["kubernetes.io/config.hash"].as_str();
        let lists = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"];
        for status in lists.iter().filter_map(|list| pod["status"][list].as_array()).flatten() {
            let Some(started) = status["state"]["running"]["startedAt"].as_str() else { continue };
            found.push(Known {
                namespace: text("namespace"),
                pod: text("name"),
                uid: hash.map_or_else(|| text("uid"), str::to_owned),
                container: status["name"].as_str().unwrap_or("").to_owned(),
                id: status["containerID"].as_str().unwrap_or("").rsplit('/').next().unwrap_or("").to_owned(),
                // Only the mirror pod has an owner, the node.
                owners: if hash.is_some() { Vec::new() } else { owners(&pod, &jobs) },
                services: selecting(&services, &pod),
                // Rounded up: the API server's times have whole seconds.
                started_ms: agent::unix_ms(started).unwrap_or(0) + 1000,
            });
        }
    }
    Ok(found)
}

/// Returns the owners as in events: the Deployment for its ReplicaSet, the CronJob for its Job.
fn owners(pod: &Value, jobs: &[Value]) -> Vec<Value> {
    let references = pod["metadata"]["ownerReferences"].as_array();
    references
        .into_iter()
        .flatten()
        .map(|owner| {
            let (kind, name) = (owner["kind"].as_str().unwrap_or(""), owner["name"].as_str().unwrap_or(""));
            let hash = pod["metadata"]["labels"]["pod-template-hash"].as_str();
            let deployment = hash.and_then(|hash| name.strip_suffix(hash)?.strip_suffix('-'));
            let job = jobs.iter().find(|job| {
                job["metadata"]["name"] == name
                    && job["metadata"]["namespace"] == pod["metadata"]["namespace"]
            });
            let cron = job
                .map(|job| &job["metadata"]["ownerReferences"][0])
                .filter(|owner| owner["kind"] == "CronJob");
            let (kind, name) = match (kind, deployment, cron) {
                ("ReplicaSet", Some(deployment), _) => ("Deployment", deployment),
                ("Job", _, Some(cron)) => ("CronJob", cron["name"].as_str().unwrap_or("")),
                _ => (kind, name),
            };
            json!({"owner_kind": kind, "owner_name": name})
        })
        .collect()
}

/// Returns the sorted names of the services that select a pod.
fn selecting(services: &[Value], pod: &Value) -> Vec<String> {
    let selects = |service: &&Value| {
        let selector = service["spec"]["selector"].as_object();
        service["metadata"]["namespace"] == pod["metadata"]["namespace"]
            && selector.is_some_and(|selector| {
                !selector.is_empty()
                    && selector.iter().all(|(key, value)| pod["metadata"]["labels"][key] == *value)
            })
    };
    let mut names: Vec<String> = services
        .iter()
        .filter(selects)
        .filter_map(|service| Some(service["metadata"]["name"].as_str()?.to_owned()))
        .collect();
    names.sort_unstable();
    names
}

impl Known {
    fn name(&self) -> String {
        format!("{}/{}/{}", self.namespace, self.pod, self.container)
    }

    /// Returns the first difference of an event.
    fn differs(&self, event: &Event) -> Option<String> {
        let about = &event.value["kubernetes"];
        let pairs = [
            ("pod_name", event.about("pod_name"), self.pod.as_str()),
            ("namespace_name", event.about("namespace_name"), &self.namespace),
            ("Namespace", event.text("Namespace"), &self.namespace),
            ("pod_id", event.about("pod_id"), &self.uid),
            ("container_name", event.about("container_name"), &self.container),
            ("container_status", event.text("container_status"), "Running"),
            ("Service", event.text("Service"), self.services.first().map_or("", String::as_str)),
            ("PodName", event.text("PodName"), &self.pod_name()),
        ];
        if let Some((what, ours, theirs)) = pairs.iter().find(|(_, ours, theirs)| ours != theirs) {
            return Some(format!("{what} is {ours:?}, expected {theirs:?}"));
        }
        let owners = about["pod_owners"].as_array().cloned().unwrap_or_default();
        let owners_differ = owners.len() != self.owners.len()
            || owners.iter().zip(&self.owners).any(|(ours, theirs)| {
                ours["owner_kind"] != theirs["owner_kind"] || !is_named(&ours["owner_name"], theirs)
            });
        owners_differ.then(|| format!("pod_owners is {owners:?}, expected {:?}", self.owners))
    }

    /// Returns the name shared by events of the same workload.
    fn pod_name(&self) -> String {
        for owner in &self.owners {
            let name = owner["owner_name"].as_str().unwrap_or("");
            match owner["owner_kind"].as_str() {
                Some("StatefulSet") => return self.pod.clone(),
                // Enhanced events have full names.
                Some("DaemonSet" | "ReplicaSet" | "Deployment" | "Job" | "CronJob") => {
                    return name.to_owned();
                }
                _ => {}
            }
        }
        self.pod.clone()
    }
}

fn is_named(ours: &Value, owner: &Value) -> bool {
    *ours == owner["owner_name"]
}

/// Checks that a pod in the node's network has no interfaces of its own: they belong to the node.
fn check_host_network(output: &Output, pod: &AgentPod) -> Result<()> {
    match output
        .of_type("PodNet")
        .find(|event| event.about("pod_name") == pod.name || event.text("PodName") == "node-web")
    {
        Some(event) => bail!("event for an interface of a pod without interfaces: {}", event.value),
        None => Ok(()),
    }
}
