//! Compares pods and containers of a batch with the API server and with the DaemonSet's reader.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::batch::{Recorded, attribute, cgroups, entities};
use super::labelled_pods;
use crate::agent::CLUSTER;
use crate::cluster;

/// The running pods and containers, according to the API server.
pub(super) struct Running {
    /// Uids in the paths of cgroups: of a static pod, the hash of its configuration.
    pods: BTreeSet<String>,
    containers: BTreeSet<String>,
}

impl Running {
    pub(super) fn list() -> Result<Self> {
        let pods = cluster::list(&["pods", "-A", "--field-selector=status.phase=Running"])?;
        let uid = |pod: &Value| {
            let metadata = &pod["metadata"];
            let hash = metadata["annotations"]["kubernetes.io/config.hash"].as_str();
            hash.or(metadata["uid"].as_str()).unwrap_or("").to_owned()
        };
        let containers =
            pods.iter().flat_map(statuses).filter(|status| status["state"]["running"].is_object());
        let id = |status: &Value| Some(status["containerID"].as_str()?.rsplit('/').next()?.to_owned());
        Ok(Self { containers: containers.filter_map(id).collect(), pods: pods.iter().map(uid).collect() })
    }
}

pub(super) fn statuses(pod: &Value) -> impl Iterator<Item = &Value> {
    ["containerStatuses", "initContainerStatuses"]
        .into_iter()
        .flat_map(|key| pod["status"][key].as_array().into_iter().flatten())
}

/// Checks the node, the cgroups of everything that ran before and after the recording, and the pods with the label.
pub(super) fn check(node: &str, root: &Value, before: &Running, after: &Running) -> Result<()> {
    let is_node = root["kind"] == "node" && root["id"] == node;
    if !is_node
        || attribute(root, "node.compute_type") != "fargate"
        || attribute(root, "cluster.name") != CLUSTER
    {
        bail!("the root of the batch is {} {}: {}", root["kind"], root["id"], root["attributes"]);
    }
    let found = cgroups(root);
    let pods: BTreeSet<&str> = found.keys().map(|(pod, _)| *pod).collect();
    let containers: BTreeSet<&str> = found.keys().map(|(_, container)| *container).collect();
    let lacks = |wanted: Vec<&String>, found: &BTreeSet<&str>| -> Vec<String> {
        wanted.into_iter().filter(|id| !found.contains(id.as_str())).cloned().collect()
    };
    let missing = [
        lacks(before.pods.intersection(&after.pods).collect(), &pods),
        lacks(before.containers.intersection(&after.containers).collect(), &containers),
    ]
    .concat();
    if !missing.is_empty() {
        bail!("running pods or containers without a cgroup in the batch: {}", missing.join(", "));
    }
    let listed = labelled_pods()?;
    let in_batch = entities(root, "pod");
    for pod in &listed {
        let uid = pod["metadata"]["uid"].as_str().unwrap_or("");
        let Some(entity) = in_batch.iter().find(|entity| entity["id"] == uid) else {
            bail!("{} has no entity", pod["metadata"]["name"]);
        };
        if attribute(entity, "pod.name") != pod["metadata"]["name"] {
            bail!("{} is named {}", pod["metadata"]["name"], attribute(entity, "pod.name"));
        }
    }
    if in_batch.len() != listed.len() {
        bail!("{} pods in the batch, {} have the label", in_batch.len(), listed.len());
    }
    let restarts = entities(root, "container").into_iter().filter_map(|container| {
        let count = container["counters"]["container.restarts"][0].as_u64()?;
        (attribute(container, "container.name") == "restarts").then_some(count)
    });
    if restarts.max().unwrap_or(0) < 1 {
        bail!("no restart of the container that restarts");
    }
    println!("  {} cgroups, {} pods with the label of Fargate", found.len(), listed.len());
    Ok(())
}

/// Checks that the reader of the DaemonSet saw the same pods with the same limits.
pub(super) fn check_daemon(of_daemon: Option<&Recorded>, root: &Value) -> Result<()> {
    let of_daemon = &of_daemon.context("the DaemonSet recorded nothing")?.root;
    let (theirs, ours) = (cgroups(of_daemon), cgroups(root));
    let uids: BTreeSet<String> =
        labelled_pods()?.iter().filter_map(|pod| Some(pod["metadata"]["uid"].as_str()?.to_owned())).collect();
    let running = Running::list()?;
    let mut compared = 0;
    for (key, theirs) in theirs.iter().filter(|((uid, _), _)| uids.contains(*uid)) {
        let Some(ours) = ours.get(key) else {
            // A sandbox, or the container that restarts, which has another id by now.
            if !key.1.is_empty() && !running.containers.contains(key.1) {
                continue;
            }
            bail!("{key:?} is in the batch of the DaemonSet only");
        };
        for name in ["pod.qos", "cgroup.role"] {
            if attribute(ours, name) != attribute(theirs, name) {
                bail!(
                    "{key:?}: {name} is {:?}, {:?} in the DaemonSet's batch",
                    attribute(ours, name),
                    attribute(theirs, name)
                );
            }
        }
        for name in ["cpu.quota_millicores", "cpu.shares", "memory.limit_bytes"] {
            let (ours, theirs) = (&ours["gauges"][name], &theirs["gauges"][name]);
            if ours.as_f64() != theirs.as_f64() {
                bail!("{key:?}: {name} is {ours}, {theirs} in the DaemonSet's batch");
            }
            compared += usize::from(ours.is_number());
        }
    }
    println!("  {compared} limits equal those that the DaemonSet read");
    // At least those of CPU and memory of each container of the crowd.
    if compared < 2 * uids.len() {
        bail!("only {compared} limits of {} pods were compared", uids.len());
    }
    Ok(())
}
