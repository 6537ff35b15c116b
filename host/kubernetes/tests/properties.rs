//! Property tests: no input causes a panic, and an error in one pod does not affect the others.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::time::Duration;

use insightd_collect::CounterCache;
use insightd_kubernetes::{Emitter, pods, summary};
use insights_batch::Builder;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const PODS: &str = include_str!("data/pods.json");
const SUMMARY: &str = include_str!("data/summary.json");

/// Runs both parsers, and adds their results to a batch.
fn parse_and_emit(body: &[u8], other: &[u8]) {
    let Ok(list) = pods::parse(body, "property") else { return };
    let summary = summary::parse(other, "property").ok();
    let mut counter_cache = CounterCache::new(Duration::from_secs(600));
    let mut builder = Builder::new("node", "n", 0, 60_000);
    let node = builder.entity("node", "n", None);
    Emitter::new().emit(&list, summary.as_ref(), node, &mut counter_cache, 1, &mut builder);
    builder.finish().check().unwrap();
}

/// Generates keys that the parsers look for, so that arbitrary documents contain them.
fn keys() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "items", "pods", "kind", "metadata", "spec", "status", "name", "namespace", "uid", "labels", "annotations",
            "ownerReferences", "containers", "initContainers", "containerStatuses", "resources", "requests", "limits", "cpu",
            "memory", "state", "waiting", "running", "reason", "restartCount", "containerID", "conditions", "type",
            "startTime", "podRef", "rootfs", "logs", "volume", "usedBytes", "pvcRef", "overhead", "kubernetes.io/config.hash",
        ])
        .prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        keys().prop_map(Value::from),
        "[0-9]{0,25}[.]?[0-9]{0,3}[eEKMimu]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((keys(), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Collects the JSON pointers of all values in a document.
fn collect_pointers(tree: &Value, at: &str, found: &mut Vec<String>) {
    let percent_encoded = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match tree {
        Value::Object(object) => {
            for (key, value) in object {
                let at = format!("{at}/{}", percent_encoded(key));
                collect_pointers(value, &at, found);
                found.push(at);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                let at = format!("{at}/{index}");
                collect_pointers(value, &at, found);
                found.push(at);
            }
        }
        _ => {}
    }
}

fn all_pointers(text: &str, below: &str) -> Vec<String> {
    let tree: Value = serde_json::from_str(text).unwrap();
    let mut found = Vec::new();
    collect_pointers(tree.pointer(below).unwrap(), below, &mut found);
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arbitrary_bytes_do_not_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        parse_and_emit(&body, &body);
        let _ = summary::parse(&body, "property");
    }

    #[test]
    fn arbitrary_json_does_not_panic(items in prop::collection::vec(values(), 0..4), pods in prop::collection::vec(values(), 0..4), whole in values()) {
        let list = json!({"kind": "PodList", "items": items}).to_string();
        let summary = json!({"pods": pods}).to_string();
        let read = pods::parse(list.as_bytes(), "property").unwrap();
        prop_assert!(read.pods.len() + read.problems.len() >= items.len());
        parse_and_emit(list.as_bytes(), summary.as_bytes());
        parse_and_emit(whole.to_string().as_bytes(), whole.to_string().as_bytes());
    }

    /// Replaces some bytes of a valid document, then truncates it.
    #[test]
    fn damaged_documents_do_not_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8), end in any::<prop::sample::Index>()) {
        let mut bodies = [PODS, SUMMARY].map(|text| text.as_bytes().to_vec());
        for body in &mut bodies {
            for (at, byte) in &changes {
                let at = at.index(body.len());
                body[at] = *byte;
            }
        }
        parse_and_emit(&bodies[0], &bodies[1]);
        let cut = end.index(PODS.trim_end().len());
        prop_assert!(pods::parse(&PODS.as_bytes()[..cut], "property").is_err(), "half a list is no list");
    }

    /// Replaces one value of one pod by any other; the other pods must not change.
    #[test]
    fn other_pods_are_untouched(at in prop::sample::select(all_pointers(PODS, "/items/0")), value in values()) {
        let good = pods::parse(PODS.as_bytes(), "property").unwrap();
        let mut tree: Value = serde_json::from_str(PODS).unwrap();
        *tree.pointer_mut(&at).unwrap() = value;
        let list = pods::parse(tree.to_string().as_bytes(), "property").unwrap();
        for pod in good.pods.iter().filter(|pod| &*pod.name != "web-6d5f7c9b8-q2x7k") {
            prop_assert!(list.pods.contains(pod), "{at}");
        }
        prop_assert!(list.pods.len() == good.pods.len() || !list.problems.is_empty(), "{at}: lost without a word");
    }

    /// The same for a summary.
    #[test]
    fn other_pods_of_a_summary_are_untouched(at in prop::sample::select(all_pointers(SUMMARY, "/pods/0")), value in values()) {
        let good = summary::parse(SUMMARY.as_bytes(), "property").unwrap();
        let mut tree: Value = serde_json::from_str(SUMMARY).unwrap();
        *tree.pointer_mut(&at).unwrap() = value;
        let read = summary::parse(tree.to_string().as_bytes(), "property").unwrap();
        for uid in ["f1e2d3c4b5a697887960514233241506", "gone"] {
            prop_assert_eq!(read.pod(uid), good.pod(uid), "{}", at);
        }
    }

    /// Kept labels never exceed the limit, are a subset of the given ones in key order, and no label is dropped that would
    /// fit beside all smaller ones.
    #[test]
    fn labels_stay_within_their_limit(labels in prop::collection::btree_map("[a-z]{1,6}", "[a-z]{0,12}", 0..20), bound in 0_usize..120) {
        let body = json!({"items": [{"metadata": {"name": "p", "namespace": "n", "uid": "u", "labels": labels}}]}).to_string();
        let filter = pods::MetadataFilter { label_bytes: bound, ..pods::MetadataFilter::default() };
        let list = pods::parse_with(body.as_bytes(), "property", &filter).unwrap();
        let kept = &list.pods[0].labels;
        let size = |key: &str, value: &str| key.len() + value.len();
        let total: usize = kept.iter().map(|(key, value)| size(key, value)).sum();
        prop_assert!(total <= bound);
        prop_assert!(kept.iter().all(|(key, value)| labels.get(&**key).is_some_and(|given| **given == **value)));
        prop_assert!(kept.is_sorted_by(|left, right| left.0 < right.0));
        prop_assert_eq!(kept.len() as u64 + u64::from(list.pods[0].labels_left_out), labels.len() as u64);
        let dropped: Vec<_> = labels.iter().filter(|(key, _)| !kept.iter().any(|(kept, _)| **kept == ***key)).collect();
        for (key, value) in &dropped {
            prop_assert!(kept.iter().all(|(kept_key, kept_value)| size(kept_key, kept_value) <= size(key, value)));
        }
        if let Some(smallest) = dropped.iter().map(|(key, value)| size(key, value)).min() {
            prop_assert!(total + smallest > bound);
        }
    }
}
