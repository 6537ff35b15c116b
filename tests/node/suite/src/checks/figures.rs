//! Counters and gauges, compared with the kubelet's values.
//!
//! cAdvisor inside the kubelet reads each cgroup every 10 to 30 seconds and timestamps its samples. The agent reads all
//! cgroups at every tick. Therefore a counter of cAdvisor lies between the agent's values of the last tick before its
//! timestamp and the first tick after it, and a gauge within the tolerance of the agent's values around its timestamp. The
//! agent's values are raw counters from its second pipeline.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use insightd_tests::cadvisor::{self, Sample};
use serde_json::Value;

use crate::cluster;
use crate::counters::{COUNTERS, subject, subject_of};
use crate::event::{Event, Output};
use crate::settings::{NodeKind, Settings};
use crate::suite::{Bench, Profile, Verdict};
use crate::tolerances::{self, Tolerance};
use crate::wait::now_ms;

/// Number of requests to the kubelet, which has new values of every cgroup each time.
const SNAPSHOTS: usize = 3;

/// The agent's events by subject, in the order of their ticks.
type Series<'a> = BTreeMap<String, Vec<&'a Event>>;

/// A value of the kubelet: subject, value and time.
#[derive(Clone, Debug)]
struct Theirs {
    subject: String,
    value: f64,
    /// Timestamp of cAdvisor; `None` if the value was read at some time of the test.
    stamp_ms: Option<u64>,
}

/// Counts per metric, by [`Found`].
#[derive(Default)]
pub(crate) struct Table(pub(crate) BTreeMap<String, [usize; 5]>);

/// Results of a comparison, the columns of the table: equal, between two values (or within the tolerance), no bound on one
/// side, outside, absent in the agent's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Equal = 0,
    Between = 1,
    OneSided = 2,
    Outside = 3,
    Absent = 4,
}

pub(crate) fn run(bench: &mut Bench) -> Result<Verdict> {
    let pod = bench.agent(Profile::Quick)?;
    let settings = bench.settings.clone();
    let since = now_ms();
    // Two ticks give a lower bound.
    pod.wait_for_ticks(&settings, since, "Node", 2)?;
    let node = cluster::kubectl(&["get", "nodes", "-o", "name"])?;
    let proxy = format!("/api/v1/nodes/{}/proxy", node.trim().trim_start_matches("node/"));
    let mut samples = Vec::new();
    let mut summary = Value::Null;
    for _ in 0..SNAPSHOTS {
        thread::sleep(Duration::from_secs(12) * settings.patience().min(3));
        samples.extend(cadvisor::parse(&cluster::kubectl(&[
            "get",
            "--raw",
            &format!("{proxy}/metrics/cadvisor"),
        ])?));
        summary =
            serde_json::from_str(&cluster::kubectl(&["get", "--raw", &format!("{proxy}/stats/summary")])?)?;
    }
    // Two more ticks give an upper bound.
    pod.wait_for_ticks(&settings, now_ms(), "Node", 2)?;
    let output = pod.output(&settings, since)?;

    let mut table = Table::default();
    let mut wrong = compare_counters(&settings, &output, &samples, &mut table);
    wrong.extend(compare_gauges(&settings, &output, &samples, &summary, &mut table)?);
    table.print();
    let compared: usize = table.0.values().map(|row| row[0] + row[1]).sum();
    if compared < 300 {
        bail!("only {compared} values are bounded on both sides");
    }
    for needed in ["cpu.usage_ns", "memory.pgfault", "network.rx_bytes"] {
        if !table.0.iter().any(|(metric, row)| metric.contains(needed) && row[0] + row[1] > 0) {
            bail!("{needed} was never compared");
        }
    }
    if !wrong.is_empty() {
        bail!("{} values are out of bounds: {}", wrong.len(), wrong[..wrong.len().min(12)].join("; "));
    }
    Ok(Verdict::Passed)
}

fn series<'a>(events: impl Iterator<Item = &'a Event>) -> Series<'a> {
    let mut series = Series::new();
    for event in events {
        series.entry(subject_of(event)).or_default().push(event);
    }
    series
}

/// Returns the maximum distance of a reading from its timestamp, and from the time of the agent's tick.
pub(crate) fn slack_ms(settings: &Settings) -> u64 {
    match settings.node {
        NodeKind::V1 => 300,
        NodeKind::V2 => 3000,
    }
}

fn compare_counters(
    settings: &Settings,
    output: &Output,
    samples: &[Sample],
    table: &mut Table,
) -> Vec<String> {
    let ours = series(output.raw());
    let mut wrong = Vec::new();
    // On cgroup v1 cAdvisor reports zeros for pressure, which it does not read there.
    let v1 = settings.node == NodeKind::V1 && std::path::Path::new("/sys/fs/cgroup/cpu").exists();
    for counter in
        COUNTERS.iter().filter(|counter| !(v1 && counter.family.starts_with("container_pressure_")))
    {
        let mut seen = BTreeSet::new();
        for theirs in sum_devices(samples.iter().filter(|sample| counter.is(sample))) {
            // A sample recurs in several snapshots until cAdvisor has read again.
            if !seen.insert((theirs.subject.clone(), theirs.stamp_ms)) {
                continue;
            }
            let kind = theirs.subject.split(' ').next().unwrap_or("");
            let Some(events) = ours.get(&theirs.subject) else { continue };
            let value = theirs.value * counter.scale;
            let readings =
                events.iter().filter_map(|event| Some((event.time_ms, event.figure(counter.ours)?)));
            let (found, why) = place(readings, value, theirs.stamp_ms.unwrap_or(0), slack_ms(settings));
            table.count(&format!("{kind} {}", counter.ours), found);
            if matches!(found, Found::Outside) {
                wrong.push(format!("{} of {}: {why}", counter.ours, theirs.subject));
            }
            // cAdvisor reports zeros for values that the kernel does not count.
            if matches!(found, Found::Absent) && value > 0.0 {
                wrong.push(format!(
                    "{} of {}: absent, the kubelet reports {value}",
                    counter.ours, theirs.subject
                ));
            }
        }
    }
    wrong
}

/// Sums the samples of pods and containers over all devices; those of the node stay per device.
fn sum_devices<'a>(samples: impl Iterator<Item = &'a Sample>) -> Vec<Theirs> {
    let mut found: Vec<Theirs> = Vec::new();
    for sample in samples {
        let Some(subject) = subject(sample) else { continue };
        // Rows of file systems are mixed with those of devices.
        if subject.starts_with("NodeDiskIO") && !sample.label("device").starts_with("/dev/") {
            continue;
        }
        let stamp_ms = sample.time_unix_ms;
        match found.iter_mut().find(|known| known.subject == subject && known.stamp_ms == stamp_ms) {
            Some(known) if !sample.label("device").is_empty() && !subject.starts_with("Node") => {
                known.value += sample.value
            }
            // The same sample in a later snapshot.
            Some(_) => {}
            None => found.push(Theirs { subject, value: sample.value, stamp_ms }),
        }
    }
    found
}

/// Compares a counter of the kubelet with the agent's values before and after it.
pub(crate) fn place(
    readings: impl DoubleEndedIterator<Item = (u64, f64)> + Clone,
    theirs: f64,
    stamp_ms: u64,
    slack_ms: u64,
) -> (Found, String) {
    let before = readings.clone().rfind(|(time, _)| time + slack_ms <= stamp_ms);
    let after = readings.clone().find(|(time, _)| *time >= stamp_ms + slack_ms);
    if readings.clone().next().is_none() {
        return (Found::Absent, String::new());
    }
    // Seconds are floats with nanosecond resolution; microseconds are rounded down.
    let tolerance = 1.0 + theirs * 1e-15;
    let why = || format!("{before:?} before, {theirs} at {stamp_ms}, {after:?} after");
    if before.is_some_and(|(_, value)| theirs + tolerance < value)
        || after.is_some_and(|(_, value)| theirs > value + tolerance)
    {
        return (Found::Outside, why());
    }
    match (before, after) {
        (Some(before), Some(after)) if before.1 == after.1 => (Found::Equal, String::new()),
        (Some(_), Some(_)) => (Found::Between, String::new()),
        _ => (Found::OneSided, String::new()),
    }
}

fn compare_gauges(
    settings: &Settings,
    output: &Output,
    samples: &[Sample],
    summary: &Value,
    table: &mut Table,
) -> Result<Vec<String>> {
    let raw = series(output.raw());
    let published = series(output.events.iter().filter(|event| !event.is_raw()));
    let span_ms = settings.interval().as_millis() as u64 * 2 + slack_ms(settings);
    let mut wrong = Vec::new();
    for row in tolerances::read(&settings.tolerances)? {
        let all = if row.ours.contains('.') { &raw } else { &published };
        for theirs in gauges(&row, samples, summary) {
            let Some(events) = all.get(&theirs.subject) else { continue };
            let around = |event: &&&Event| {
                theirs.stamp_ms.is_none_or(|stamp| event.time_ms.abs_diff(stamp) <= span_ms)
            };
            let values: Vec<f64> =
                events.iter().filter(around).filter_map(|event| event.figure(&row.ours)).collect();
            let (found, why) = near(&values, theirs.value, row.slack(theirs.value));
            table.count(&format!("{} {}", row.kind, row.ours), found);
            if matches!(found, Found::Outside) {
                wrong.push(format!("{} of {}: {why}", row.ours, theirs.subject));
            }
        }
    }
    Ok(wrong)
}

/// Compares a gauge of the kubelet with the agent's values around its time. Without any, it was not read around that time, or
/// the kernel has no value, where cAdvisor reports 0.
pub(crate) fn near(values: &[f64], theirs: f64, slack: f64) -> (Found, String) {
    let (least, greatest) = values
        .iter()
        .fold((f64::MAX, f64::MIN), |(least, greatest), value| (least.min(*value), greatest.max(*value)));
    if values.is_empty() {
        (Found::Absent, String::new())
    } else if least == theirs && greatest == theirs {
        (Found::Equal, String::new())
    } else if theirs + slack >= least && theirs - slack <= greatest {
        (Found::Between, String::new())
    } else {
        (Found::Outside, format!("the agent reports {least} to {greatest}, the kubelet {theirs}"))
    }
}

/// Returns the kubelet's values for one row of the tolerance table.
fn gauges(row: &Tolerance, samples: &[Sample], summary: &Value) -> Vec<Theirs> {
    if row.source == "summary" {
        return summary_figures(row, summary);
    }
    let mut seen = BTreeSet::new();
    let named = samples.iter().filter(|sample| sample.name == row.theirs);
    named
        .filter_map(|sample| {
            Some(Theirs { subject: subject(sample)?, value: sample.value, stamp_ms: sample.time_unix_ms })
        })
        .filter(|theirs| theirs.subject.split(' ').next() == Some(&row.kind))
        // cAdvisor reports a missing limit as 0, the agent does not report it.
        .filter(|theirs| !row.theirs.contains("spec_memory_limit") || theirs.value > 0.0)
        .filter(|theirs| seen.insert((theirs.subject.clone(), theirs.stamp_ms)))
        .collect()
}

/// Returns values of `/stats/summary`. It has names of containers instead of ids, so the ids in events are looked up by
/// name.
fn summary_figures(row: &Tolerance, summary: &Value) -> Vec<Theirs> {
    let mut found = Vec::new();
    for pod in summary["pods"].as_array().into_iter().flatten() {
        let text = |key: &str| pod["podRef"][key].as_str().unwrap_or("");
        for container in pod["containers"].as_array().into_iter().flatten() {
            let figure = row.theirs.split('.').fold(container, |value, key| &value[key]);
            let (Some(value), Some(name)) = (figure.as_f64(), container["name"].as_str()) else { continue };
            let id = container_id(text("namespace"), text("name"), name);
            found.extend(id.map(|id| Theirs {
                subject: format!("{} {id}", row.kind),
                value,
                stamp_ms: None,
            }));
        }
    }
    found
}

/// Returns the id of a running container, by its names.
fn container_id(namespace: &str, pod: &str, container: &str) -> Option<String> {
    let path = format!(
        "jsonpath={{.status.containerStatuses[?(@.name==\"{container}\")].containerID}}{{.status.initContainerStatuses[?(@.name==\"{container}\")].containerID}}"
    );
    let id = cluster::kubectl(&["-n", namespace, "get", "pod", pod, "-o", &path]).ok()?;
    Some(id.rsplit('/').next()?.to_owned())
}

impl Table {
    pub(crate) fn count(&mut self, metric: &str, found: Found) {
        self.0.entry(metric.to_owned()).or_default()[found as usize] += 1;
    }

    pub(crate) fn print(&self) {
        println!(
            "  {:44} {:>7} {:>8} {:>9} {:>8} {:>7}",
            "metric", "equal", "between", "one side", "outside", "absent"
        );
        for (metric, [equal, between, one_sided, outside, absent]) in &self.0 {
            println!("  {metric:44} {equal:7} {between:8} {one_sided:9} {outside:8} {absent:7}");
        }
    }
}
