//! Test that the default declarations equal the files in `deploy/metric-declarations`.

use insightd_emf::Emf;
use insights_sdk::{Batch, Formatter, Limits, Unit};
use serde_json::{Value, json};

/// Parses the subset of YAML that the files use.
fn declarations(text: &str) -> Vec<Value> {
    let mut declarations: Vec<Value> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with(['#', 'm'])) {
        match line.trim_start() {
            "- dimensions:" => declarations.push(json!({"dimensions": [], "metric_name_selectors": []})),
            "metric_name_selectors:" => {}
            item => {
                let item = item.strip_prefix("- ").unwrap_or_else(|| panic!("{line}"));
                let last = declarations.last_mut().expect("a declaration");
                match item.strip_prefix('[').and_then(|set| set.strip_suffix(']')) {
                    Some(set) => last["dimensions"]
                        .as_array_mut()
                        .expect("as in the files")
                        .push(set.split(", ").collect()),
                    None => last["metric_name_selectors"]
                        .as_array_mut()
                        .expect("as in the files")
                        .push(item.into()),
                }
            }
        }
    }
    declarations
}

/// Returns the directives for an entity that has every dimension and every metric of the list.
fn directives(config: &Value, declarations: &[Value], kind: &str) -> Value {
    let emf = insights_sdk::configure(&config.to_string(), Emf::configure).expect("as in the files");
    // In a node's batch the defaults for cluster events do not apply.
    let batch = Batch::new("cluster", "c", 1, 60_000);
    let entity = batch.add("node", "n", None);
    entity.set_attribute("Type", kind);
    for declaration in declarations {
        for key in declaration["dimensions"]
            .as_array()
            .expect("as in the files")
            .iter()
            .flat_map(|set| set.as_array().expect("as in the files"))
        {
            entity.set_attribute(key.as_str().expect("as in the files"), "x");
        }
        for name in declaration["metric_name_selectors"].as_array().expect("as in the files") {
            entity.publish(name.as_str().expect("as in the files"), 1.0, Unit::Count);
        }
    }
    let limits = Limits { max_event_bytes: 1 << 20 };
    let payloads = emf.format(&batch, &limits).expect("as in the files");
    let event: Value = serde_json::from_slice(payloads.events().next().expect("as in the files").bytes)
        .expect("as in the files");
    event["_aws"]["CloudWatchMetrics"].clone()
}

#[test]
fn defaults_match_the_documented_files() {
    for (text, enhanced) in [
        (include_str!("../../../deploy/metric-declarations/basic.yaml"), false),
        (include_str!("../../../deploy/metric-declarations/enhanced.yaml"), true),
    ] {
        let declarations = declarations(text);
        assert_eq!(declarations.len(), if enhanced { 13 } else { 11 });
        let by_default = directives(&json!({"enhanced": enhanced}), &declarations, "Pod");
        let by_file = directives(&json!({"metric_declarations": declarations}), &declarations, "Pod");
        assert!(by_default.as_array().expect("as in the files").len() > 5);
        assert_eq!(by_default, by_file);
    }
}
