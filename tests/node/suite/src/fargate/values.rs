//! Compares the values of batches with those that the kubelet published.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::Value;

use super::batch::{Recorded, walk};
use super::published::{Published, known, subject_of};

/// Checks that each value is one that the kubelet published, and each pair of readings two of them, as far apart.
pub(super) fn check(recorded: &[Recorded], published: &Published) -> Result<()> {
    let mut table: BTreeMap<&'static str, [usize; 3]> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut check = |subject: String, name: &str, value: &Value| {
        let Some(name) = known(name) else { return };
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
        // A gauge can leave the range in a reading of cAdvisor that no request of this test saw; a counter cannot.
        if !is_between && value.is_array() {
            wrong.push(format!("{name} of {}: {value}, the kubelet has {least} to {greatest}", key.0));
        }
    };
    for batch in recorded {
        walk(&batch.root, None, &mut |entity, parent| {
            let Some(subject) = subject_of(entity, parent) else { return };
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
    if !wrong.is_empty() {
        bail!("{} values are not the kubelet's: {}", wrong.len(), wrong[..wrong.len().min(12)].join("; "));
    }
    let unseen = table.iter().find(|(_, [equal, between, outside])| (between + outside) * 20 > *equal);
    if let Some((name, [equal, between, outside])) = unseen {
        bail!("{name}: {equal} values are the kubelet's, {} were not in its text", between + outside);
    }
    let equal: usize = table.values().map(|row| row[0]).sum();
    if equal < 5_000 {
        bail!("only {equal} values were compared");
    }
    for name in ["cpu.usage_ns", "memory.working_set_bytes", "network.rx_bytes"] {
        if table.get(name).is_none_or(|row| row[0] == 0) {
            bail!("{name} was never compared");
        }
    }
    Ok(())
}
