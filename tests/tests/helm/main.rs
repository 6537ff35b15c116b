//! Tests of the Helm chart, without a cluster: for the same choices it renders the objects that kustomize renders, the agent accepts
//! its configurations, and values that it does not know are errors.

mod equal;
mod tools;
mod values;

use std::collections::BTreeSet;
use std::fs;

use insightd_tests::deploy::IMAGE_NAME;
use insightd_tests::top;
use serde_json::Value;

fn chart_file(name: &str) -> Value {
    let text = fs::read_to_string(top().join("deploy/helm/insightd").join(name)).expect("can be read");
    serde_saphyr::from_str(&text).expect("is YAML")
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().expect("a mapping").keys().map(String::as_str).collect()
}

#[test]
fn chart_and_image_have_the_version_of_the_workspace() {
    let chart = chart_file("Chart.yaml");
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
    let values = chart_file("values.yaml");
    assert_eq!(values["image"]["repository"], IMAGE_NAME);
    assert_eq!(values["image"]["tag"], "");
}

/// Fails if the configuration has a new section: add it to `config` in values.schema.json.
#[test]
fn schema_knows_every_section_of_the_configuration() {
    let text = fs::read_to_string(top().join("deploy/insightd.yaml")).expect("can be read");
    let reference: Value = serde_saphyr::from_str(&text).expect("is YAML");
    let sections = keys(&reference);
    let schema = chart_file("values.schema.json");
    assert_eq!(keys(&schema["definitions"]["config"]["properties"]), sections);
}
