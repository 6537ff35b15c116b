//! Permissions are revoked: the agent names them, continues without, and recovers once they are restored.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::agent::{self, AgentPod, NAMESPACE};
use crate::event::Event;
use crate::suite::{Bench, Profile, Verdict};
use crate::wait::{now_ms, until};
use crate::{cluster, sound};

pub(crate) fn run(bench: &mut Bench) -> Result<Verdict> {
    bench.agent(Profile::Quick)?;
    without_services(bench)?;
    without_lock(bench)?;
    Ok(Verdict::Passed)
}

/// Checks a new agent without the permission to list services.
fn without_services(bench: &mut Bench) -> Result<()> {
    let role = ["clusterrole", "insightd-node"];
    let leader = ["clusterrole", "insightd-cluster"];
    let saved = [rules(&role)?, rules(&leader)?];
    let without = |rules: &Value| -> Value {
        let mut rules = rules.clone();
        for rule in rules.as_array_mut().into_iter().flatten() {
            if let Some(resources) = rule["resources"].as_array_mut() {
                resources.retain(|resource| resource != "services");
                if resources.is_empty() {
                    resources.push(json!("nothing"));
                }
            }
        }
        rules
    };
    set_rules(&role, &without(&saved[0]))?;
    set_rules(&leader, &without(&saved[1]))?;
    // An established watch goes on, so only a new agent is affected.
    let old = agent::pod()?;
    cluster::kubectl(&["-n", NAMESPACE, "delete", "pod", &old.name, "--wait"])?;
    let result = says(bench, &["services"], &["list"], false);
    set_rules(&role, &saved[0])?;
    set_rules(&leader, &saved[1])?;
    let (agent, since) = result?;
    until(Duration::from_secs(120), "services on events", || {
        let output = agent.output(&bench.settings, now_ms().saturating_sub(9000))?;
        let served = output.of_type("Pod").any(|event| event.text("Service") == "front");
        Ok(if served { Ok(()) } else { Err("none".to_owned()) })
    })?;
    sound::check(&agent, &agent.output(&bench.settings, since)?, bench.interval(), since, now_ms())
}

/// Checks a leader that may no longer write its lock.
fn without_lock(bench: &mut Bench) -> Result<()> {
    let role = ["-n", NAMESPACE, "role", "insightd-leader"];
    let saved = rules(&role)?;
    let agent = agent::pod()?;
    agent.wait_for_ticks_within(&bench.settings, now_ms(), "Cluster", 1, Duration::from_secs(100))?;
    let since = now_ms();
    set_rules(&role, &json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]))?;
    let result = says(bench, &["configmaps"], &["update"], true);
    set_rules(&role, &saved)?;
    result?;
    agent.wait_for_ticks_within(&bench.settings, now_ms(), "Cluster", 2, Duration::from_secs(100))?;
    sound::check(&agent, &agent.output(&bench.settings, since)?, bench.interval(), since, now_ms())
}

/// Waits until the agent's log, `/metrics` or an Event names the missing permission; with `loses`, also until it no longer leads. Returns its pod,
/// and the start time of the checked output.
fn says(bench: &Bench, resources: &[&str], verbs: &[&str], loses: bool) -> Result<(AgentPod, u64)> {
    let begin = now_ms();
    let agent = until(Duration::from_secs(90), "the agent", || {
        let found = agent::pod()?;
        Ok(if found.container_id.is_empty() { Err("no container yet".to_owned()) } else { Ok(found) })
    })?;
    // The first tick of a new agent has no rates yet.
    agent.wait_for_ticks(&bench.settings, begin, "Node", 2)?;
    let since = now_ms();
    let words: Vec<&str> = resources.iter().chain(verbs).copied().collect();
    // An Event is sent after several consecutive failures, with increasing backoff between them.
    let line = until(Duration::from_secs(150), "a message about the missing permission", || {
        let output = agent.output(&bench.settings, begin.saturating_sub(5000))?;
        let line = output.said(&words).map(str::to_owned);
        let line = line.or_else(|| metrics_line(&agent, &words)).or_else(|| told(&agent, &words));
        let log = output.log.iter().filter(|line| !line.contains("component ready")).collect::<Vec<_>>();
        Ok(line.ok_or_else(|| format!("no log, metric or Event with {words:?}; the log is {log:?}")))
    })?;
    println!("  reported: {line}");
    if loses {
        until(Duration::from_secs(60), "no cluster events", || {
            let output = agent.output(&bench.settings, now_ms().saturating_sub(9000))?;
            Ok(if output.of_type("Cluster").next().is_none() {
                Ok(())
            } else {
                Err("there are cluster events".to_owned())
            })
        })?;
    }
    agent.wait_for_ticks(&bench.settings, since, "Node", 3)?;
    if agent.output(&bench.settings, since)?.of_type("Pod").filter(|event| is_web(event)).count() == 0 {
        bail!("no Pod events of shop/web");
    }
    Ok((agent, since))
}

fn is_web(event: &Event) -> bool {
    event.pod().starts_with("shop/web-")
}

/// Returns the message of a Kubernetes Event about the agent's pod or its lock that contains all words.
fn told(agent: &AgentPod, words: &[&str]) -> Option<String> {
    let events = cluster::list(&["-n", NAMESPACE, "events"]).ok()?;
    let about = |event: &&Value| {
        let name = &event["involvedObject"]["name"];
        *name == agent.name.as_str() || name == "otel-container-insight-clusterleader"
    };
    let mut messages = events.iter().filter(about).filter_map(|event| event["message"].as_str());
    messages.find(|message| words.iter().all(|word| message.contains(word))).map(str::to_owned)
}

/// Returns a sample of `/metrics` whose labels contain all words.
fn metrics_line(agent: &AgentPod, words: &[&str]) -> Option<String> {
    let samples = agent.metrics().ok()?;
    let lines = samples.iter().map(|sample| format!("{} {:?}", sample.name, sample.labels));
    lines.into_iter().find(|line| words.iter().all(|word| line.contains(word)))
}

fn rules(role: &[&str]) -> Result<Value> {
    Ok(cluster::get(role)?["rules"].take())
}

fn set_rules(role: &[&str], rules: &Value) -> Result<()> {
    let patch = json!([{"op": "replace", "path": "/rules", "value": rules}]).to_string();
    let mut arguments = vec!["patch"];
    arguments.extend(role);
    arguments.extend(["--type=json", "-p", &patch]);
    cluster::kubectl(&arguments).map(|_| ())
}
