//! Bodies of CloudWatch dashboards.

use insightd_tests::manifests::{list, text};
use serde_json::Value;

use crate::insights::Fields;
use crate::search::{self, CLUSTER};
use crate::tables::{Declared, Names};
use crate::{changed, json, read};

const FILES: [&str; 3] = ["cloudwatch-eks.json", "cloudwatch-ecs.json", "cloudwatch-agent.json"];
/// Region in the files, which a user replaces.
const REGION: &str = "us-east-1";
const COLUMNS: u64 = 24;
const STATISTICS: [&str; 5] = ["Average", "Maximum", "Minimum", "SampleCount", "Sum"];

/// Returns all problems of a dashboard.
fn check(dashboard: &Value) -> Vec<String> {
    let declared = Declared::all();
    let fields = Fields::new(&declared);
    let mut problems = Vec::new();
    let keys = ["periodOverride", "start", "variables", "widgets"];
    let found: Vec<&str> = dashboard.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    if found != keys {
        problems.push(format!("keys {found:?}"));
    }
    for variable in list(&dashboard["variables"]) {
        if let Some(text) = variable["search"].as_str() {
            // The search has no term for the cluster: it finds the clusters.
            problems.extend(search::search(text, &declared));
            if variable["pattern"] != CLUSTER || variable["populateFrom"] != "ClusterName" {
                problems.push(format!("variable {variable}"));
            }
        }
    }
    let mut cells = std::collections::BTreeSet::new();
    for widget in list(&dashboard["widgets"]) {
        let properties = &widget["properties"];
        let mut add = |problem: String| problems.push(format!("{}: {problem}", properties["title"]));
        let of = |key: &str| widget[key].as_u64().unwrap_or(u64::MAX / 4);
        let (x, y, width, height) = (of("x"), of("y"), of("width"), of("height"));
        if x + width > COLUMNS || width == 0 || height == 0 || height > 100 {
            add(format!("outside of the grid: {x}, {y}, {width}, {height}"));
        } else if (x..x + width).any(|x| (y..y + height).any(|y| !cells.insert((x, y)))) {
            add("overlaps another widget".into());
        }
        match text(&widget["type"]) {
            "text" => continue,
            "metric" => metrics(properties, &declared).into_iter().for_each(&mut add),
            "log" => fields.check(text(&properties["query"])).into_iter().for_each(&mut add),
            other => add(format!("type {other}")),
        }
        if properties["region"] != REGION {
            add(format!("region {}", properties["region"]));
        }
    }
    problems
}

/// Returns the problems of the metrics of a widget: arrays `[NAMESPACE, METRIC, DIMENSION, VALUE, …, {OPTIONS}]` and `[{EXPRESSION}]`.
fn metrics(properties: &Value, declared: &Declared) -> Vec<String> {
    let mut problems = Vec::new();
    let rows = list(&properties["metrics"]);
    let options = |row: &Value| list(row).last().filter(|last| last.is_object()).cloned().unwrap_or_default();
    let given: Vec<String> = rows.iter().map(|row| text(&options(row)["id"]).to_owned()).collect();
    let given: Vec<String> = given.into_iter().filter(|id| !id.is_empty()).collect();
    let ids: Names = given.iter().cloned().collect();
    if rows.is_empty() || ids.len() != given.len() {
        problems.push("no metrics, or an id occurs twice".into());
    }
    for row in rows {
        let options = options(row);
        let statistic = options.get("stat").unwrap_or(&properties["stat"]);
        if !STATISTICS.contains(&text(statistic)) {
            problems.push(format!("statistic {statistic}"));
        }
        if let Some(expression) = options["expression"].as_str() {
            problems.extend(search::check(expression, &ids, declared));
            continue;
        }
        let names: Vec<&str> = list(row).iter().filter_map(Value::as_str).collect();
        let [namespace, metric, dimensions @ ..] = &names[..] else {
            problems.push(format!("row {row}"));
            continue;
        };
        let pairs = dimensions.chunks(2);
        if pairs.clone().any(|pair| pair.len() != 2 || (pair[0] == "ClusterName" && pair[1] != CLUSTER)) {
            problems.push(format!("dimensions of {row}"));
        }
        let dimensions = pairs.map(|pair| pair[0].to_owned()).collect();
        problems.extend(declared.problem(namespace, metric, &dimensions));
    }
    problems
}

#[test]
fn dashboards_show_what_is_published() {
    for file in FILES {
        assert_eq!(check(&json(file)), [""; 0], "{file}");
    }
}

#[test]
fn mistakes_in_dashboards_are_found() {
    let good = read("cloudwatch-eks.json");
    for (old, new) in [
        ("node_cpu_utilization", "node_cpu_utilisation"),
        ("{ContainerInsights,ClusterName,InstanceId,NodeName}", "{ContainerInsights,ClusterName,NodeName}"),
        ("\"cluster_failed_node_count\", \"ClusterName\"", "\"cluster_failed_node_count\", \"NodeName\""),
        ("container_memory_working_set", "container_memory_workingset"),
        ("us-east-1", "us-west-2"),
        ("\"x\": 16", "\"x\": 17"),
        ("\"Maximum\"", "\"Max\""),
    ] {
        let wrong = serde_json::from_str(&changed(&good, old, new)).unwrap();
        assert_ne!(check(&wrong), [""; 0], "{new}");
    }
}

/// The two texts that docs/dashboards.md replaces with `sed` are all that belongs to a place.
#[test]
fn region_and_cluster_can_be_replaced() {
    for file in FILES {
        let text = read(file).replace(REGION, "eu-west-1").replace(CLUSTER, "shop");
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        let widgets = list(&dashboard["widgets"]).iter().filter(|widget| widget["type"] != "text");
        assert!(widgets.clone().count() > 5, "{file}");
        for widget in widgets {
            assert!(
                widget["properties"]["region"] == "eu-west-1" && widget.to_string().contains("shop"),
                "{widget}"
            );
        }
    }
}
