//! The changes of a stage in a batch.

use std::collections::BTreeMap;

use insights_batch::{Batch, Columns, Entity};

use super::paint::{Color, Paint};
use super::pair::Half;
use super::table::name;
use crate::replay::utc;

/// Maximum number of added or removed entities of a kind that are listed; the rest is counted.
const LISTED: usize = 10;

/// A line of a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) color: Color,
    pub(super) text: String,
}

/// Prints the difference between input and output of a stage.
pub(super) fn print(before: &Half, after: &Half, paint: &Paint) {
    let Half { pipeline, slot, component, batch } = after;
    let time = utc(batch.time_unix_ms);
    paint.plain(&format!("{time}  {pipeline} {slot} {component}  {} {}\n", batch.scope, batch.scope_id));
    let (lines, unchanged) = lines(before.batch.clone(), after.batch.clone());
    for line in &lines {
        paint.line(line.color, &line.text);
    }
    paint.plain(&format!("  {unchanged} entities unchanged\n"));
}

/// An entity's own values, as text.
struct Facts {
    kind: String,
    name: String,
    values: BTreeMap<String, String>,
}

/// Returns the lines of the difference, and the number of entities without one.
pub(super) fn lines(before: Columns, after: Columns) -> (Vec<Line>, usize) {
    let (before, after) = (facts(&Batch::from_columns(before)), facts(&Batch::from_columns(after)));
    let mut lines = Vec::new();
    let mut unchanged = 0;
    for (key, new) in &after {
        let Some(old) = before.get(key) else { continue };
        let changes = changes(&old.values, &new.values);
        if changes.is_empty() {
            unchanged += 1;
            continue;
        }
        lines.push(Line { color: Color::Changed, text: format!("~ {} {}", new.kind, new.name) });
        lines.extend(changes);
    }
    let is_in = |other: &BTreeMap<String, Facts>, key: &String| other.contains_key(key);
    let added = after.iter().filter(|(key, _)| !is_in(&before, key)).map(|(_, facts)| facts);
    let removed = before.iter().filter(|(key, _)| !is_in(&after, key)).map(|(_, facts)| facts);
    lines.extend(whole(added, '+', Color::Added));
    lines.extend(whole(removed, '-', Color::Removed));
    (lines, unchanged)
}

fn whole<'f>(all: impl Iterator<Item = &'f Facts>, sign: char, color: Color) -> Vec<Line> {
    let mut by_kind: BTreeMap<&str, Vec<&Facts>> = BTreeMap::new();
    all.for_each(|facts| by_kind.entry(&facts.kind).or_default().push(facts));
    let mut lines = Vec::new();
    for (kind, entities) in by_kind {
        for facts in entities.iter().take(LISTED) {
            let values = facts.values.len();
            lines.push(Line { color, text: format!("{sign} {kind} {} ({values} values)", facts.name) });
        }
        if let Some(more) = entities.len().checked_sub(LISTED).filter(|more| *more > 0) {
            lines.push(Line { color, text: format!("{sign} {kind}: {more} more") });
        }
    }
    lines
}

fn changes(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<Line> {
    let mut lines = Vec::new();
    for (name, value) in before {
        match after.get(name) {
            None => lines.push(Line { color: Color::Removed, text: format!("    - {name}: {value}") }),
            Some(new) if new != value => {
                lines.push(Line { color: Color::Changed, text: format!("    ~ {name}: {value} -> {new}") });
            }
            Some(_) => {}
        }
    }
    for (name, value) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
        lines.push(Line { color: Color::Added, text: format!("    + {name}: {value}") });
    }
    lines
}

/// Returns the facts of all entities by kinds and ids of themselves and their parents. Of several with the same, the number
/// tells them apart.
fn facts(batch: &Batch) -> BTreeMap<String, Facts> {
    let mut all = BTreeMap::new();
    for entity in batch.entities() {
        let identity = identity(entity);
        let key = (0..).map(|nth| format!("{identity}\u{0}{nth:06}")).find(|key| !all.contains_key(key));
        let mut values = BTreeMap::new();
        for (name, value) in entity.attributes() {
            values.insert(name.to_owned(), format!("{value:?}"));
        }
        for (name, value) in entity.gauges() {
            values.insert(name.to_owned(), value.to_string());
        }
        for (name, counter) in entity.counters() {
            let growth = counter.delta().map_or(String::new(), |delta| format!(" (+{delta})"));
            values.insert(name.to_owned(), format!("{}{growth}", counter.current));
        }
        let facts = Facts { kind: entity.kind().to_owned(), name: name(entity), values };
        all.insert(key.unwrap_or(identity), facts);
    }
    all
}

fn identity(entity: Entity<'_>) -> String {
    /// Maximum number of parents in an identity.
    const DEPTH: usize = 16;
    let parents = std::iter::successors(Some(entity), |entity| entity.parent()).take(DEPTH);
    let mut parts: Vec<String> =
        parents.map(|entity| format!("{}\u{0}{}", entity.kind(), entity.id())).collect();
    parts.reverse();
    parts.join("\u{0}")
}

#[cfg(test)]
mod tests {
    use insights_batch::Counter;

    use super::*;

    fn batch() -> Batch {
        let batch = Batch::new("node", "n1", 0, 1);
        let node = batch.add("node", "n1", None);
        node.set_counter("cpu.usage_ns", Counter::pair(30, 10, 1_000_000));
        node.set_gauge("same", 1.0);
        node.set_attribute("a", "x");
        batch.add("pod", "p1", Some(node));
        batch
    }

    #[test]
    fn changes_have_their_sign() {
        let (before, after) = (batch(), batch());
        let node = after.find("node", "n1").unwrap();
        node.remove_counter("cpu.usage_ns");
        node.set_attribute("a", "y");
        node.set_gauge("node_cpu", 2.5);
        after.find("pod", "p1").unwrap().remove();
        for index in 0..LISTED + 2 {
            after.add("metric", &format!("m{index:02}"), None);
        }
        let (lines, unchanged) = lines(before.into_columns(), after.into_columns());
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(
            texts[..4],
            ["~ node n1", "    ~ a: \"x\" -> \"y\"", "    - cpu.usage_ns: 30 (+20)", "    + node_cpu: 2.5"]
        );
        assert_eq!(texts[4], "+ metric m00 (0 values)");
        assert_eq!(texts[14..], ["+ metric: 2 more", "- pod p1 (0 values)"]);
        assert_eq!((unchanged, lines[3].color, lines[2].color), (0, Color::Added, Color::Removed));
    }

    #[test]
    fn a_stage_that_changes_nothing() {
        assert_eq!(lines(batch().into_columns(), batch().into_columns()), (Vec::new(), 2));
    }
}
