//! Properties of the formatter for every batch and every configuration.

use std::collections::{BTreeMap, BTreeSet};

use insightd_emf::Emf;
use insights_sdk::{Batch, Builder, Columns, Formatter, Limits, Payloads, configure, json};
use proptest::prelude::*;
use serde_json::Value;

const TIME: u64 = 1_735_689_630_412;

#[derive(Clone, Debug)]
struct TestEntity {
    attributes: Vec<(String, String)>,
    gauges: Vec<(String, f64)>,
}

fn key() -> impl Strategy<Value = String> {
    let known = [
        "Type",
        "ClusterName",
        "NodeName",
        "Namespace",
        "PodName",
        "Service",
        "InstanceId",
        "Sources",
        "kubernetes",
        "Timestamp",
        "Version",
        "_aws",
        "CloudWatchMetrics",
        "pod.name",
        "node.name",
        "container.id",
        "container.runtime",
        "label.app",
        "label.<&>",
        "owner.0.kind",
        "owner.0.name",
        "service.name",
        "unknown.raw",
        "task.id",
        "TaskId",
        "LaunchType",
        "TaskDefinitionFamily",
        "ServiceName",
        "pod_cpu_limit",
    ];
    prop_oneof![4 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => ".{0,12}"]
}

fn value() -> impl Strategy<Value = String> {
    let known = [
        "Pod",
        "Node",
        "InstanceNet",
        "",
        " ",
        r#"["a",{"b":1e400}]"#,
        r#"{"z":1,"a":[true,null]}"#,
        "containerd",
        "fargate",
    ];
    prop_oneof![
        3 => prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        2 => "[a-z]{1,10}",
        1 => ".{0,20}",
        1 => (1000_usize..1100).prop_map(|length| "x".repeat(length)),
    ]
}

fn name() -> impl Strategy<Value = String> {
    let known = [
        "pod_cpu_utilization",
        "pod_cpu_limit",
        "pod_memory_limit",
        "pod_number_of_container_restarts",
        "node_cpu_limit",
        "CpuUtilized",
        "RestartCount",
        "Type",
        "Version",
    ];
    prop_oneof![
        3 => prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        3 => "m[0-9]{1,3}",
        1 => ".{0,12}",
    ]
}

fn gauge_value() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), (0_u64..10_000).prop_map(|value| value as f64), Just(f64::NAN), Just(-0.0)]
}

fn test_entity() -> impl Strategy<Value = TestEntity> {
    let attributes = prop::collection::vec((key(), value()), 0..14);
    let gauges = prop_oneof![
        8 => prop::collection::vec((name(), gauge_value()), 0..20),
        1 => prop::collection::vec((name(), gauge_value()), 200..300),
    ];
    (attributes, gauges, prop::bool::weighted(0.9)).prop_map(|(mut attributes, gauges, typed)| {
        if typed {
            let is_task = attributes.iter().any(|(key, _)| key == "task.id");
            attributes.push(("Type".into(), if is_task { "Task" } else { "Pod" }.into()));
            attributes.push(("ClusterName".into(), "c".into()));
        }
        TestEntity { attributes, gauges }
    })
}

fn config() -> impl Strategy<Value = String> {
    let declarations = [
        "",
        r#""enhanced":true,"#,
        r#""metric_declarations":[],"#,
        r#""metric_declarations":[{"dimensions":[["ClusterName"],[]],"metric_name_selectors":[".*"]}],"#,
        r#""metric_declarations":[{"dimensions":[["ClusterName","PodName"],["Namespace"]],"metric_name_selectors":["m.*","pod_(cpu|x)_limit"],
            "label_matchers":[{"label_names":["Type","Namespace"],"regex":"Pod;[a-z]*"}]},
            {"dimensions":[["Service"],["ClusterName"]],"metric_name_selectors":["1"]}],"anchored":false,"#,
    ];
    let rollups = ["NoDimensionRollup", "SingleDimensionRollupOnly", "ZeroAndSingleDimensionRollup"];
    let parts = (
        prop::sample::select(declarations.to_vec()),
        prop::sample::select(rollups.to_vec()),
        prop::sample::select(vec!["0", "1"]),
        any::<bool>(),
        any::<bool>(),
    );
    parts.prop_map(|(declarations, rollup, version, fine, json)| {
        let resolution = if fine { 1 } else { 60 };
        let json = if json { r#"["Sources","kubernetes"]"# } else { "[]" };
        format!(
            r#"{{{declarations}"dimension_rollup_option":"{rollup}","version":"{version}","storage_resolution":{resolution},"json_attributes":{json}}}"#
        )
    })
}

/// Builds rows without the checks of the SDK: a host's mistake must not result in invalid JSON either.
fn columns(entities: &[TestEntity]) -> Columns {
    let mut builder = Builder::new("node", "n", TIME, 60_000);
    for (at, test_entity) in entities.iter().enumerate() {
        let entity = builder.entity("thing", &at.to_string(), None);
        for (key, value) in &test_entity.attributes {
            builder.attribute(entity, key, value);
        }
        for (name, value) in &test_entity.gauges {
            builder.gauge(entity, name, *value);
        }
    }
    builder.finish()
}

fn run(config: &str, columns: Columns, max_event_bytes: u32) -> Payloads {
    let emf = configure(config, Emf::configure).expect("the configuration is good");
    let (payloads, _) = insights_sdk::log::capture(|| {
        emf.format(&Batch::from_columns(columns), &Limits { max_event_bytes })
            .expect("formatting does not fail")
    });
    payloads.check().expect("the payloads keep the contract");
    payloads
}

/// Returns the members of a JSON object in their order, duplicates included.
fn members(text: &[u8]) -> Vec<(String, Value)> {
    struct Members(Vec<(String, Value)>);
    struct Visitor;
    impl<'de> serde::de::Visitor<'de> for Visitor {
        type Value = Members;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(Members(members))
        }
    }
    impl<'de> serde::Deserialize<'de> for Members {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(Visitor)
        }
    }
    let parsed: Result<Members, _> = serde_json::from_slice(text);
    parsed.unwrap_or_else(|error| panic!("not JSON ({error}): {}", String::from_utf8_lossy(text))).0
}

fn check_directives(event: &BTreeMap<String, Value>) {
    let directives =
        event.get("CloudWatchMetrics").or_else(|| event.get("_aws").map(|aws| &aws["CloudWatchMetrics"]));
    let Some(directives) = directives.and_then(Value::as_array) else { return };
    assert!(!directives.is_empty());
    let mut listed = BTreeSet::new();
    for directive in directives {
        assert!(!directive["Namespace"].as_str().expect("a namespace").is_empty());
        let sets = directive["Dimensions"].as_array().expect("dimension sets");
        assert!(!sets.is_empty());
        assert_eq!(
            sets.iter().map(Value::to_string).collect::<BTreeSet<_>>().len(),
            sets.len(),
            "sets differ"
        );
        for set in sets {
            let keys: Vec<_> =
                set.as_array().expect("a set").iter().map(|key| key.as_str().expect("a key")).collect();
            assert!(keys.len() <= 30 && keys.is_sorted_by(|left, right| left < right), "{keys:?}");
            for key in keys {
                let value = event.get(key).and_then(Value::as_str);
                let value = value.unwrap_or_else(|| panic!("dimension {key} is not a string of the event"));
                assert!(!value.trim().is_empty() && value.len() <= 1024 && key.len() <= 250);
                assert!(
                    value.chars().chain(key.chars()).all(|c| (' '..='~').contains(&c)),
                    "{key}: {value:?}"
                );
            }
        }
        let metrics = directive["Metrics"].as_array().expect("metrics");
        assert!((1..=100).contains(&metrics.len()));
        for metric in metrics {
            let name = metric["Name"].as_str().expect("a name");
            assert!(
                event.get(name).is_some_and(Value::is_number),
                "metric {name} is not a number of the event"
            );
            assert!(!name.is_empty() && name.chars().count() <= 1024);
            assert!(listed.insert(name), "metric {name} is in two directives");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_event_can_be_taken(
        entities in prop::collection::vec(test_entity(), 0..5), config in config(), max in prop_oneof![20_u32..3000, Just(262_118)],
    ) {
        let payloads = run(&config, columns(&entities), max);
        for event in payloads.events() {
            prop_assert!(event.bytes.len() <= max as usize);
            prop_assert!(!event.bytes.contains(&b'\n'));
            prop_assert_eq!(event.time_unix_ms, TIME);
            // An incomplete name is not a destination; a complete one is accepted by CloudWatch Logs.
            for (key, value) in event.route {
                let is_taken = |c: char| match &**key {
                    "log_group" => c.is_ascii_alphanumeric() || ".-_/#".contains(c),
                    _ => !":*".contains(c) && !c.is_control(),
                };
                prop_assert!(["log_group", "log_stream"].contains(&&**key) && value.chars().all(is_taken), "{key} {value}");
            }
            let list = members(event.bytes);
            let event: BTreeMap<_, _> = list.iter().cloned().collect();
            prop_assert_eq!(event.len(), list.len(), "duplicate member in {:?}", list);
            check_directives(&event);
        }
    }

    /// Given enough room, no gauge is lost, and every number reads back with the same bits.
    #[test]
    fn every_value_is_emitted(entities in prop::collection::vec(test_entity(), 0..4), config in config(), max in prop_oneof![Just(40_000_u32), Just(262_118)]) {
        let payloads = run(&config, columns(&entities), max);
        let mut events = payloads.events().map(|event| members(event.bytes)).peekable();
        for test_entity in &entities {
            let attributes: BTreeMap<_, _> = test_entity.attributes.iter().cloned().collect();
            if !attributes.contains_key("Type") {
                continue;
            }
            let values: BTreeMap<_, _> =
                test_entity.gauges.iter().filter(|(_, value)| value.is_finite()).map(|(name, value)| (name.clone(), *value)).collect();
            let mut found = BTreeMap::new();
            let mut parts = 0;
            // Parts of one entity are adjacent; the last part holds its last gauge.
            let wanted: BTreeMap<_, _> = values.into_iter().filter(|(name, _)| {
                !attributes.contains_key(name) && !["Timestamp", "Version", "_aws", "CloudWatchMetrics", "kubernetes"].contains(&name.as_str())
            }).collect();
            while parts == 0 || found.len() < wanted.len() {
                let Some(event) = events.next() else { break };
                parts += 1;
                found.extend(event.into_iter().filter_map(|(name, value)| {
                    let number = value.as_f64().filter(|_| !attributes.contains_key(&name))?;
                    Some((name, number))
                }));
            }
            let bits = |values: &BTreeMap<String, f64>| -> Vec<_> {
                values.iter().map(|(name, value)| (name.clone(), value.to_bits())).collect()
            };
            prop_assert_eq!(bits(&found), bits(&wanted));
        }
        prop_assert!(events.next().is_none(), "unexpected events");
    }

    /// The order of rows has no meaning, so it must not affect the output.
    #[test]
    fn the_order_of_rows_does_not_change_the_output(entities in prop::collection::vec(test_entity(), 1..4), config in config(), turn in 0_usize..50) {
        // Of two rows with one name the last is used: only unambiguous rows may be reordered.
        let unique = |test_entity: &TestEntity| TestEntity {
            attributes: test_entity.attributes.iter().cloned().collect::<BTreeMap<_, _>>().into_iter().collect(),
            gauges: test_entity.gauges.iter().map(|(name, value)| (name.clone(), *value)).filter(|(_, value)| value.is_finite())
                .collect::<BTreeMap<_, _>>().into_iter().collect(),
        };
        let entities: Vec<TestEntity> = entities.iter().map(unique).collect();
        let turned: Vec<TestEntity> = entities.iter().map(|test_entity| {
            let mut test_entity = test_entity.clone();
            let attributes = test_entity.attributes.len();
            test_entity.attributes.rotate_left(turn % attributes.max(1));
            test_entity.gauges.reverse();
            test_entity
        }).collect();
        let (left, right) = (run(&config, columns(&entities), 4000), run(&config, columns(&turned), 4000));
        prop_assert_eq!(String::from_utf8_lossy(&left.body), String::from_utf8_lossy(&right.body));
    }

    /// The rule of the Container Insights agents' encoder: shortest text, no `.0`, exponent only below 1e-6 and from 1e21.
    #[test]
    fn numbers_are_written_by_the_rule(value in any::<f64>().prop_filter("finite", |value| value.is_finite())) {
        let mut text = Vec::new();
        json::write_number(&mut text, value);
        let text = String::from_utf8(text).expect("ASCII");
        prop_assert_eq!(text.parse::<f64>().map(f64::to_bits), Ok(value.to_bits()));
        // Of two shortest texts that read back alike, either is valid: only the last digits differ.
        prop_assert_eq!(shape(&text), shape(&by_the_rule(value)));
    }
}

/// Returns the text with each digit replaced by `0`.
fn shape(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}

/// Formats a number by the rule, from the shortest digits of the standard library.
fn by_the_rule(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').expect("an exponent");
        let (sign, exponent) = exponent.strip_prefix('-').map_or(("+", exponent), |exponent| ("-", exponent));
        return format!("{digits}e{sign}{exponent}");
    }
    format!("{value}")
}

#[test]
fn equal_texts_with_different_ids_are_one_name() {
    let text = |columns: &mut Columns, text: &str| {
        columns.text.push_str(text);
        columns.string_ends.push(columns.text.len() as u32);
        columns.string_ends.len() as u32 - 1
    };
    let mut columns = Columns { time_unix_ms: TIME, ..Columns::default() };
    let kind = text(&mut columns, "pod");
    columns.entities.kind.push(kind);
    columns.entities.id.push(kind);
    columns.entities.parent.push(u32::MAX);
    for (key, value) in
        [("Type", "Node"), ("Type", "Pod"), ("label.a", "1"), ("label.a", "2"), ("x", "1"), ("x", "2")]
    {
        let (key, value) = (text(&mut columns, key), text(&mut columns, value));
        columns.attributes.entity.push(0);
        columns.attributes.key.push(key);
        columns.attributes.value.push(value);
    }
    for value in [1.0, 2.0] {
        let name = text(&mut columns, "m");
        columns.gauges.entity.push(0);
        columns.gauges.name.push(name);
        columns.gauges.value.push(value);
    }
    columns.check().expect("the contract allows it");
    let payloads = run("{}", columns, 10_000);
    let expected = format!(
        r#"{{"Timestamp":"{TIME}","Type":"Pod","Version":"0","kubernetes":{{"labels":{{"a":"2"}}}},"m":2,"x":"2"}}"#
    );
    assert_eq!(String::from_utf8_lossy(&payloads.body), expected);
}
