//! Formats events and their differences as lines of text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::event::Parsed;
use super::tally::{Change, Difference, Differences};

/// Maximum number of attributes in an event label, and maximum length of their values, bytes.
const LABELS: usize = 5;
const LONGEST_LABEL: usize = 64;

/// Returns the names of the attributes whose values differ between the events of a batch.
pub(super) fn names<'e>(events: impl Iterator<Item = &'e Parsed>) -> BTreeSet<String> {
    let mut first = BTreeMap::new();
    let mut varying = BTreeSet::new();
    for (key, value) in events.flat_map(|event| &event.attributes) {
        if *first.entry(key).or_insert(value) != value && !varying.contains(key) {
            varying.insert(key.clone());
        }
    }
    varying
}

/// Returns the label of an event: its time and its distinguishing attributes, or else its first attributes.
pub(super) fn label(event: &Parsed, names: &BTreeSet<String>) -> String {
    let usable = |(_, value): &(&String, &String)| {
        value.len() <= LONGEST_LABEL && !value.starts_with(['{', '[']) && !value.contains('\n')
    };
    let chosen: Vec<_> =
        event.attributes.iter().filter(|(key, _)| names.contains(*key)).filter(usable).collect();
    let chosen = match chosen.is_empty() {
        true => event.attributes.iter().filter(usable).collect(),
        false => chosen,
    };
    let mut label = event.time_unix_ms.to_string();
    for (key, value) in chosen.into_iter().take(LABELS) {
        let _ = if key.is_empty() { write!(label, " {value}") } else { write!(label, " {key}={value}") };
    }
    label
}

/// Formats an event that differs, with at most `limit` differences.
pub(super) fn changed(label: &str, differences: &Differences<'_>, limit: usize) -> String {
    let mut lines: Vec<String> =
        differences.attributes.iter().map(|one| line(one, |value| quoted(value))).collect();
    lines.extend(differences.metrics.iter().map(|one| {
        let change = match (one.a, one.b) {
            (Some(&from), Some(&to)) => Change { from, to, event: String::new() }.relative(),
            _ => return line(one, f64::to_string),
        };
        format!("{} ({})", line(one, f64::to_string), relative(change))
    }));
    if differences.declarations {
        lines.push("declares other metrics or dimensions".into());
    }
    let mut text = format!("~ {label}\n");
    for line in lines.iter().take(limit) {
        let _ = writeln!(text, "    {line}");
    }
    if lines.len() > limit {
        let _ = writeln!(text, "    … and {} more", lines.len() - limit);
    }
    text
}

fn line<V>(one: &Difference<'_, V>, show: impl Fn(&V) -> String) -> String {
    let side = |value: Option<&V>| value.map_or("absent".to_owned(), &show);
    format!("{}: {} -> {}", one.name, side(one.a), side(one.b))
}

fn quoted(value: &str) -> String {
    const MAX_CHARS: usize = 80;
    match value.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{:?}…", &value[..end]),
        None => format!("{value:?}"),
    }
}

/// Formats a relative change in percent.
pub(super) fn relative(change: f64) -> String {
    match change {
        change if change.is_nan() => String::new(),
        change if change.is_infinite() => "from 0".into(),
        change => format!("{:+.1} %", change * 100.0),
    }
}
