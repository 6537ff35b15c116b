//! Tests that the default declarations equal the files in `deploy/metric-declarations`.

use std::collections::BTreeSet;

use insightd_emf::Emf;
use insights_sdk::golden::{self, Case};
use insights_sdk::{Batch, Formatter, Limits, Unit};
use serde_json::{Value, json};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
const BASIC: &str = include_str!("../../../deploy/metric-declarations/basic.yaml");
const ENHANCED: &str = include_str!("../../../deploy/metric-declarations/enhanced.yaml");
const ECS: &str = include_str!("../../../deploy/metric-declarations/ecs.yaml");
const ECS_ENHANCED: &str = include_str!("../../../deploy/metric-declarations/ecs-enhanced.yaml");

/// Returns the list of a file, converted to JSON as the agent converts its configuration.
fn declarations(text: &str) -> Vec<Value> {
    let node = insightd_yaml::parse(text).expect("the file is YAML").expect("the file is not empty");
    let mut config = node.to_json();
    let Value::Array(list) = config["metric_declarations"].take() else { panic!("no list of declarations") };
    list
}

/// Returns the distinct texts of a list of each declaration, or of the lists in it.
fn texts<'d>(declarations: &'d [Value], key: &str) -> BTreeSet<&'d str> {
    fn collect<'d>(value: &'d Value, found: &mut BTreeSet<&'d str>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            text => _ = found.insert(text.as_str().expect("text")),
        }
    }
    let mut found = BTreeSet::new();
    declarations.iter().for_each(|declaration| collect(&declaration[key], &mut found));
    found
}

/// Returns the directives for an entity that has every dimension and every metric of the list, and some attributes.
fn directives(config: &Value, declarations: &[Value], attributes: &[(&str, &str)]) -> Value {
    let emf = insights_sdk::configure(&config.to_string(), Emf::configure).expect("a valid configuration");
    // In a node's batch the defaults for cluster events do not apply.
    let batch = Batch::new("cluster", "c", 1, 60_000);
    let entity = batch.add("node", "n", None);
    for &(key, value) in attributes {
        entity.set_attribute(key, value);
    }
    for key in texts(declarations, "dimensions") {
        entity.set_attribute(key, "x");
    }
    for name in texts(declarations, "metric_name_selectors") {
        entity.publish(name, 1.0, Unit::Count);
    }
    let limits = Limits { max_event_bytes: 1 << 20 };
    let payloads = emf.format(&batch, &limits).expect("events");
    let event: Value =
        serde_json::from_slice(payloads.events().next().expect("an event").bytes).expect("JSON");
    event["_aws"]["CloudWatchMetrics"].clone()
}

#[test]
fn defaults_match_the_documented_files() {
    for (text, enhanced, count) in [(BASIC, false, 11), (ENHANCED, true, 13)] {
        let declarations = declarations(text);
        assert_eq!(declarations.len(), count);
        let pod = [("Type", "Pod")];
        let by_default = directives(&json!({"enhanced": enhanced}), &declarations, &pod);
        let by_file = directives(&json!({"metric_declarations": declarations}), &declarations, &pod);
        assert!(by_default.as_array().expect("a list").len() > 5);
        assert_eq!(by_default, by_file);
    }
}

#[test]
fn defaults_match_the_files_of_ecs() {
    for (text, enhanced, count) in [(ECS, false, 3), (ECS_ENHANCED, true, 6)] {
        let declarations = declarations(text);
        assert_eq!(declarations.len(), count);
        let of_file = |kind: &str, name: &str| {
            let matches = |declaration: &&Value| {
                let names = declaration["metric_name_selectors"].as_array().expect("a list");
                let regex = declaration["label_matchers"][0]["regex"].as_str();
                names.iter().any(|known| known == name)
                    && regex.is_none_or(|regex| regex == format!("^{kind};."))
            };
            declarations.iter().any(|declaration| matches(&declaration))
        };
        for (kind, has_task) in
            [("Instance", false), ("Task", true), ("Container", true), ("Task", false), ("Container", false)]
        {
            let task = ("task.id", "fd84326dd7a44ad48c74d2487f773e1e");
            let attributes = [("Type", kind), if has_task { task } else { ("LaunchType", "EC2") }];
            let by_default = directives(&json!({"enhanced": enhanced}), &declarations, &attributes);
            let by_file =
                directives(&json!({"metric_declarations": declarations}), &declarations, &attributes);
            assert_eq!(by_default, by_file, "{kind} {has_task}");
            let declared: BTreeSet<&str> = by_file
                .as_array()
                .expect("a list")
                .iter()
                .flat_map(|directive| directive["Metrics"].as_array().expect("a list"))
                .map(|metric| metric["Name"].as_str().expect("a name"))
                .collect();
            let mut wanted = texts(&declarations, "metric_name_selectors");
            wanted.retain(|name| of_file(if has_task { kind } else { "" }, name));
            assert_eq!(declared, wanted, "{kind} {has_task}");
        }
    }
}

/// Tests that the files leave every event of ECS as it is by default.
#[test]
fn events_of_ecs_are_the_same_with_the_files() {
    const ANY: [&str; 4] = ["aws_instance", "classic_instance", "aws_instance_fs", "heartbeat_instance"];
    const OF_BASIC: [&str; 5] =
        ["ecs_tasks", "ecs_tasks_classic", "ecs_sidecar", "ecs_sidecar_classic", "ecs_sidecar_options"];
    const OF_ENHANCED: [&str; 2] = ["ecs_tasks_enhanced", "ecs_sidecar_enhanced"];
    for (text, enhanced, cases) in [(ECS, false, &OF_BASIC[..]), (ECS_ENHANCED, true, &OF_ENHANCED[..])] {
        for name in ANY.iter().chain(cases) {
            let mut case = Case::load(format!("{CASES}/{name}")).unwrap_or_else(|error| panic!("{error}"));
            let mut config: Value = serde_json::from_str(&case.config).expect("a configuration");
            config["enhanced"] = enhanced.into();
            case.config = config.to_string();
            let by_default = golden::format::<Emf>(&case).text();
            config["enhanced"] = false.into();
            config["metric_declarations"] = declarations(text).into();
            case.config = config.to_string();
            assert!(by_default.contains("CloudWatchMetrics"), "{name} has no metrics");
            assert_eq!(golden::format::<Emf>(&case).text(), by_default, "{name}");
        }
    }
}
