//! Events and batches as lines for people.

use std::fmt::Write as _;

use insightd::visible;
use insights_batch::{Batch, Columns, Entity};
use serde_json::Value;

use crate::live::When;
use crate::replay::utc;

/// Returns the line of an event: time, slot, type, name, and the metric that was asked for or the number of metrics.
pub(super) fn event(time_unix_ms: u64, slot: &str, event: &Value, metric: Option<&str>) -> String {
    let text = |key: &str| event[key].as_str();
    let name: Vec<&str> = ["Namespace", "PodName", "ContainerName"].into_iter().filter_map(text).collect();
    let name = if name.is_empty() { text("NodeName").unwrap_or("-").to_owned() } else { name.join("/") };
    // A node has one event for each interface, device and file system.
    let part: String =
        ["interface", "device"].into_iter().filter_map(text).map(|part| format!(" {part}")).collect();
    let fields = event.as_object();
    let value = match metric {
        Some(metric) => match event[metric].as_f64() {
            Some(value) => format!("{metric}={value}"),
            None => format!("{metric}=-"),
        },
        None => {
            let metrics =
                fields.map_or(0, |fields| fields.values().filter(|value| value.is_number()).count());
            format!("{metrics} metrics")
        }
    };
    let kind = text("Type").unwrap_or("-");
    let line = format!("{}  {slot}  {kind:<11}  {name}{part}  {value}", utc(time_unix_ms));
    format!("{}\n", visible::line(&line))
}

/// Returns the lines of a batch: a heading, and each entity with the metric that was asked for or the numbers of its values.
pub(super) fn batch(slot: &str, when: Option<When>, columns: Columns, metric: Option<&str>) -> String {
    let batch = Batch::from_columns(columns);
    let side = match when {
        Some(When::Before) => "before ",
        Some(When::After) => "after ",
        None => "",
    };
    let entities = batch.entities();
    let heading = format!(
        "{}  {side}{slot}  {} {}: {} entities",
        utc(batch.time_unix_ms()),
        batch.scope(),
        batch.scope_id(),
        entities.len()
    );
    let mut text = format!("{}\n", visible::line(&heading));
    for entity in entities {
        let values = match metric {
            Some(metric) => match value(entity, metric) {
                Some(value) => format!("{metric}={value}"),
                None => continue,
            },
            None => format!(
                "{} attributes, {} gauges, {} counters",
                entity.attributes().len(),
                entity.gauges().len(),
                entity.counters().len()
            ),
        };
        let line = format!("{:<11}  {}  {values}", entity.kind(), name(entity));
        let _ = writeln!(text, "  {}", visible::line(&line));
    }
    text
}

fn value(entity: Entity<'_>, metric: &str) -> Option<String> {
    let gauge = entity.gauge(metric).map(|value| value.to_string());
    gauge.or_else(|| entity.counter(metric).map(|counter| counter.current.to_string()))
}

/// Returns the name of an entity with those of the objects that it belongs to.
pub(super) fn name(entity: Entity<'_>) -> String {
    /// Maximum number of parents in a name.
    const DEPTH: usize = 4;
    let own = |entity: Entity<'_>| {
        let attribute = |key: &str| entity.attribute(key).filter(|name| !name.is_empty()).map(str::to_owned);
        let name = match entity.kind() {
            "pod" => attribute("pod.name").map(|name| match attribute("pod.namespace") {
                Some(namespace) => format!("{namespace}/{name}"),
                None => name,
            }),
            "container" => attribute("container.name"),
            "node" => attribute("node.name"),
            _ => None,
        };
        name.unwrap_or_else(|| entity.id().to_owned())
    };
    let parents = std::iter::successors(Some(entity), |entity| entity.parent()).take(DEPTH);
    // The node is in the heading.
    let parts = parents.enumerate().filter(|(index, entity)| *index == 0 || entity.kind() != "node");
    let mut parts: Vec<String> = parts.map(|(_, entity)| own(entity)).collect();
    parts.reverse();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_a_line() {
        let pod = json!({"Type": "Pod", "Namespace": "shop", "PodName": "web\u{1b}[2J\n", "a": 1, "b": 2.5});
        assert_eq!(
            event(0, "node output-1 stdout", &pod, None),
            "1970-01-01 00:00:00 UTC  node output-1 stdout  Pod          shop/web\\u{1b}[2J\\n  2 metrics\n"
        );
        assert!(event(0, "s", &pod, Some("b")).ends_with("  b=2.5\n"));
        assert!(event(0, "s", &json!({"NodeName": "n"}), Some("b")).ends_with("  -            n  b=-\n"));
        let net = json!({"Type": "NodeNet", "NodeName": "n", "interface": "eth0", "a": 1});
        assert!(event(0, "s", &net, None).ends_with("  NodeNet      n eth0  1 metrics\n"));
        assert!(event(0, "s", &json!("text"), None).ends_with("  -  0 metrics\n"));
    }

    #[test]
    fn a_batch_lists_its_entities() {
        let batch = Batch::new("node", "n1", 0, 1);
        let node = batch.add("node", "n1", None);
        let pod = batch.add("pod", "uid", Some(node));
        pod.set_attribute("pod.namespace", "shop");
        pod.set_attribute("pod.name", "web");
        let container = batch.add("container", "id", Some(pod));
        container.set_gauge("memory.usage_bytes", 5.0);
        let columns = batch.into_columns();
        let text = super::batch("node transform-1", Some(When::After), columns.clone(), None);
        let expected = "1970-01-01 00:00:00 UTC  after node transform-1  node n1: 3 entities\n  \
                        node         n1  0 attributes, 0 gauges, 0 counters\n  \
                        pod          shop/web  2 attributes, 0 gauges, 0 counters\n  \
                        container    shop/web/id  0 attributes, 1 gauges, 0 counters\n";
        assert_eq!(text, expected);
        let text = super::batch("s", None, columns, Some("memory.usage_bytes"));
        assert!(text.ends_with("3 entities\n  container    shop/web/id  memory.usage_bytes=5\n"), "{text}");
    }
}
