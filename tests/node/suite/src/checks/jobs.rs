//! Facts about Jobs, CronJobs and namespaces in a recording, compared with the API server's objects.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::Value;

use super::differences;
use crate::agent::{AgentPod, NAMESPACE};
use crate::cluster;
use crate::settings::Settings;
use crate::wait::until;

/// The watches start with the recording, so its first batches may be without Jobs.
const TICKS: &str = "4";
const CONFIG: &str = "/etc/insightd/config/insightd.yaml";

/// Values as text by `KIND|NAMESPACE/NAME|FACT`.
type Facts = BTreeMap<String, String>;

/// Records the cluster with all facts, and compares the last batch. Returns the number of equal facts.
pub(super) fn compare(pod: &AgentPod, settings: &Settings) -> Result<usize> {
    let limit = settings.interval() * 40 * settings.patience();
    let compared = until(limit, "a recording without changes", || {
        let before = expected()?;
        let ours = recorded(&pod.name)?;
        if before != expected()? {
            return Ok(Err("objects changed".to_owned()));
        }
        let differences = differences(&before, &ours);
        Ok(if differences.is_empty() { Ok(before) } else { Err(differences) })
    })?;
    for wanted in [
        "Job|batch/finished|job.condition.Complete",
        "Job|batch/nightly-by-hand|job.owner_name",
        "CronJob|batch/nightly|cronjob.schedule",
        "Namespace|batch|status.phase",
    ] {
        if !compared.contains_key(wanted) {
            bail!("the workload has no {wanted}");
        }
    }
    Ok(compared.len())
}

fn recorded(pod: &str) -> Result<Facts> {
    let command = ["/insightd", "record", "--cluster", "--all-facts", "--ticks", TICKS, "--config", CONFIG];
    let text = cluster::kubectl(&[&["-n", NAMESPACE, "exec", pod, "--"], &command[..]].concat())?;
    let mut batches = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let Some(batch) = batches.rfind(|batch| batch["scope"] == "cluster") else {
        bail!("the recording has no batch of the cluster")
    };
    let mut facts = Facts::new();
    let children = batch["entities"][0]["children"].as_array();
    for entity in children.into_iter().flatten() {
        let attributes = &entity["attributes"];
        let kind = match entity["kind"].as_str() {
            Some("namespace") => "Namespace",
            _ => attributes["workload.kind"].as_str().unwrap_or(""),
        };
        let id = match kind {
            "Namespace" => entity["id"].as_str().unwrap_or("").to_owned(),
            "Job" | "CronJob" => format!(
                "{}/{}",
                text_of(attributes, "workload.namespace"),
                text_of(attributes, "workload.name")
            ),
            _ => continue,
        };
        for (name, value) in
            [attributes, &entity["gauges"]].into_iter().filter_map(Value::as_object).flatten()
        {
            if ["job.", "cronjob.", "status."].iter().any(|prefix| name.starts_with(prefix)) {
                facts.insert(format!("{kind}|{id}|{name}"), shown(name, value));
            }
        }
    }
    Ok(facts)
}

/// Returns a value as text. Of a time only the second of the day, which needs no calendar.
fn shown(name: &str, value: &Value) -> String {
    match value.as_f64() {
        Some(time) if name.ends_with("_unix_ms") => format!("{}", time / 1000.0 % 86_400.0),
        Some(number) => format!("{number}"),
        None => value.as_str().unwrap_or("").to_owned(),
    }
}

fn text_of<'a>(object: &'a Value, key: &str) -> &'a str {
    object[key].as_str().unwrap_or("")
}

fn expected() -> Result<Facts> {
    let mut facts = Facts::new();
    for namespace in cluster::list(&["namespaces"])? {
        let phase = text_of(&namespace["status"], "phase");
        facts.insert(
            format!("Namespace|{}|status.phase", text_of(&namespace["metadata"], "name")),
            phase.to_owned(),
        );
    }
    for job in cluster::list(&["jobs", "-A"])? {
        let (spec, status) = (&job["spec"], &job["status"]);
        let mut put = putter(&mut facts, "Job", &job);
        for (name, key) in
            [("job.active", "active"), ("job.succeeded", "succeeded"), ("job.failed", "failed")]
        {
            put(name, Some(status[key].as_u64().unwrap_or(0).to_string()));
        }
        put("job.completions", spec["completions"].as_u64().map(|count| count.to_string()));
        put("job.parallelism", spec["parallelism"].as_u64().map(|count| count.to_string()));
        put("job.suspended", flag(&spec["suspend"]));
        put("job.start_unix_ms", second_of_day(&status["startTime"]));
        put("job.completion_unix_ms", second_of_day(&status["completionTime"]));
        for condition in status["conditions"].as_array().into_iter().flatten() {
            let kind = text_of(condition, "type");
            if ["Complete", "Failed", "Suspended"].contains(&kind) {
                put(&format!("job.condition.{kind}"), condition["status"].as_str().map(str::to_owned));
            }
            if kind == "Failed" {
                put("job.failure_reason", condition["reason"].as_str().map(str::to_owned));
            }
        }
        let owners = job["metadata"]["ownerReferences"].as_array().into_iter().flatten();
        for owner in owners.filter(|owner| owner["controller"] == true) {
            put("job.owner_kind", owner["kind"].as_str().map(str::to_owned));
            put("job.owner_name", owner["name"].as_str().map(str::to_owned));
        }
    }
    for cron_job in cluster::list(&["cronjobs", "-A"])? {
        let (spec, status) = (&cron_job["spec"], &cron_job["status"]);
        let mut put = putter(&mut facts, "CronJob", &cron_job);
        put("cronjob.active", Some(status["active"].as_array().map_or(0, Vec::len).to_string()));
        put("cronjob.suspended", flag(&spec["suspend"]));
        put("cronjob.last_schedule_unix_ms", second_of_day(&status["lastScheduleTime"]));
        put("cronjob.last_successful_unix_ms", second_of_day(&status["lastSuccessfulTime"]));
        put("cronjob.schedule", spec["schedule"].as_str().map(str::to_owned));
        put("cronjob.timezone", spec["timeZone"].as_str().map(str::to_owned));
        put("cronjob.concurrency_policy", spec["concurrencyPolicy"].as_str().map(str::to_owned));
    }
    Ok(facts)
}

/// Returns a function that inserts the facts of an object which exist.
fn putter<'f>(
    facts: &'f mut Facts,
    kind: &'f str,
    object: &Value,
) -> impl FnMut(&str, Option<String>) + use<'f> {
    let metadata = &object["metadata"];
    let id = format!("{}/{}", text_of(metadata, "namespace"), text_of(metadata, "name"));
    move |name, value| {
        if let Some(value) = value {
            facts.insert(format!("{kind}|{id}|{name}"), value);
        }
    }
}

fn flag(value: &Value) -> Option<String> {
    value.as_bool().map(|is_set| u8::from(is_set).to_string())
}

/// Returns the second of the day of a time such as `2025-01-02T03:04:05Z`.
fn second_of_day(time: &Value) -> Option<String> {
    let (_, clock) = time.as_str()?.trim_end_matches('Z').split_once('T')?;
    let parts = clock.split(':').map(str::parse::<u64>).collect::<Result<Vec<_>, _>>().ok()?;
    Some(parts.iter().fold(0, |seconds, part| seconds * 60 + part).to_string())
}
