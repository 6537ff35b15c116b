//! The differences between the events of two sides, as JSON.

use serde_json::{Value, json};

use super::collect::Collect;
use super::lines::{label, names};
use super::matching::{Matched, matched};
use super::tally::{Difference, Totals};

/// Maximum numbers of events, and of differences of an event; those beyond are counted.
const MAX_EVENTS: usize = 100;
const MAX_DIFFERENCES: usize = 40;
/// Maximum number of characters of a value.
const MAX_TEXT: usize = 300;

/// Takes the events of both sides, and returns the numbers of them and the first differences.
pub(crate) fn changes(before: &Collect, after: &Collect) -> Value {
    let (a, b) = (before.take(), after.take());
    let (count_a, count_b) = (a.len(), b.len());
    let names = names(a.iter().chain(&b));
    let Matched { pairs, removed, added } = matched(a, b);
    let mut totals = Totals::default();
    let mut changed = Vec::new();
    for (a, b) in &pairs {
        let label = label(b, &names);
        let differences = totals.add(a, b, &label);
        if differences.any() {
            let attributes = differences.attributes.iter().map(|one| difference(one, |value| shown(value)));
            let metrics = differences.metrics.iter().map(|one| difference(one, f64::to_string));
            let mut all: Vec<Value> = metrics.chain(attributes).collect();
            if differences.declarations {
                all.push(
                    json!({"name": "declared metrics and dimensions", "before": "differ", "after": "differ"}),
                );
            }
            changed.push(entry("changed", b.kind(), &label, all));
        }
    }
    let single = |change: &str, event: &super::event::Parsed| {
        let metrics = event.metrics.iter().map(|(name, value)| (name, value.to_string()));
        let attributes = event.attributes.iter().map(|(name, value)| (name, shown(value)));
        let values = metrics.chain(attributes).map(|(name, value)| match change {
            "added" => json!({"name": shown(name), "before": null, "after": value}),
            _ => json!({"name": shown(name), "before": value, "after": null}),
        });
        entry(change, event.kind(), &label(event, &names), values.collect())
    };
    let counts = [removed.len(), added.len(), changed.len()];
    let same = pairs.len() - changed.len();
    let mut events: Vec<Value> = changed;
    events.extend(removed.iter().map(|event| single("removed", event)));
    events.extend(added.iter().map(|event| single("added", event)));
    let left_out = events.len().saturating_sub(MAX_EVENTS);
    events.truncate(MAX_EVENTS);
    json!({
        "before": count_a, "after": count_b, "same": same,
        "removed": counts[0], "added": counts[1], "changed": counts[2],
        "events": events, "left_out": left_out,
    })
}

fn entry(change: &str, kind: Option<&str>, label: &str, mut differences: Vec<Value>) -> Value {
    let left_out = differences.len().saturating_sub(MAX_DIFFERENCES);
    differences.truncate(MAX_DIFFERENCES);
    json!({
        "change": change, "type": kind.map(shown), "label": shown(label),
        "differences": differences, "left_out": left_out,
    })
}

fn difference<V>(one: &Difference<'_, V>, show: impl Fn(&V) -> String) -> Value {
    json!({"name": shown(one.name), "before": one.a.map(&show), "after": one.b.map(&show)})
}

fn shown(text: &str) -> String {
    let text = insightd::visible::line(text);
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use insightd::sinks::Sink as _;
    use insights_batch::Event;

    use super::*;

    fn collected(texts: &[&str]) -> Collect {
        let mut events = Collect::default();
        let all = texts.iter().map(|text| Event { route: &[], time_unix_ms: 1, bytes: text.as_bytes() });
        events.accept("application/json", &mut all.into_iter());
        events
    }

    #[test]
    fn changes_are_listed_with_both_values() {
        let before = collected(&[
            r#"{"Type":"Pod","PodName":"a","m":1}"#,
            r#"{"Type":"Node","n":2}"#,
            r#"{"Type":"X","x":1}"#,
        ]);
        let after = collected(&[
            "{\"Type\":\"Pod\",\"PodName\":\"a\",\"m\":3,\"new\":\"\\u202e\"}",
            r#"{"Type":"Node","n":2}"#,
            r#"{"Type":"Y","y":1}"#,
        ]);
        let changes = changes(&before, &after);
        assert_eq!(
            (&changes["before"], &changes["after"], &changes["same"]),
            (&json!(3), &json!(3), &json!(1))
        );
        assert_eq!(
            (&changes["removed"], &changes["added"], &changes["changed"]),
            (&json!(1), &json!(1), &json!(1))
        );
        let pod = &changes["events"][0];
        assert_eq!((&pod["change"], &pod["type"]), (&json!("changed"), &json!("Pod")));
        assert_eq!(pod["differences"][0], json!({"name": "m", "before": "1", "after": "3"}));
        assert_eq!(pod["differences"][1], json!({"name": "new", "before": null, "after": "\\u{202e}"}));
        assert_eq!(
            changes["events"][1]["differences"][0],
            json!({"name": "x", "before": "1", "after": null})
        );
        assert!(before.take().is_empty() && after.take().is_empty());
    }

    #[test]
    fn lists_are_bounded() {
        let texts: Vec<String> =
            (0..MAX_EVENTS + 5).map(|index| format!(r#"{{"Type":"t{index}"}}"#)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let changes = changes(&collected(&[]), &collected(&texts));
        assert_eq!((&changes["added"], &changes["left_out"]), (&json!(MAX_EVENTS + 5), &json!(5)));
        assert_eq!(changes["events"].as_array().map(Vec::len), Some(MAX_EVENTS));
    }
}
