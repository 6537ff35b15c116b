//! A readable summary of the events of a recording: nodes, pods, and the CloudWatch metrics that the events declare.
//!
//! The tables of nodes and pods know the names that the shipped components publish; other events count in the tables of
//! types and destinations only.

mod declared;
mod objects;
mod quantity;
mod table;

use std::collections::BTreeMap;

use super::event::Parsed;
use declared::{Declared, Shape};
pub(crate) use quantity::{bytes, utc};
pub(crate) use table::{Align, Table};

/// Maximum number of metrics that are shown as examples of an event type.
const EXAMPLES: usize = 3;

/// The events of the newest batch of each node and cluster.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// By scope and its id, such as `node` and the node's name.
    newest: BTreeMap<(String, String), Newest>,
}

/// The events of one batch.
#[derive(Debug)]
struct Newest {
    time_unix_ms: u64,
    events: Vec<Parsed>,
}

impl Summary {
    /// Takes the events of a batch, unless a newer one of the same scope is known.
    pub(super) fn add(&mut self, scope: (String, String), time_unix_ms: u64, events: Vec<Parsed>) {
        let is_newest = self.newest.get(&scope).is_none_or(|known| known.time_unix_ms <= time_unix_ms);
        if is_newest {
            self.newest.insert(scope, Newest { time_unix_ms, events });
        }
    }

    fn events(&self) -> impl Iterator<Item = &Parsed> {
        self.newest.values().flat_map(|newest| &newest.events)
    }

    /// Returns the summary as text.
    pub(crate) fn text(&self) -> String {
        let mut text: String =
            self.newest.iter().map(|((scope, id), newest)| heading(scope, id, newest)).collect();
        let events: Vec<&Parsed> = self.events().collect();
        if events.is_empty() {
            return text + "no events\n";
        }
        for part in [objects::nodes(&events), objects::pods(&events), types(&events), destinations(&events)] {
            if !part.is_empty() {
                text.push('\n');
                text.push_str(&part);
            }
        }
        text
    }

    /// Returns all metrics that the events of a type declare, as text.
    ///
    /// # Errors
    /// Returns the error text if no event has this type; it lists the types.
    pub(crate) fn metrics_of(&self, wanted: &str) -> Result<String, String> {
        let events: Vec<&Parsed> = self.events().filter(|event| event.kind() == Some(wanted)).collect();
        if events.is_empty() {
            return Err(unknown_type(wanted, self.events().filter_map(Parsed::kind)));
        }
        let declared = Declared::new(events.iter().copied());
        if declared.metrics() == 0 {
            return Ok(format!("events of type {wanted}: {}; they declare no metrics\n", events.len()));
        }
        let mut table = Table::new(&[
            ("METRIC", Align::Left),
            ("UNIT", Align::Left),
            ("METRICS", Align::Right),
            ("DIMENSIONS", Align::Left),
        ]);
        for shape in declared.shapes() {
            let dimensions = (!shape.dimensions.is_empty()).then(|| shape.dimensions.join(", "));
            let metrics = Some(shape.metrics.len().to_string());
            table.row([Some(shape.name.clone()), shape.unit.clone(), metrics, dimensions]);
        }
        table.row([
            Some("total".into()),
            Some(String::new()),
            Some(declared.metrics().to_string()),
            Some(String::new()),
        ]);
        Ok(format!("events of type {wanted}: {}\n\n{table}", events.len()))
    }
}

/// Returns the error text for a type that no event has.
pub(crate) fn unknown_type<'t>(wanted: &str, types: impl Iterator<Item = &'t str>) -> String {
    let mut known: Vec<&str> = types.collect();
    known.sort_unstable();
    known.dedup();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    format!("--type {wanted}: no event has this type; types: {known}")
}

fn heading(scope: &str, id: &str, newest: &Newest) -> String {
    let events = newest.events.len();
    let bytes: u64 = newest.events.iter().map(|event| event.bytes).sum();
    let time = quantity::utc(newest.time_unix_ms);
    let id = insightd::visible::line(id);
    format!("{scope} {id} at {time}, events: {events}, size: {}\n", quantity::bytes(bytes as f64))
}

/// Returns the table of event types with the metrics that their events declare.
fn types(events: &[&Parsed]) -> String {
    let mut by_type: BTreeMap<Option<&str>, Vec<&Parsed>> = BTreeMap::new();
    for event in events {
        by_type.entry(event.kind()).or_default().push(event);
    }
    let mut table = Table::new(&[
        ("TYPE", Align::Left),
        ("EVENTS", Align::Right),
        ("METRICS", Align::Right),
        ("EXAMPLES", Align::Left),
    ]);
    for (kind, events) in &by_type {
        let declared = Declared::new(events.iter().copied());
        let mut examples = examples(&declared.shapes()).into_iter();
        let (count, metrics) = (events.len().to_string(), declared.metrics().to_string());
        table.row([kind.map(str::to_owned), Some(count), Some(metrics), examples.next()]);
        for example in examples {
            table.row([Some(String::new()), Some(String::new()), Some(String::new()), Some(example)]);
        }
    }
    let declared = Declared::new(events.iter().copied());
    let (count, metrics) = (events.len().to_string(), declared.metrics().to_string());
    table.row([Some("total".into()), Some(count), Some(metrics), Some(String::new())]);
    format!(
        "CloudWatch metrics that the events declare: one per name and set of dimension values.\n\
         Gauges that are not declared can be queried with Logs Insights.\n\n{table}"
    )
}

/// Returns metrics of different names with the first set of dimensions of each, and a line for the rest.
fn examples(shapes: &[&Shape]) -> Vec<String> {
    let mut chosen: Vec<&Shape> = Vec::new();
    for shape in shapes {
        if chosen.len() < EXAMPLES && chosen.iter().all(|other| other.name != shape.name) {
            chosen.push(shape);
        }
    }
    let mut lines: Vec<String> = chosen.iter().map(|shape| shape.label()).collect();
    if shapes.len() > chosen.len() {
        lines.push(format!("… and {} more names or sets of dimensions", shapes.len() - chosen.len()));
    }
    lines
}

/// Returns the table of destinations, such as log group and stream.
fn destinations(events: &[&Parsed]) -> String {
    let mut by_route: BTreeMap<&[(String, String)], (u64, u64)> = BTreeMap::new();
    for event in events {
        let (count, bytes) = by_route.entry(&event.route).or_default();
        *count += 1;
        *bytes += event.bytes;
    }
    // One column per key of a route, in the order of their first use.
    let mut keys: Vec<&str> = Vec::new();
    for (key, _) in by_route.keys().copied().flatten() {
        if !keys.contains(&key.as_str()) {
            keys.push(key);
        }
    }
    let heads: Vec<String> = keys.iter().map(|key| key.replace('_', " ").to_uppercase()).collect();
    let mut columns: Vec<(&str, Align)> = heads.iter().map(|head| (&**head, Align::Left)).collect();
    columns.extend([("EVENTS", Align::Right), ("SIZE", Align::Right)]);
    let mut table = Table::new(&columns);
    for (route, (events, bytes)) in &by_route {
        let value = |key: &&str| route.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone());
        let mut cells: Vec<Option<String>> = keys.iter().map(value).collect();
        cells.extend([Some(events.to_string()), Some(quantity::bytes(*bytes as f64))]);
        table.row(cells);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::super::event::tests::event;
    use super::*;

    fn scope(id: &str) -> (String, String) {
        ("node".to_owned(), id.to_owned())
    }

    #[test]
    fn the_newest_batch_of_each_scope_counts() {
        let mut summary = Summary::default();
        summary.add(scope("b"), 2, vec![event(r#"{"Type":"Node","NodeName":"new"}"#)]);
        summary.add(scope("b"), 1, vec![event(r#"{"Type":"Node","NodeName":"old"}"#)]);
        summary.add(scope("a\u{1b}\n"), 0, vec![event(r#"{"Type":"Node","NodeName":"other"}"#)]);
        let text = summary.text();
        assert!(text.starts_with("node a\\u{1b}\\n at 1970-01-01 00:00:00 UTC, events: 1, size: "), "{text}");
        assert!(text.contains("\nnew ") && text.contains("\nother ") && !text.contains("old"), "{text}");
        assert_eq!(Summary::default().text(), "no events\n");
    }

    #[test]
    fn events_without_a_type_are_counted() {
        let mut summary = Summary::default();
        summary.add(scope("a"), 1, vec![event("cpu 1"), event(r#"{"Type":1}"#)]);
        let text = summary.text();
        assert!(text.contains("\n-           2        0  -\ntotal       2        0\n"), "{text}");
        assert!(text.ends_with("\nLOG GROUP  EVENTS  SIZE\ng               2  15 B\n"), "{text}");
        assert_eq!(
            summary.metrics_of("Pod"),
            Err("--type Pod: no event has this type; types: none".to_owned())
        );
    }
}
