//! The workload that runs beside the agent.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::cluster;
use crate::settings::{NodeKind, Settings};
use crate::wait::until;

const OBJECTS: &str = include_str!("../workload.yaml");
const STATIC_POD: &str = include_str!("../static-pod.yaml");

/// Deploys the workload without waiting for it.
pub(crate) fn start(settings: &Settings) -> Result<()> {
    fs::write(settings.node_run.join("static-pods/heartbeat.yaml"), STATIC_POD)?;
    let selection: &[&str] = match settings.node {
        NodeKind::V1 => &[],
        NodeKind::V2 => &["-l", "guest=yes"],
    };
    until(Duration::from_secs(60), "the workload", || {
        Ok(cluster::apply(OBJECTS, selection).map_err(|error| error.to_string()))
    })?;
    // A previous run may have left it.
    let found = cluster::kubectl(&[
        "-n",
        "batch",
        "get",
        "job",
        "nightly-by-hand",
        "--ignore-not-found",
        "-o",
        "name",
    ])?;
    if found.trim().is_empty() {
        let from_cron = ["-n", "batch", "create", "job", "nightly-by-hand", "--from=cronjob/nightly"];
        cluster::kubectl(&from_cron)?;
    }
    Ok(())
}

/// Waits until each pod has reached its intended state.
pub(crate) fn wait(settings: &Settings) -> Result<()> {
    until(Duration::from_secs(120) * settings.patience(), "the workload", || {
        let pods = cluster::list(&["pods", "-A"])?;
        let unready: Vec<String> = pods.iter().filter(|pod| !is_settled(pod)).map(name).collect();
        let wanted = match settings.node {
            NodeKind::V1 => 14,
            NodeKind::V2 => 10,
        };
        if pods.len() < wanted {
            return Ok(Err(format!("{} pods, expected {wanted}", pods.len())));
        }
        Ok(if unready.is_empty() { Ok(()) } else { Err(format!("not settled: {}", unready.join(", "))) })
    })
}

fn name(pod: &Value) -> String {
    let text = |key: &str| pod["metadata"][key].as_str().unwrap_or("").to_owned();
    format!("{}/{}", text("namespace"), text("name"))
}

fn is_settled(pod: &Value) -> bool {
    let app = pod["metadata"]["labels"]["app"].as_str().unwrap_or("");
    let phase = &pod["status"]["phase"];
    let statuses = pod["status"]["containerStatuses"].as_array();
    let mut statuses = statuses.into_iter().flatten();
    match app {
        "unplaced" | "no-image" => phase == "Pending",
        "finished" => phase == "Succeeded",
        // It must have crashed at least twice, to have a last state and restarts.
        "crasher" | "hungry" => statuses.any(|status| status["restartCount"].as_u64() >= Some(2)),
        "crunch" => statuses.all(|status| {
            status["state"].get("running").is_some() || status["state"].get("terminated").is_some()
        }),
        _ => phase == "Running" && statuses.all(|status| status["ready"] == true),
    }
}
