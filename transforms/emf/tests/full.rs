//! Tests of `deploy/metric-declarations/full.yaml`, which adds the metrics of the component `signals` to those of `enhanced`.

use std::collections::{BTreeMap, BTreeSet};

use insightd_emf::Emf;
use insights_sdk::{Batch, Formatter, Limits, Unit};
use serde_json::{Value, json};

const FULL: &str = include_str!("../../../deploy/metric-declarations/full.yaml");
const AGENT: &str = include_str!("../../../deploy/metric-declarations/agent.yaml");
const TABLE: &str = include_str!("../../../tests/metrics/signals.json");

/// Attributes of each type of event that can be dimensions, with names of containers as `decorate` sets them with `enhanced`.
const ATTRIBUTES: [(&str, &[&str]); 9] = [
    ("Node", &["ClusterName", "NodeName", "InstanceId"]),
    ("Pod", &["ClusterName", "NodeName", "InstanceId", "Namespace", "PodName", "FullPodName", "Service"]),
    (
        "Container",
        &[
            "ClusterName",
            "NodeName",
            "InstanceId",
            "Namespace",
            "PodName",
            "FullPodName",
            "Service",
            "ContainerName",
        ],
    ),
    (
        "PodVolume",
        &[
            "ClusterName",
            "NodeName",
            "InstanceId",
            "Namespace",
            "PodName",
            "FullPodName",
            "Service",
            "PersistentVolumeClaimName",
        ],
    ),
    ("Agent", &["ClusterName", "NodeName", "InstanceId"]),
    ("ClusterDaemonSet", &["ClusterName", "NodeName", "Namespace", "PodName"]),
    ("ClusterPersistentVolumeClaim", &["ClusterName", "NodeName", "Namespace", "PersistentVolumeClaimName"]),
    ("Cluster", &["ClusterName", "NodeName"]),
    ("ClusterNamespace", &["ClusterName", "NodeName", "Namespace"]),
];

/// Returns `extra_metric_declarations` of `full.yaml`.
fn declarations() -> Vec<Value> {
    read(FULL)
}

/// Returns `extra_metric_declarations` of a file, converted to JSON as the agent converts its configuration.
fn read(file: &str) -> Vec<Value> {
    let node = insightd_yaml::parse(file).expect("the file is YAML").expect("the file is not empty");
    let Value::Array(list) = node.to_json()["extra_metric_declarations"].take() else {
        panic!("no list of declarations")
    };
    list
}

/// Returns the metrics of the table: type of event by name.
fn metrics() -> BTreeMap<String, String> {
    let table: Value = serde_json::from_str(TABLE).expect("the table is JSON");
    let text = |row: &Value, key: &str| row[key].as_str().expect("text").to_owned();
    let rows = table["metrics"].as_array().expect("a list");
    rows.iter().map(|row| (text(row, "name"), text(row, "type"))).collect()
}

/// Returns the dimension sets by metric that `emf` writes for an event of this type with these gauges.
fn sets(config: &Value, kind: &str, names: &[&str]) -> BTreeMap<String, BTreeSet<Vec<String>>> {
    let emf = insights_sdk::configure(&config.to_string(), Emf::configure).expect("a valid configuration");
    let scope = if kind.starts_with("Cluster") { "cluster" } else { "node" };
    let batch = Batch::new(scope, "n", 1, 60_000);
    let entity = batch.add("any", "n", None);
    entity.set_attribute("Type", kind);
    let (_, attributes) = ATTRIBUTES.iter().find(|(known, _)| *known == kind).expect("a known type");
    attributes.iter().for_each(|key| entity.set_attribute(*key, "x"));
    names.iter().for_each(|name| entity.publish(*name, 1.0, Unit::Count));
    let payloads = emf.format(&batch, &Limits { max_event_bytes: 1 << 20 }).expect("events");
    let event: Value =
        serde_json::from_slice(payloads.events().next().expect("an event").bytes).expect("JSON");
    let mut sets: BTreeMap<String, BTreeSet<Vec<String>>> = BTreeMap::new();
    for directive in event["_aws"]["CloudWatchMetrics"].as_array().into_iter().flatten() {
        let dimensions: Vec<Vec<String>> =
            serde_json::from_value(directive["Dimensions"].clone()).expect("lists of names");
        for metric in directive["Metrics"].as_array().expect("a list") {
            let name = metric["Name"].as_str().expect("a name").to_owned();
            sets.entry(name).or_default().extend(dimensions.iter().cloned());
        }
    }
    sets
}

#[test]
fn every_metric_is_declared_with_all_its_sets() {
    let (declarations, metrics) = (declarations(), metrics());
    let mut wanted: BTreeMap<String, BTreeSet<Vec<String>>> = BTreeMap::new();
    for declaration in &declarations {
        let mut dimensions: Vec<Vec<String>> =
            serde_json::from_value(declaration["dimensions"].clone()).expect("lists of names");
        dimensions.iter_mut().for_each(|set| set.sort_unstable());
        for name in declaration["metric_name_selectors"].as_array().expect("a list") {
            let name = name.as_str().expect("a name");
            assert!(metrics.contains_key(name), "{name} is not in tests/metrics/signals.json");
            let before = wanted.insert(name.to_owned(), dimensions.iter().cloned().collect());
            assert!(before.is_none(), "{name} is declared twice");
        }
    }
    assert_eq!(wanted.len(), metrics.len(), "every metric of the table is declared");

    // What the file declares must not depend on the preset that it is added to, nor change it.
    let config = json!({"enhanced": true, "extra_metric_declarations": declarations});
    for (kind, _) in ATTRIBUTES {
        let names: Vec<&str> =
            metrics.iter().filter(|(_, of)| *of == kind).map(|(name, _)| name.as_str()).collect();
        let found = sets(&config, kind, &names);
        assert!(!names.is_empty() && found.len() == names.len(), "{kind}");
        for (name, sets) in found {
            // A set whose attribute the event lacks is left out, and would be missing here.
            assert_eq!(sets, wanted[&name], "{name} of {kind}");
        }
        assert_eq!(sets(&json!({"enhanced": true}), kind, &names), BTreeMap::new(), "{kind}");
    }
}

/// The declarations of the agent alone are those of `full.yaml`, and all that an event `Agent` needs.
#[test]
fn the_agent_has_a_file_of_its_own() {
    let (alone, all) = (read(AGENT), declarations());
    assert!(!alone.is_empty() && alone.iter().all(|declaration| all.contains(declaration)), "{alone:?}");
    let metrics = metrics();
    let names: Vec<&str> =
        metrics.iter().filter(|(_, of)| *of == "Agent").map(|(name, _)| name.as_str()).collect();
    let found = sets(&json!({"extra_metric_declarations": alone}), "Agent", &names);
    let both = [vec!["ClusterName".to_owned()], vec!["ClusterName".to_owned(), "NodeName".to_owned()]];
    assert!(names.iter().all(|name| found[*name] == BTreeSet::from(both.clone())), "{found:?}");
    assert_eq!(found.len(), names.len());
}

#[test]
fn metrics_of_enhanced_keep_their_sets() {
    let names = ["pod_cpu_utilization", "pod_memory_limit", "pod_status_ready"];
    let with = json!({"enhanced": true, "extra_metric_declarations": declarations()});
    let found = sets(&with, "Pod", &names);
    assert_eq!(found.len(), names.len());
    assert_eq!(found, sets(&json!({"enhanced": true}), "Pod", &names));
}
