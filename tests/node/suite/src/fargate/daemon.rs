//! Compares the values with those that the DaemonSet's reader recorded of the same pods at the same time.
//!
//! Both readers see the same kernel, but cAdvisor reads a cgroup every 10 s or less often, with a time stamp. So a counter lies
//! between the DaemonSet's readings before and after that time, and a gauge within `tolerances.tsv` of those around it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::batch::{Recorded, attribute, current, walk};
use super::labelled_pods;
use super::published::{GAUGES, Published, known, subject_of};
use crate::agent::{self, AgentPod, Component, NAMESPACE};
use crate::checks::figures::slack_ms;
use crate::cluster;
use crate::counters::COUNTERS;
use crate::settings::Settings;
use crate::tolerances::{self, Tolerance};

/// Time that the DaemonSet records earlier: the kubelet may publish values that were read this long ago.
pub(super) const LEAD: Duration = Duration::from_secs(25);
/// Number of its ticks, at an interval of 3 s: both recordings and some more.
pub(super) const TICKS: usize = 60;

/// Name of the working set, which the DaemonSet's reader leaves to `utilization`.
const WORKING_SET: &str = "memory.working_set_bytes";

/// Removes the affinity of the DaemonSet, which keeps it from Fargate nodes, and returns its pod on this one.
pub(super) fn deploy() -> Result<AgentPod> {
    let patch = r#"[{"op": "remove", "path": "/spec/template/spec/affinity"}]"#;
    cluster::kubectl(&["-n", NAMESPACE, "patch", "daemonset", "insightd", "--type=json", "-p", patch])?;
    cluster::kubectl(&["-n", NAMESPACE, "rollout", "status", "daemonset", "insightd", "--timeout=90s"])?;
    agent::pods(Component::Node)?.pop().context("the DaemonSet has no pod")
}

/// A pod, container or interface: the pod's uid, then the container's id or the name of the interface.
type Subject = (String, String);

/// The DaemonSet's values by subject and raw name, in the order of their ticks.
type Series = BTreeMap<(Subject, &'static str), Vec<(u64, f64)>>;

/// Result of a comparison, the best one first; also the columns of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    /// Equal to both readings.
    Equal,
    /// Between two readings, or within the tolerance.
    Between,
    /// There is no reading on one side.
    OneSided,
    Outside,
    /// The DaemonSet has no such value.
    Absent,
}

pub(super) fn check(
    settings: &Settings,
    ours: &[Recorded],
    of_daemon: &[Recorded],
    published: &Published,
) -> Result<()> {
    let tolerances = tolerances::read(&settings.tolerances)?;
    let series = series(of_daemon);
    let slack_ms = slack_ms(settings);
    let span_ms = 2 * settings.interval().as_millis() as u64 + slack_ms;
    let mut table: BTreeMap<&'static str, [usize; 5]> = BTreeMap::new();
    let (mut wrong, mut compared) = (Vec::new(), BTreeSet::new());
    for batch in ours {
        walk(&batch.root, None, &mut |entity, parent| {
            let (Some(key), Some(subject)) = (subject_of(entity, parent), subject(entity, parent)) else {
                return;
            };
            for (name, value) in values(entity) {
                let Some(bound) = bound(name, &subject, &tolerances) else { continue };
                let readings = series.get(&(subject.clone(), name)).map_or(&[][..], Vec::as_slice);
                // The kubelet may have published the same value at several times.
                let times = published.times_of(&(key.clone(), name), value);
                let found = times.iter().map(|&read_at| match bound {
                    _ if readings.is_empty() => Found::Absent,
                    Bound::Readings => between(readings, value, read_at, slack_ms),
                    Bound::Tolerance(row) => near(readings, value, row.slack(value), read_at, span_ms),
                });
                // A value that was not in the text is a matter of the comparison with the text.
                let Some(found) = found.min() else { continue };
                table.entry(name).or_default()[found as usize] += 1;
                let is_bounded = matches!(found, Found::Equal | Found::Between);
                if is_bounded && name == "cpu.usage_ns" {
                    compared.insert(subject.0.clone());
                }
                // cAdvisor has zeros for values that the kernel does not count. Gauges outside are bounded below.
                let is_wrong = match found {
                    Found::Outside => matches!(bound, Bound::Readings),
                    Found::Absent => value > 0.0,
                    _ => false,
                };
                if is_wrong {
                    let around: Vec<_> = readings
                        .iter()
                        .filter(|(time, _)| times.iter().any(|read_at| time.abs_diff(*read_at) <= span_ms))
                        .collect();
                    wrong.push(format!(
                        "{name} of {subject:?}: {value} at {times:?}, the DaemonSet {around:?}"
                    ));
                }
            }
        });
    }
    println!(
        "  {:28} {:>7} {:>8} {:>9} {:>8} {:>7}",
        "beside the DaemonSet", "equal", "between", "one side", "outside", "absent"
    );
    for (name, [equal, between, one_sided, outside, absent]) in &table {
        println!("  {name:28} {equal:7} {between:8} {one_sided:9} {outside:8} {absent:7}");
    }
    if !wrong.is_empty() {
        bail!("{} values are not the DaemonSet's: {}", wrong.len(), wrong[..wrong.len().min(12)].join("; "));
    }
    if let Some((name, row)) = table.iter().find(|(_, row)| too_many_outside(row)) {
        bail!(
            "{name}: {} of {} values are outside its tolerance",
            row[Found::Outside as usize],
            row.iter().sum::<usize>()
        );
    }
    for needed in ["cpu.usage_ns", "memory.usage_bytes", WORKING_SET, "network.rx_bytes"] {
        if table.get(needed).is_none_or(|row| row[0] + row[1] == 0) {
            bail!("{needed} was never compared with the DaemonSet");
        }
    }
    let pods = labelled_pods()?;
    let missing = pods.iter().filter_map(|pod| pod["metadata"]["uid"].as_str());
    let missing: Vec<&str> = missing.filter(|uid| !compared.contains(*uid)).collect();
    if !missing.is_empty() {
        bail!("CPU time of {} pods was never compared: {missing:?}", missing.len());
    }
    println!("  {} pods, each with values between two of the DaemonSet", compared.len());
    Ok(())
}

/// Returns whether more than one of a hundred values is outside, or more than one of few. A gauge can rise and fall between two
/// readings of the DaemonSet, and only cAdvisor reads it then.
fn too_many_outside(row: &[usize; 5]) -> bool {
    row[Found::Outside as usize] > 1 + row.iter().sum::<usize>() / 100
}

/// Bound of a value.
enum Bound<'t> {
    /// The DaemonSet's readings before and after it.
    Readings,
    /// The tolerance of the DaemonSet's readings around it.
    Tolerance(&'t Tolerance),
}

/// Returns the bound of a value; `None` if there is none, as of limits, which are compared exactly.
fn bound<'t>(name: &str, subject: &Subject, tolerances: &'t [Tolerance]) -> Option<Bound<'t>> {
    if COUNTERS.iter().any(|counter| counter.ours == name) {
        return Some(Bound::Readings);
    }
    let (theirs, _) = GAUGES.iter().find(|(_, ours)| *ours == name)?;
    let kind = if subject.1.is_empty() { "Pod" } else { "Container" };
    tolerances.iter().find(|row| row.theirs == *theirs && row.kind == kind).map(Bound::Tolerance)
}

/// Returns the subject of a cgroup, or of an interface below one.
fn subject(entity: &Value, parent: Option<&Value>) -> Option<Subject> {
    let (cgroup, part) = match entity["kind"].as_str()? {
        "cgroup" => (entity, attribute(entity, "container.id")),
        "interface" => (parent?, entity["id"].as_str()?),
        _ => return None,
    };
    let uid = attribute(cgroup, "pod.uid");
    (!uid.is_empty()).then(|| (uid.to_owned(), part.to_owned()))
}

/// Returns the values of an entity that the test compares.
fn values(entity: &Value) -> impl Iterator<Item = (&'static str, f64)> {
    [&entity["counters"], &entity["gauges"]]
        .into_iter()
        .flat_map(|values| values.as_object().into_iter().flatten())
        .filter_map(|(name, value)| Some((known(name)?, current(value)?)))
}

fn series(batches: &[Recorded]) -> Series {
    let mut series = Series::new();
    for batch in batches {
        walk(&batch.root, None, &mut |entity, parent| {
            let Some(subject) = subject(entity, parent) else { return };
            let gauge = |name: &str| entity["gauges"][name].as_f64();
            let working_set = gauge("memory.usage_bytes")
                .zip(gauge("memory.inactive_file_bytes"))
                .map(|(usage, inactive)| (WORKING_SET, (usage - inactive).max(0.0)));
            for (name, value) in values(entity).chain(working_set) {
                series.entry((subject.clone(), name)).or_default().push((batch.time_ms, value));
            }
        });
    }
    series
}

/// Compares a counter with the readings before and after its time. A tick reads at some time until the next tick, late on a busy
/// machine.
fn between(readings: &[(u64, f64)], value: f64, read_at: u64, slack_ms: u64) -> Found {
    let before = readings.windows(2).rfind(|pair| pair[1].0 + slack_ms <= read_at).map(|pair| pair[0].1);
    let after = readings.iter().find(|(time, _)| *time >= read_at + slack_ms).map(|(_, value)| *value);
    // Values of the kubelet in seconds are floats: they may differ in the last digits.
    let tolerance = 1.0 + value * 1e-15;
    if before.is_some_and(|before| value + tolerance < before)
        || after.is_some_and(|after| value > after + tolerance)
    {
        return Found::Outside;
    }
    match (before, after) {
        (Some(before), Some(after)) if before == after => Found::Equal,
        (Some(_), Some(_)) => Found::Between,
        _ => Found::OneSided,
    }
}

/// Compares a gauge with the readings around its time.
fn near(readings: &[(u64, f64)], value: f64, slack: f64, read_at: u64, span_ms: u64) -> Found {
    let around = readings.iter().filter(|(time, _)| time.abs_diff(read_at) <= span_ms);
    let range = around.fold(None, |range: Option<(f64, f64)>, (_, value)| {
        let (least, greatest) = range.unwrap_or((*value, *value));
        Some((least.min(*value), greatest.max(*value)))
    });
    match range {
        None => Found::OneSided,
        Some((least, greatest)) if least == value && greatest == value => Found::Equal,
        Some((least, greatest)) if value + slack >= least && value - slack <= greatest => Found::Between,
        Some(_) => Found::Outside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_lies_between_the_readings_around_its_time() {
        let readings = [(1000, 10.0), (4000, 20.0), (7000, 30.0), (10_000, 30.0), (13_000, 30.0)];
        for (value, read_at, found) in [
            (15.0, 5500, Found::Between),
            (8.0, 5500, Found::Outside),
            (31.0, 5500, Found::Between),
            (32.0, 5500, Found::Outside),
            (30.0, 10_500, Found::Equal),
            (28.0, 10_500, Found::Outside),
            // Within the slack of a tick, whose reading may be from before or after it.
            (12.0, 4100, Found::OneSided),
            (9.0, 500, Found::OneSided),
            (12.0, 500, Found::Outside),
            (40.0, 14_000, Found::OneSided),
        ] {
            assert_eq!(between(&readings, value, read_at, 300), found, "{value} at {read_at}");
        }
    }

    #[test]
    fn a_gauge_is_near_the_readings_around_its_time() {
        let readings = [(1000, 100.0), (4000, 110.0), (40_000, 500.0)];
        for (value, read_at, found) in [
            (105.0, 3000, Found::Between),
            (118.0, 3000, Found::Between),
            (121.0, 3000, Found::Outside),
            (89.0, 3000, Found::Outside),
            (500.0, 40_000, Found::Equal),
            (500.0, 20_000, Found::OneSided),
        ] {
            assert_eq!(near(&readings, value, 10.0, read_at, 6000), found, "{value} at {read_at}");
        }
    }

    #[test]
    fn of_a_gauge_one_value_in_a_hundred_may_be_outside() {
        for (row, is_too_many) in [
            ([0, 20, 0, 1, 0], false),
            ([0, 20, 0, 2, 0], true),
            ([650, 100, 0, 8, 0], false),
            ([650, 40, 0, 8, 0], true),
        ] {
            assert_eq!(too_many_outside(&row), is_too_many, "{row:?}");
        }
    }

    #[test]
    fn tolerances_are_those_of_the_kind() {
        let table = concat!(env!("CARGO_MANIFEST_DIR"), "/../tolerances.tsv");
        let tolerances = tolerances::read(std::path::Path::new(table)).expect("the table");
        let (pod, container) = (("u".to_owned(), String::new()), ("u".to_owned(), "c".to_owned()));
        let slack = |name, subject| match bound(name, subject, &tolerances)? {
            Bound::Readings => None,
            Bound::Tolerance(row) => Some(row.slack(0.0)),
        };
        assert!(matches!(bound("cpu.usage_ns", &pod, &tolerances), Some(Bound::Readings)));
        assert_eq!(slack(WORKING_SET, &pod), Some(1_048_576.0));
        assert_eq!(slack("pids.current", &container), Some(2.0));
        assert_eq!(slack("memory.limit_bytes", &container), Some(0.0));
        assert_eq!(slack("memory.limit_bytes", &pod), None);
        assert_eq!(slack("cpu.shares", &pod), None);
    }
}
