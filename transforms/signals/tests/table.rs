//! Comparison of the golden cases with `tests/metrics/signals.json`, whose values were worked out by hand.

use std::collections::BTreeMap;

use insightd_signals::Signals;
use insights_sdk::Batch;
use insights_sdk::golden::{self, Case, Outcome};
use serde_json::Value;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
const TABLE: &str = include_str!("../../../tests/metrics/signals.json");

fn table() -> Value {
    serde_json::from_str(TABLE).expect("the table is JSON")
}

fn rows<'t>(table: &'t Value, list: &str) -> &'t [Value] {
    table[list].as_array().expect("a list")
}

fn text<'t>(row: &'t Value, key: &str) -> &'t str {
    row[key].as_str().unwrap_or_else(|| panic!("{key} is missing in {row}"))
}

/// Returns the batches that the transform makes of the cases, by name of the case.
fn outputs() -> BTreeMap<String, Batch> {
    let cases = golden::cases(CASES).unwrap_or_else(|error| panic!("{error}"));
    let of = |case: &Case| match golden::process::<Signals>(case) {
        Outcome::Batch(columns) => Some((case.name.clone(), Batch::from_columns(columns))),
        _ => None,
    };
    cases.iter().filter_map(of).collect()
}

/// Returns a metric of the entity that the row names by kind and id.
fn found(outputs: &BTreeMap<String, Batch>, row: &Value, metric: &str) -> (Option<f64>, Option<String>) {
    let case = text(row, "case");
    let batch = outputs.get(case).unwrap_or_else(|| panic!("no case {case}"));
    let (kind, id) = text(row, "entity").split_once(' ').expect("kind and id");
    let entity = batch.find(kind, id).unwrap_or_else(|| panic!("{case} has no {kind} {id}"));
    (entity.gauge(metric), entity.attribute("Type").map(str::to_owned))
}

/// Returns true for values that differ by nothing but the rounding of the arithmetic.
fn is_close(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-9 * left.abs().max(right.abs())
}

#[test]
fn every_metric_has_a_case_with_its_value() {
    let (table, outputs) = (table(), outputs());
    let mut names: Vec<_> = rows(&table, "metrics").iter().map(|row| text(row, "name")).collect();
    assert!(names.len() > 40);
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), rows(&table, "metrics").len(), "each metric has one row");
    for row in rows(&table, "metrics") {
        let metric = text(row, "name");
        let (value, kind) = found(&outputs, row, metric);
        let wanted = row["value"].as_f64().expect("a number");
        assert_ne!(wanted, 0.0, "{metric}: 0 is also what a mistake gives");
        assert!(value.is_some_and(|value| is_close(value, wanted)), "{metric}: {value:?}, expected {wanted}");
        assert_eq!(kind.as_deref(), Some(text(row, "type")), "{metric}");
    }
}

#[test]
fn further_values_are_those_of_the_table() {
    let (table, outputs) = (table(), outputs());
    for row in rows(&table, "examples") {
        let (value, _) = found(&outputs, row, text(row, "metric"));
        let is_right = match (value, row["value"].as_f64()) {
            (Some(value), Some(wanted)) => is_close(value, wanted),
            (None, None) => true,
            _ => false,
        };
        assert!(is_right, "{row}: {value:?}");
    }
}

#[test]
fn nothing_else_is_published() {
    let (table, outputs) = (table(), outputs());
    let known: BTreeMap<(&str, &str), &str> = rows(&table, "metrics")
        .iter()
        .map(|row| ((text(row, "type"), text(row, "name")), text(row, "unit")))
        .collect();
    let mut published = 0;
    for (case, batch) in &outputs {
        for entity in batch.entities() {
            let kind = entity.attribute("Type").unwrap_or_default();
            for (name, _) in entity.gauges().into_iter().filter(|(name, _)| !name.contains('.')) {
                let unit = known.get(&(kind, name)).unwrap_or_else(|| panic!("{case}: {name} on {kind}"));
                let descriptor = batch.find("metric", name).expect("a published metric has a descriptor");
                assert_eq!(descriptor.attribute("unit").unwrap_or(""), *unit, "{case}: {name}");
                published += 1;
            }
        }
    }
    assert!(published > 100, "{published}");
}

#[test]
fn events_of_volumes_have_the_attributes_of_their_pod() {
    let outputs = outputs();
    let volume = outputs["volumes"].find("volume", "a/data").expect("the volume");
    let mut attributes = volume.attributes();
    attributes.sort_unstable();
    let wanted = [
        ("AutoScalingGroupName", "ng-1"),
        ("ClusterName", "demo"),
        ("FullPodName", "web-x"),
        ("InstanceId", "i-0a1b"),
        ("InstanceType", "m5.xlarge"),
        ("Namespace", "shop"),
        ("NodeName", "n1"),
        ("PersistentVolumeClaimName", "web-data"),
        ("PodName", "web"),
        ("Service", "shop-front"),
        ("Sources", r#"["kubelet","calculated"]"#),
        ("Type", "PodVolume"),
        ("label.app", "web"),
        ("node.name", "n1"),
        ("owner.0.kind", "Deployment"),
        ("owner.0.name", "web"),
        ("pod.name", "web-x"),
        ("pod.namespace", "shop"),
        ("pod.uid", "a"),
        ("service.name", "shop-front"),
        ("volume.claim", "web-data"),
        ("volume.name", "data"),
    ];
    assert_eq!(attributes, wanted);
    for id in ["a/tmp", "a/unmeasured", "b/data"] {
        let other = outputs["volumes"].find("volume", id).expect("the volume");
        assert_eq!(other.attribute("Type"), None, "{id} is no event");
    }
}
