//! Compares the values of batches with those that the kubelet published.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::Value;

use super::batch::walk;
use super::published::{GAUGES, Published};
use crate::counters::COUNTERS;

/// Checks that each value is one that the kubelet published, and each pair of readings two of them, as far apart.
pub(super) fn check(recorded: &[Value], published: &Published) -> Result<()> {
    let mut table: BTreeMap<&'static str, [usize; 3]> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut check = |subject: String, name: &str, value: &Value| {
        let names = COUNTERS.iter().map(|counter| counter.ours).chain(GAUGES.iter().map(|(_, ours)| *ours));
        let Some(name) = names.into_iter().find(|known| *known == name) else { return };
        let key = (subject, name);
        let Some(series) = published.series(&key) else {
            wrong.push(format!("{name} of {}: the kubelet has none", key.0));
            return;
        };
        let numbers: Vec<f64> = match value {
            Value::Array(readings) => readings.iter().filter_map(Value::as_f64).collect(),
            one => one.as_f64().into_iter().collect(),
        };
        let current = numbers.first().copied().unwrap_or(f64::NAN);
        let at = published.times_of(&key, current);
        let is_equal = match numbers[..] {
            [_, previous, elapsed_ns] if elapsed_ns > 0.0 => {
                let before = published.times_of(&key, previous);
                let is_apart =
                    |(at, before): (u64, u64)| at.saturating_sub(before) as f64 * 1e6 == elapsed_ns;
                at.iter().flat_map(|at| before.iter().map(move |before| (*at, *before))).any(is_apart)
            }
            _ => !at.is_empty(),
        };
        let (least, greatest) = series
            .values()
            .fold((f64::MAX, f64::MIN), |(least, greatest), value| (least.min(*value), greatest.max(*value)));
        let is_between = (least..=greatest).contains(&current);
        let row = table.entry(name).or_default();
        row[if is_equal { 0 } else { 1 + usize::from(!is_between) }] += 1;
        if !is_between {
            wrong.push(format!("{name} of {}: {value}, the kubelet has {least} to {greatest}", key.0));
        }
    };
    for root in recorded {
        walk(root, None, &mut |entity, parent| {
            let id = entity["id"].as_str().unwrap_or("");
            let subject = match entity["kind"].as_str() {
                Some("cgroup") => id.to_owned(),
                Some("interface") => {
                    format!("{} {id}", parent.map_or("", |pod| pod["id"].as_str().unwrap_or("")))
                }
                _ => return,
            };
            for values in [&entity["counters"], &entity["gauges"]] {
                for (name, value) in values.as_object().into_iter().flatten() {
                    check(subject.clone(), name, value);
                }
            }
        });
    }
    println!("  {:28} {:>7} {:>8} {:>8}", "metric", "equal", "between", "outside");
    for (name, [equal, between, outside]) in &table {
        println!("  {name:28} {equal:7} {between:8} {outside:8}");
    }
    let sum = |column: usize| table.values().map(|row| row[column]).sum::<usize>();
    let (equal, between) = (sum(0), sum(1));
    if !wrong.is_empty() {
        bail!("{} values are not the kubelet's: {}", wrong.len(), wrong[..wrong.len().min(12)].join("; "));
    }
    if equal < 500 || between * 20 > equal {
        bail!("{equal} values equal the kubelet's, {between} lie between two of them");
    }
    for name in ["cpu.usage_ns", "memory.working_set_bytes", "network.rx_bytes"] {
        if table.get(name).is_none_or(|row| row[0] == 0) {
            bail!("{name} was never compared");
        }
    }
    Ok(())
}
