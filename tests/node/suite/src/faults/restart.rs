//! A container is killed, and the runtime restarts it: a different container in the same place.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::event::{Event, Output};
use crate::suite::{Bench, Profile, Verdict};
use crate::wait::{now_ms, until};
use crate::{cluster, node, sound};

pub(crate) fn run(bench: &mut Bench) -> Result<Verdict> {
    let agent = bench.agent(Profile::Quick)?;
    let since = now_ms();
    let before = status()?;
    agent.wait_for_ticks(&bench.settings, since, "Node", 2)?;
    node::kill(&before.id)?;
    let after = until(Duration::from_secs(90), "a new container", || {
        let after = status()?;
        Ok(if after.id != before.id && after.is_running { Ok(after) } else { Err("unchanged".to_owned()) })
    })?;
    let output = agent.wait_for_ticks(&bench.settings, now_ms(), "Node", 5)?;
    new_one_counts(&output, &after)?;

    let output = agent.output(&bench.settings, since)?;
    // The metric is the growth since the previous tick.
    let of_httpd = output.of_type("Container").filter(|event| event.pod().starts_with("shop/web-"));
    let of_httpd = of_httpd.filter(|event| event.about("container_name") == "httpd");
    let counted: f64 = of_httpd.filter_map(|event| event.figure("number_of_container_restarts")).sum();
    if counted != after.restarts - before.restarts {
        bail!(
            "{counted} restarts are published, the count went from {} to {}",
            before.restarts,
            after.restarts
        );
    }
    let events =
        |id: &str| output.of_type("Container").filter(|event| event.container_id() == id).collect::<Vec<_>>();
    let (old, new) = (events(&before.id), events(&after.id));
    // A rate across the restart would be negative (`sound`), or mix two containers: they never overlap, and the old one does
    // not return.
    let first = new.first().context("the new container has no event")?;
    if let Some(event) = old.iter().find(|event| event.time_ms > first.time_ms) {
        bail!("an event of the old container follows those of the new one: {}", event.value);
    }
    sound::check(&agent, &output, bench.interval(), since, now_ms())?;
    Ok(Verdict::Passed)
}

/// Checks that the new container has events under its id, with rates.
fn new_one_counts(output: &Output, after: &Status) -> Result<()> {
    let events: Vec<&Event> =
        output.of_type("Container").filter(|event| event.container_id() == after.id).collect();
    let last = events.last().context("the new container has no event")?;
    if last.figure("container_cpu_usage_total").is_none() {
        bail!("no rate after some ticks: {}", last.value);
    }
    Ok(())
}

struct Status {
    id: String,
    restarts: f64,
    is_running: bool,
}

/// Returns the status of container `httpd` of `shop/web`.
fn status() -> Result<Status> {
    let pods = cluster::list(&["-n", "shop", "pods", "-l", "app=web"])?;
    let statuses = pods.first().context("shop/web has no pod")?["status"]["containerStatuses"].as_array();
    let status = statuses
        .into_iter()
        .flatten()
        .find(|status| status["name"] == "httpd")
        .context("no status of httpd")?;
    let text = |value: &Value| value.as_str().unwrap_or("").rsplit('/').next().unwrap_or("").to_owned();
    Ok(Status {
        id: text(&status["containerID"]),
        restarts: status["restartCount"].as_f64().unwrap_or(0.0),
        is_running: status["state"].get("running").is_some(),
    })
}
