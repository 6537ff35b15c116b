//! The formatter `prometheus`, compared with the kubelet's own `/metrics/cadvisor`.
//!
//! Rules and dashboards written for the kubelet's text must find the same here: each sample of the kubelet about a pod, a
//! container, an interface of a pod or the node, in a family that the formatter has for such an object, must have a series with
//! equal labels, whose values bound the kubelet's as in [`super::figures`].

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use insightd_tests::cadvisor::{self, Sample, container_id};

use super::figures::{Found, Table, near, place, slack_ms};
use crate::cluster;
use crate::settings::Settings;
use crate::suite::{Bench, Profile, Verdict};
use crate::tolerances::{self, Tolerance};
use crate::wait::{now_ms, until};

/// Number of requests to the kubelet, which has new values of every cgroup each time.
const SNAPSHOTS: usize = 3;

/// Families that differ on purpose; docs/prometheus.md has the reasons.
const DIFFERENT: &[&str] =
    &["container_spec_cpu_period", "container_spec_cpu_quota", "container_start_time_seconds"];

/// On cgroup v1, cAdvisor repeats the cgroup's own page faults as those of the cgroups below it.
fn is_different(sample: &Sample) -> bool {
    DIFFERENT.contains(&sample.name.as_str())
        || (sample.name == "container_memory_failures_total" && sample.label("scope") == "hierarchy")
}

/// Labels that tell series of a family apart, besides the object.
const PARTS: &[&str] = &["failure_type", "scope", "cpu"];

/// Families needed for the test to mean something.
const NEEDED: &[(&str, &str)] = &[
    ("Container", "container_cpu_usage_seconds_total"),
    ("Container", "container_memory_working_set_bytes"),
    ("Pod", "container_memory_rss"),
    ("Interface", "container_network_receive_bytes_total"),
    ("Node", "machine_memory_bytes"),
];

/// The object of a sample: its kind and its identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Object {
    kind: &'static str,
    identity: String,
}

impl Object {
    /// Returns `None` for sandboxes, groups of pods and what belongs to no pod, which the formatter leaves out.
    fn of(sample: &Sample) -> Option<Self> {
        let [id, namespace, pod, container, interface] =
            ["id", "namespace", "pod", "container", "interface"].map(|key| sample.label(key));
        let (kind, identity) = if id == "/" || sample.name.starts_with("machine_") {
            // Interfaces and file systems of the node have families of their own.
            let is_whole = interface.is_empty() && sample.label("device").is_empty();
            ("Node", if is_whole { String::new() } else { return None })
        } else if pod.is_empty() {
            return None;
        } else if !interface.is_empty() {
            ("Interface", format!("{namespace}/{pod} {interface}"))
        } else if !container.is_empty() && container != "POD" {
            // Containers that follow each other have the same names.
            let id = container_id(id).unwrap_or("");
            ("Container", format!("{namespace}/{pod}/{container} {id}"))
        } else if container_id(id).is_none() {
            ("Pod", format!("{namespace}/{pod}"))
        } else {
            return None;
        };
        Some(Self { kind, identity })
    }
}

/// A series: family, object, and the labels of [`PARTS`].
type Key = (String, Object, Vec<String>);

fn key(sample: &Sample) -> Option<Key> {
    let parts = PARTS.iter().map(|part| sample.label(part).to_owned()).collect();
    Some((sample.name.clone(), Object::of(sample)?, parts))
}

/// Series of the agent: labels, and values in the order of their ticks.
#[derive(Default)]
struct Series {
    labels: BTreeMap<String, String>,
    values: Vec<(u64, f64)>,
}

pub(crate) fn run(bench: &mut Bench) -> Result<Verdict> {
    let pod = bench.agent(Profile::Dialect)?;
    let settings = bench.settings.clone();
    let since = now_ms();
    let wait_for_ticks = |since: u64, count: usize| {
        let limit = settings.interval() * (count as u32 + 5) + Duration::from_secs(20) * settings.patience();
        until(limit, &format!("{count} ticks of {}", pod.name), || {
            let samples = pod.output(&settings, since)?.samples;
            let ticks: BTreeSet<u64> = samples.iter().filter_map(|sample| sample.time_unix_ms).collect();
            Ok(if ticks.len() >= count { Ok(()) } else { Err(format!("{} so far", ticks.len())) })
        })
    };
    // Two ticks give a lower bound, the ones at the end an upper one.
    wait_for_ticks(since, 2)?;
    let node = cluster::kubectl(&["get", "nodes", "-o", "name"])?;
    let path = format!("/api/v1/nodes/{}/proxy/metrics/cadvisor", node.trim().trim_start_matches("node/"));
    let mut snapshots = Vec::new();
    for _ in 0..SNAPSHOTS {
        thread::sleep(Duration::from_secs(12) * settings.patience().min(3));
        snapshots.push(cadvisor::parse(&cluster::kubectl(&["get", "--raw", &path])?));
    }
    wait_for_ticks(now_ms(), 3)?;
    let ours = series(pod.output(&settings, since)?.samples);
    compare(&settings, &ours, &lasting(&snapshots))?;
    Ok(Verdict::Passed)
}

fn series(samples: Vec<Sample>) -> BTreeMap<Key, Series> {
    let mut ours: BTreeMap<Key, Series> = BTreeMap::new();
    for sample in samples {
        let (Some(key), Some(time)) = (key(&sample), sample.time_unix_ms) else { continue };
        let series = ours.entry(key).or_default();
        series.values.push((time, sample.value));
        series.labels = sample.labels;
    }
    ours
}

/// Returns the samples of objects that existed all the time.
fn lasting(snapshots: &[Vec<Sample>]) -> Vec<Sample> {
    let keys = |samples: &[Sample]| samples.iter().filter_map(key).collect::<BTreeSet<Key>>();
    let always = snapshots.iter().map(|samples| keys(samples)).reduce(|all, keys| &all & &keys);
    let always = always.unwrap_or_default();
    let is_lasting = |sample: &&Sample| key(sample).is_some_and(|key| always.contains(&key));
    snapshots.iter().flatten().filter(is_lasting).cloned().collect()
}

fn compare(settings: &Settings, ours: &BTreeMap<Key, Series>, theirs: &[Sample]) -> Result<()> {
    let tolerances = tolerances::read(&settings.tolerances)?;
    let families: BTreeSet<(&str, &str)> =
        ours.keys().map(|(family, object, _)| (family.as_str(), object.kind)).collect();
    let in_node_network = pods_in_node_network()?;
    let (mut table, mut wrong, mut labels) = (Table::default(), Vec::new(), BTreeSet::new());
    for theirs in sum_devices(theirs) {
        let Some(key) = key(&theirs) else { continue };
        let (family, object, parts) = &key;
        let is_shared = families.contains(&(family.as_str(), object.kind));
        if !is_shared || is_different(&theirs) {
            continue;
        }
        let what = format!("{} {family}", object.kind);
        let Some(found) = ours.get(&key) else {
            // cAdvisor has zeros for what does not exist, and repeats the node's interfaces for pods in its network.
            let is_of_node = in_node_network.contains(object.identity.split(' ').next().unwrap_or(""));
            let is_known = theirs.value == 0.0 || (object.kind == "Interface" && is_of_node);
            table.count(&what, Found::Absent);
            if !is_known {
                wrong.push(format!(
                    "{family} of {}: absent, the kubelet has {}",
                    object.identity, theirs.value
                ));
            }
            continue;
        };
        for (label, value) in &theirs.labels {
            let Some(ours) = found.labels.get(label) else { continue };
            labels.insert(label.clone());
            if ours != value {
                wrong.push(format!(
                    "{family} of {}: {label}={ours:?}, the kubelet has {value:?}",
                    object.identity
                ));
            }
        }
        let (placed, why) = value(settings, &tolerances, found, &theirs, object.kind);
        table.count(&what, placed);
        if placed == Found::Outside {
            wrong.push(format!("{family}{parts:?} of {}: {why}", object.identity));
        }
    }
    table.print();
    println!("  equal labels: {labels:?}");
    if !wrong.is_empty() {
        bail!("{} samples differ: {}", wrong.len(), wrong[..wrong.len().min(12)].join("; "));
    }
    for (kind, family) in NEEDED {
        if table.0.get(&format!("{kind} {family}")).is_none_or(|row| row[0] + row[1] == 0) {
            bail!("{family} of a {kind} was never compared");
        }
    }
    for needed in ["container", "id", "image", "interface", "name", "namespace", "pod"] {
        if !labels.contains(needed) {
            bail!("the label {needed} was never compared");
        }
    }
    Ok(())
}

/// Compares a value of the kubelet with those of the series around its time.
fn value(
    settings: &Settings,
    tolerances: &[Tolerance],
    ours: &Series,
    theirs: &Sample,
    kind: &str,
) -> (Found, String) {
    let slack_ms = slack_ms(settings);
    let stamp_ms = theirs.time_unix_ms.unwrap_or(0);
    if theirs.name.ends_with("_total") || theirs.name == "container_memory_failcnt" {
        return place(ours.values.iter().copied(), theirs.value, stamp_ms, slack_ms);
    }
    let span_ms = settings.interval().as_millis() as u64 * 2 + slack_ms;
    let is_around = |time: u64| stamp_ms == 0 || time.abs_diff(stamp_ms) <= span_ms;
    let around: Vec<f64> =
        ours.values.iter().filter(|(time, _)| is_around(*time)).map(|(_, value)| *value).collect();
    let row = tolerances.iter().find(|row| row.theirs == theirs.name && row.kind == kind);
    // What else runs on the machine moves its memory by more than a tolerance between two ticks; `figures` compares it.
    if kind == "Node" && row.is_some_and(|row| row.slack(0.0) > 0.0) {
        return (Found::OneSided, String::new());
    }
    near(&around, theirs.value, row.map_or(0.0, |row| row.slack(theirs.value)))
}

/// Returns each sample once, those of several devices as one: the formatter has their sum.
fn sum_devices(samples: &[Sample]) -> Vec<Sample> {
    /// Name, labels and time.
    type Identity = (String, BTreeMap<String, String>, Option<u64>);
    let mut sums: BTreeMap<Identity, BTreeMap<String, f64>> = BTreeMap::new();
    for sample in samples {
        let mut labels = sample.labels.clone();
        let is_io = sample.name.starts_with("container_fs_") && sample.name.ends_with("_total");
        let is_summed = is_io && !sample.name.contains("inodes") && sample.label("id") != "/";
        let device = if is_summed { labels.remove("device").unwrap_or_default() } else { String::new() };
        sums.entry((sample.name.clone(), labels, sample.time_unix_ms))
            .or_default()
            .insert(device, sample.value);
    }
    sums.into_iter()
        .map(|((name, labels, time_unix_ms), devices)| Sample {
            name,
            labels,
            value: devices.values().sum(),
            time_unix_ms,
        })
        .collect()
}

/// Returns `NAMESPACE/POD` of pods in the network of the node.
fn pods_in_node_network() -> Result<BTreeSet<String>> {
    let pods = cluster::list(&["pods", "--all-namespaces"])?;
    let in_node_network = pods.iter().filter(|pod| pod["spec"]["hostNetwork"] == true);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("").to_owned();
    Ok(in_node_network
        .map(|pod| format!("{}/{}", text(&pod["metadata"]["namespace"]), text(&pod["metadata"]["name"])))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_several_devices_are_one() {
        let text = "container_fs_reads_total{container=\"a\",device=\"/dev/vda\",id=\"/k/x\",namespace=\"n\",pod=\"p\"} 3 1000\n\
                    container_fs_reads_total{container=\"a\",device=\"/dev/vdb\",id=\"/k/x\",namespace=\"n\",pod=\"p\"} 4 1000\n\
                    container_fs_reads_total{container=\"a\",device=\"/dev/vdb\",id=\"/k/x\",namespace=\"n\",pod=\"p\"} 4 1000\n";
        let sums = sum_devices(&cadvisor::parse(text));
        assert_eq!(sums.len(), 1);
        assert_eq!((sums[0].value, sums[0].label("device")), (7.0, ""));
        assert_eq!(Object::of(&sums[0]), Some(Object { kind: "Container", identity: "n/p/a ".to_owned() }));
    }

    #[test]
    fn sandboxes_and_groups_have_no_series() {
        let id = "a".repeat(64);
        let of =
            |labels: String| Object::of(&cadvisor::parse(&format!("container_memory_rss{{{labels}}} 1"))[0]);
        assert_eq!(of(format!("id=\"/kubepods/pod1/{id}\",namespace=\"n\",pod=\"p\"")), None);
        assert_eq!(of("id=\"/kubepods\"".to_owned()), None);
        assert_eq!(
            of("id=\"/kubepods/pod1\",namespace=\"n\",pod=\"p\"".to_owned()).map(|one| one.kind),
            Some("Pod")
        );
        assert_eq!(of("id=\"/\"".to_owned()).map(|one| one.kind), Some("Node"));
        assert_eq!(of("id=\"/\",device=\"/dev/vda\"".to_owned()), None);
    }
}
