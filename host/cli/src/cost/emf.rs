//! Counts log events, from their bytes: the metrics that a JSON event declares in the embedded metric format, and its size.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;
use serde_json::value::RawValue;

use super::usage::{Kind, Usage, identity};

/// Bytes that CloudWatch Logs adds to each event.
pub(super) const EVENT_BYTES: u64 = 26;
/// Maximum nesting of members that are counted one by one.
const MAX_DEPTH: usize = 4;

/// The members of an event with their text.
type Members<'e> = HashMap<String, &'e RawValue>;

/// Counts an event. Returns false, and counts nothing, if it is not a log event: if it declares nothing, and its sink does
/// not deliver to CloudWatch Logs (`is_log`).
pub(super) fn count(usage: &mut Usage, bytes: &[u8], is_log: bool) -> bool {
    let members: Members<'_> = serde_json::from_slice(bytes).unwrap_or_default();
    let directives = directives(&members);
    if directives.is_none() && !is_log {
        return false;
    }
    let billed = bytes.len() as u64 + EVENT_BYTES;
    usage.add(|usage| &mut usage.emf.total, 1, billed);
    usage.add(|usage| &mut usage.emf.payloads, 1, bytes.len() as u64);
    let groups = [(Kind::Type, "Type"), (Kind::Namespace, "Namespace")];
    let groups = groups.map(|(kind, key)| {
        let name = usage.name(&string(&members, key).unwrap_or_default());
        usage.add_emf(kind, name, 1, billed);
        (kind, name)
    });
    let mut declared = HashMap::new();
    for directive in list(directives.as_ref().unwrap_or(&Value::Null)) {
        add_directive(usage, &members, directive, groups, &mut declared);
    }
    for (key, value) in &members {
        let length = member(key, value.get());
        match declared.get(key) {
            // A declared metric costs its value and its entries in the directives.
            Some((name, entries)) => usage.add_emf(Kind::Metric, *name, 1, length + entries),
            None if key == "_aws" || key == "CloudWatchMetrics" => {}
            None => add_label(usage, key, value, length, MAX_DEPTH),
        }
    }
    true
}

/// Returns the directives of an event, which are in `_aws`, or in the older form at the top level.
fn directives(members: &Members<'_>) -> Option<Value> {
    if let Some(meta) = members.get("_aws") {
        let mut meta: Value = serde_json::from_str(meta.get()).unwrap_or_default();
        return Some(meta["CloudWatchMetrics"].take());
    }
    let older = members.get("CloudWatchMetrics")?;
    serde_json::from_str(older.get()).ok()
}

/// Counts the metrics of a directive. As in CloudWatch, a declared metric that the event does not have is none, and so is one
/// with a dimension that it does not have. `declared` receives the metrics with the bytes of their entries.
fn add_directive(
    usage: &mut Usage,
    members: &Members<'_>,
    directive: &Value,
    groups: [(Kind, u32); 2],
    declared: &mut HashMap<String, (u32, u64)>,
) {
    let namespace = directive["Namespace"].as_str().unwrap_or_default();
    let mut sets: Vec<(u32, BTreeMap<&str, String>)> = Vec::new();
    for set in list(&directive["Dimensions"]) {
        let keys: BTreeSet<&str> = list(set).filter_map(Value::as_str).collect();
        let label = keys.iter().copied().collect::<Vec<_>>().join(", ");
        let label = usage.name(if label.is_empty() { "(none)" } else { &label });
        // With its comma.
        usage.add_emf(Kind::Dimensions, label, 1, set.to_string().len() as u64 + 1);
        let values = keys.iter().map(|key| Some((*key, string(members, key)?))).collect();
        sets.extend(Option::<BTreeMap<_, _>>::map(values, |values| (label, values)));
    }
    for metric in list(&directive["Metrics"]) {
        let Some(name) = metric["Name"].as_str().filter(|name| is_metric(members, name)) else { continue };
        let number = usage.name(name);
        declared.entry(name.to_owned()).or_insert((number, 0)).1 += metric.to_string().len() as u64 + 1;
        for (label, set) in &sets {
            let values = set.iter().flat_map(|(key, value)| [key.as_bytes(), value.as_bytes()]);
            let id = identity([namespace.as_bytes(), name.as_bytes()].into_iter().chain(values));
            let mut groups = vec![groups[0], groups[1], (Kind::Metric, number), (Kind::Dimensions, *label)];
            groups.extend(set.keys().map(|key| (Kind::Label, usage.name(key))));
            let keys: Vec<&str> = set.keys().copied().collect();
            usage.add_metric(id, &groups, &keys);
        }
    }
}

/// Counts a member that is no metric; objects by their members, named by the path, such as `kubernetes.labels.app`.
fn add_label(usage: &mut Usage, path: &str, value: &RawValue, length: u64, depth: usize) {
    let inner: Members<'_> = match depth {
        0 => Members::default(),
        _ => serde_json::from_str(value.get()).unwrap_or_default(),
    };
    if inner.is_empty() {
        let name = usage.name(path);
        usage.add_emf(Kind::Label, name, 1, length);
    }
    for (key, value) in &inner {
        add_label(usage, &format!("{path}.{key}"), value, member(key, value.get()), depth - 1);
    }
}

/// Returns the length of a member with its quotes, colon and comma.
fn member(key: &str, value: &str) -> u64 {
    (key.len() + value.len() + 4) as u64
}

fn string(members: &Members<'_>, key: &str) -> Option<String> {
    serde_json::from_str(members.get(key)?.get()).ok()
}

/// Returns true if the event has a number, or a list, of this name.
fn is_metric(members: &Members<'_>, name: &str) -> bool {
    let value = members.get(name).map(|value| value.get().as_bytes());
    value.and_then(<[u8]>::first).is_some_and(|first| matches!(first, b'0'..=b'9' | b'-' | b'['))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(events: &[&str]) -> Usage {
        let mut usage = Usage::default();
        usage.begin("node", "a", 86_400_000);
        for event in events {
            assert!(count(&mut usage, event.as_bytes(), true));
        }
        usage
    }

    fn group(usage: &mut Usage, kind: Kind, name: &str) -> (f64, f64) {
        let number = usage.name(name);
        let counts = usage.emf.groups[kind as usize].get(&number).cloned().unwrap_or_default();
        usage.day(&counts, 1)
    }

    #[test]
    fn metrics_are_distinct_by_namespace_name_and_values() {
        let event = |pod: &str, namespace: &str| {
            format!(
                r#"{{"Type":"Pod","Pod":"{pod}","C":"c","m":1,"n":[2],"_aws":{{"CloudWatchMetrics":[{{"Namespace":"{namespace}","Dimensions":[["Pod","C"],["C"],["C","Pod"],[],["None"]],"Metrics":[{{"Name":"n"}},{{"Name":"m"}},{{"Name":"absent"}}]}}]}}}}"#
            )
        };
        // Two metrics with two sets of `c` and none, and one for each pod.
        let (a, b) = (event("a", "N"), event("b", "N"));
        assert_eq!(usage(&[&a, &b, &a]).emf.series.len(), 2 * (2 + 2));
        assert_eq!(usage(&[&a, &event("a", "O")]).emf.series.len(), 2 * 2 * 3);
        let older = a.replace(r#""_aws":{"#, "").replace("}]}}", "}]}");
        assert_eq!(usage(&[&older]).emf.series.len(), 6, "{older}");
    }

    #[test]
    fn bytes_are_those_of_the_text() {
        let event = r#"{"Type":"Pod","Namespace":"shop","m":1.5,"k":{"labels":{"a":"b"},"n":1},"_aws":{"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[["Type"]],"Metrics":[{"Name":"m","Unit":"None"}]}]}}"#;
        let mut usage = usage(&[event, event]);
        let length = event.len() as f64;
        let all = (2.0, 2.0 * (length + 26.0));
        assert_eq!(usage.day(&usage.emf.total, 1), all);
        assert_eq!(usage.day(&usage.emf.payloads, 1), (2.0, 2.0 * length));
        for (kind, name, expected) in [
            (Kind::Type, "Pod", all),
            (Kind::Namespace, "shop", all),
            // `"m":1.5,` and `{"Name":"m","Unit":"None"},`
            (Kind::Metric, "m", (2.0, 2.0 * (8.0 + 27.0))),
            // `["Type"],`
            (Kind::Dimensions, "Type", (2.0, 2.0 * 9.0)),
            // `"Namespace":"shop",`
            (Kind::Label, "Namespace", (2.0, 2.0 * 19.0)),
            // `"a":"b",`
            (Kind::Label, "k.labels.a", (2.0, 2.0 * 8.0)),
            (Kind::Label, "_aws", (0.0, 0.0)),
        ] {
            assert_eq!(group(&mut usage, kind, name), expected, "{kind:?} {name}");
        }
    }

    #[test]
    fn json_is_a_log_event_by_its_declarations_or_its_sink() {
        let mut usage = Usage::default();
        usage.begin("node", "a", 60_000);
        for (event, is_log, expected) in [
            (r#"{"a":1}"#, false, false),
            (r#"{"a":1}"#, true, true),
            (r#"{"_aws":{}}"#, false, true),
            ("x", true, true),
        ] {
            assert_eq!(count(&mut usage, event.as_bytes(), is_log), expected, "{event}");
        }
        assert_eq!((usage.emf.total[&0].items, usage.emf.series.len()), (3, 0));
    }
}
