//! `insightd status`: queries a running agent and prints its status.

mod quantity;
mod samples;

use std::time::Duration;

use anyhow::{Context, bail};
use hyper::StatusCode;
use jiff::Timestamp;
use serde_json::Value;

use crate::cli;
use crate::client::{self, Target};
use crate::output;
use crate::runtime;
use crate::visible;
use samples::Samples;

/// Time limit from connecting to the last byte of the response.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum size of the response, bytes. A component takes some hundred bytes of it.
const MAX_BYTES: usize = 4 << 20;

/// `insightd status`: prints the status of the agent at an address.
///
/// # Errors
/// No agent responds in time, or the response is not a status.
pub fn status(options: &cli::Status) -> anyhow::Result<()> {
    let address = &options.address;
    let runtime = runtime::create()?;
    let response = runtime.block_on(async { tokio::time::timeout(TIMEOUT, ask(address)).await });
    // Does not wait for the resolver, whose time limits are longer.
    runtime.shutdown_background();
    let response = response.unwrap_or_else(|_| bail!("no response within {} s", TIMEOUT.as_secs()));
    let response = response.with_context(|| {
        format!("cannot query the agent at {address} (is it running, and is this its `operations.listen`?)")
    })?;
    let (status, metrics) = response;
    if options.json {
        output::json(status);
    } else {
        output::print(describe(&status, Samples::new(&metrics)));
    }
    Ok(())
}

/// Returns the status and the agent's metrics; null without an API.
async fn ask(address: &str) -> anyhow::Result<(Value, Value)> {
    let target = Target::Address(address.to_owned());
    let mut response = client::get(&target, "/v1/state").await?;
    let has_state = response.status() != StatusCode::NOT_FOUND;
    if !has_state {
        response = client::get(&target, "/status").await?;
    }
    if response.status() != StatusCode::OK {
        bail!("unexpected status {}; agents before 0.1.0 have no /status", response.status());
    }
    let body = client::body(response, MAX_BYTES).await?;
    let mut document: Value = serde_json::from_slice(&body).context("invalid JSON in the response")?;
    Ok(match has_state {
        true => (document["status"].take(), document["metrics"].take()),
        false => (document, Value::Null),
    })
}

/// Formats the status for people.
fn describe(response: &Value, samples: Samples<'_>) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| text.push_str(&format!("{name:<12}{value}\n"));
    line("version", word(&response["version"]));
    line("last tick", time(&response["last_tick_unix_ms"]));
    let rollout = &response["rollout"];
    let running = &rollout["running"];
    if running.is_object() {
        let left = running["probation_ticks_left"].as_u64().unwrap_or(0);
        let probation = if left > 0 { format!(", {left} probation ticks left") } else { String::new() };
        let since = time(&running["since_unix_ms"]);
        line(
            "bundle",
            format!(
                "{} from {} since {since}{probation}",
                short(&running["bundle"]),
                word(&running["origin"])
            ),
        );
    }
    if rollout["good"].is_string() {
        line("last good", short(&rollout["good"]));
    }
    let latest = &rollout["latest"];
    // An agent without configuration files has nothing to report about them.
    let has_files = running["origin"] != "defaults" || latest["bundle"] != running["bundle"];
    if latest.is_object() && has_files {
        let why = word(&latest["why"]);
        let why = if why.is_empty() { why } else { format!(": {why}") };
        let (bundle, state, at) =
            (short(&latest["bundle"]), word(&latest["state"]), time(&latest["at_unix_ms"]));
        line("in files", format!("{bundle} {state} at {at}{why}"));
    }
    if rollout.is_object() {
        let canary = &rollout["canary"];
        let share = canary["share"].as_f64().unwrap_or(1.0) * 100.0;
        let chosen = if canary["this_node"] == true { "including" } else { "not including" };
        let switch = if rollout["enabled"] == false { "off (`rollout.enabled`)" } else { "on" };
        line("rollout", format!("{switch}, {share}% of the nodes, {chosen} this node"));
        line(
            "new bundles",
            format!(
                "{} installed, {} rejected, {} rolled back",
                rollout["installed"], rollout["rejected"], rollout["rolled_back"]
            ),
        );
        if rollout["needs_restart"] == true {
            let keys: Vec<String> =
                rollout["restart_keys"].as_array().into_iter().flatten().map(word).collect();
            line("restart", format!("needed for changes of {}", keys.join(", ")));
        }
    }
    if let Some(leader) = samples.leader() {
        line("leader", leader);
    }
    for (name, lines) in
        [("source", samples.sources()), ("sink", samples.sinks()), ("estimate", samples.estimates())]
    {
        for text in lines {
            line(name, text);
        }
    }
    for page in response["pages"].as_array().into_iter().flatten() {
        let (sink, listen, scrapes) = (word(&page["sink"]), word(&page["listen"]), &page["scrapes"]);
        let content = match (page["series"].as_u64(), page["bytes"].as_u64()) {
            (Some(series), Some(bytes)) => format!("{series} series, {bytes} bytes"),
            _ => "waiting for the first tick".to_owned(),
        };
        line("page", format!("sink {sink} at {listen}: {content}, {scrapes} scrapes"));
    }
    for space in response["state"]["spaces"].as_array().into_iter().flatten() {
        let (transform, scope) = (word(&space["transform"]), word(&space["scope"]));
        let since = time(&space["since_unix_ms"]);
        line(
            "state",
            format!(
                "{transform} of {scope}: {} keys, {} bytes, since {since}",
                space["keys"], space["bytes"]
            ),
        );
    }
    for component in response["components"].as_array().into_iter().flatten() {
        let slot = format!("{} {}", word(&component["pipeline"]), word(&component["slot"]));
        text.push_str(&format!(
            "\n{slot}: {} since {}, {} batches, {} failed calls, {} by another version{}\n",
            word(&component["component"]),
            time(&component["since_unix_ms"]),
            component["batches"],
            component["failures"],
            component["fallbacks"],
            samples.unprocessed(&component["pipeline"], &component["slot"])
        ));
        for version in component["versions"].as_array().into_iter().flatten() {
            let given_up = if version["given_up"] == true { "  disabled" } else { "" };
            let (origin, number) = (word(&version["origin"]), word(&version["version"]));
            text.push_str(&format!("  {origin:<10}{number:<10}{}{given_up}\n", word(&version["sha256"])));
        }
        for part in component["quarantined"].as_array().into_iter().flatten() {
            text.push_str(&format!("  quarantined: {}\n", word(part)));
        }
        if component["last_error"].is_string() {
            let error = word(&component["last_error"]);
            text.push_str(&format!("  last error: {error}\n"));
        }
    }
    text
}

/// Returns a string on one line with hidden characters escaped, because others chose it.
fn word(value: &Value) -> String {
    visible::line(value.as_str().unwrap_or_default()).into_owned()
}

/// Shortens a hash to 12 digits, as in the log.
fn short(id: &Value) -> String {
    id.as_str().and_then(|id| id.get(..12)).unwrap_or("none").to_owned()
}

fn time(unix_ms: &Value) -> String {
    let time = unix_ms.as_i64().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| "never".to_owned(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_for_people() {
        let response = json!({
            "version": "0.1.0",
            "last_tick_unix_ms": 1_795_269_720_000_i64,
            "rollout": {
                "running": {"bundle": "aa".repeat(32), "origin": "files", "since_unix_ms": 1_795_269_660_000_i64, "probation_ticks_left": 3},
                "latest": {"bundle": "bb".repeat(32), "state": "rejected", "why": "events: 0 instead of 5", "at_unix_ms": 1_795_269_700_000_i64},
                "enabled": true, "canary": {"share": 0.05, "this_node": false}, "needs_restart": false,
                "installed": 1, "rejected": 1, "rolled_back": 0,
                "good": "dd".repeat(32),
            },
            "pages": [
                {"sink": "scrape", "listen": "0.0.0.0:9465", "series": 2500, "bytes": 400_000, "scrapes": 7},
                {"sink": "other", "listen": "[::]:1", "series": null, "bytes": null, "scrapes": 0},
            ],
            "components": [{
                "pipeline": "node", "slot": "transform-1", "component": "file:decorate", "batches": 7, "failures": 1,
                "fallbacks": 1, "last_error": "trapped", "quarantined": ["pod uid-7"], "since_unix_ms": 1_795_269_660_000_i64,
                "versions": [{"origin": "current", "version": "0.1.0", "sha256": "cc".repeat(32), "given_up": true}],
            }],
        });
        let text = describe(&response, Samples::new(&Value::Null));
        for wanted in [
            "bundle      aaaaaaaaaaaa from files since 2026-11-21T",
            "3 probation ticks left",
            "last good   dddddddddddd",
            "in files    bbbbbbbbbbbb rejected at 2026-11-21T",
            ": events: 0 instead of 5",
            "on, 5% of the nodes, not including this node",
            "page        sink scrape at 0.0.0.0:9465: 2500 series, 400000 bytes, 7 scrapes\n",
            "page        sink other at [::]:1: waiting for the first tick, 0 scrapes\n",
            "node transform-1: file:decorate since 2026-11-21T14:01:00Z, 7 batches, 1 failed calls",
            "quarantined: pod uid-7",
            "disabled\n  quarantined: pod uid-7\n  last error: trapped",
        ] {
            assert!(text.contains(wanted), "{wanted} is not in\n{text}");
        }
    }

    #[test]
    fn a_page_tells_what_is_there_and_no_more() {
        let bundle = "aa".repeat(32);
        let text = describe(
            &json!({
                "version": "0.1.0",
                "rollout": {
                    "running": {"bundle": bundle, "origin": "defaults"},
                    "latest": {"bundle": bundle, "state": "installed", "why": ""},
                    "enabled": true, "canary": {"share": 1.0, "this_node": true},
                    "needs_restart": true, "restart_keys": ["interval", "sinks.logs"],
                    "installed": 0, "rejected": 0, "rolled_back": 0,
                },
                "components": [{"quarantined": ["pod a\u{1b}[2J\nlast tick   now\u{202e}"], "last_error": "x\ny"}],
            }),
            Samples::new(&Value::Null),
        );
        assert!(text.contains("bundle      aaaaaaaaaaaa from defaults since"), "{text}");
        assert!(!text.contains("in files") && !text.contains("last good"), "{text}");
        assert!(text.contains("rollout     on, 100% of the nodes, including this node"), "{text}");
        assert!(text.contains("restart     needed for changes of interval, sinks.logs\n"), "{text}");
        assert!(text.contains(r"quarantined: pod a\u{1b}[2J\nlast tick   now\u{202e}"), "{text}");
        assert!(text.contains(r"last error: x\ny"), "{text}");
    }

    #[test]
    fn an_agent_that_knows_nothing_yet() {
        let text = describe(
            &json!({"version": "0.1.0", "last_tick_unix_ms": null, "rollout": null, "components": null}),
            Samples::new(&Value::Null),
        );
        assert_eq!(text, "version     0.1.0\nlast tick   never\n");
    }
}
