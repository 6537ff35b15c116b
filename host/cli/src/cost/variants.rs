//! Variants of a configuration: what one line less, or another value of one option, changes.

use serde_json::{Map, Value};

use insightd::config::Config;
use insightd_pipeline::OutputSpec;

/// Maximum number of variants: each runs the whole recording.
const MAX_VARIANTS: usize = 64;
/// Maximum number of characters of a shown value.
const SHOWN: usize = 60;

/// A configuration with one change.
#[derive(Debug)]
pub(super) struct Variant {
    /// The change, such as `node/output-1: without metric_declarations[2]`.
    pub(super) name: String,
    /// The changed configuration.
    pub(super) config: Config,
}

/// A change of a formatter: its name, and the keys that are set.
type Change = (String, Vec<(&'static str, Value)>);

/// Returns the variants of a configuration, and the number of those that are too many.
pub(super) fn variants(config: &Config) -> (Vec<Variant>, usize) {
    let mut variants = Vec::new();
    let mut left_out = 0;
    for (pipeline, spec) in config.pipelines.iter().enumerate() {
        for (output, OutputSpec { formatter, .. }) in spec.outputs.iter().enumerate() {
            for (name, keys) in changes_of(&formatter.name, &formatter.config.text) {
                if variants.len() >= MAX_VARIANTS {
                    left_out += 1;
                    continue;
                }
                let mut config = config.clone();
                let outputs = config.pipelines.get_mut(pipeline).map(|pipeline| &mut pipeline.outputs);
                if let Some(changed) = outputs.and_then(|outputs| outputs.get_mut(output)) {
                    keys.into_iter().for_each(|(key, value)| changed.formatter.config.set(key, value));
                }
                let name = format!("{}/output-{}: {name}", spec.name, output + 1);
                variants.push(Variant { name, config });
            }
        }
    }
    (variants, left_out)
}

/// Returns the changes of a formatter with this configuration, a JSON object.
fn changes_of(formatter: &str, config: &str) -> Vec<Change> {
    let keys: Map<String, Value> = serde_json::from_str(config).unwrap_or_default();
    match formatter {
        "emf" => emf(&keys),
        "otlp" => otlp(&keys),
        _ => Vec::new(),
    }
}

fn emf(keys: &Map<String, Value>) -> Vec<Change> {
    let mut changes = Vec::new();
    let flag = |key: &str| keys.get(key) == Some(&Value::Bool(true));
    if flag("disable_metric_extraction") {
        return drop_events(flag("drop_events_without_metrics"));
    }
    let (main, extra) = ("metric_declarations", "extra_metric_declarations");
    for (key, other) in [(main, extra), (extra, main)] {
        let declarations = list(keys.get(key));
        for (index, declaration) in declarations.iter().enumerate() {
            let mut rest = declarations.to_vec();
            rest.remove(index);
            let other = keys.get(other);
            // Without any declaration, `[]` declares all gauges instead of none; without the key, the defaults apply.
            let is_last = rest.is_empty() && list(other).is_empty() && (key == main || other.is_some());
            let change = match is_last {
                true => ("disable_metric_extraction", Value::Bool(true)),
                false => (key, Value::Array(rest)),
            };
            let shown = shown(&declaration["metric_name_selectors"]);
            changes.push((format!("without {key}[{index}] {shown}"), vec![change]));
        }
    }
    if flag("enhanced") {
        changes.push(("enhanced: false".into(), vec![("enhanced", Value::Bool(false))]));
    }
    if keys.get("dimension_rollup_option").is_some_and(|option| option != "NoDimensionRollup") {
        let key = "dimension_rollup_option";
        changes.push((format!("{key}: NoDimensionRollup"), vec![(key, "NoDimensionRollup".into())]));
    }
    changes.extend(drop_events(flag("drop_events_without_metrics")));
    let key = "disable_metric_extraction";
    changes.push((format!("{key}: true"), vec![(key, Value::Bool(true))]));
    changes
}

fn drop_events(is_on: bool) -> Vec<Change> {
    let key = "drop_events_without_metrics";
    if is_on { Vec::new() } else { vec![(format!("{key}: true"), vec![(key, Value::Bool(true))])] }
}

fn otlp(keys: &Map<String, Value>) -> Vec<Change> {
    let mut changes = Vec::new();
    // All labels of pods without the key, except in the dialect of the semantic conventions.
    let has_labels = match keys.get("labels") {
        Some(labels) => !list(Some(labels)).is_empty(),
        None => keys.get("dialect").is_none_or(|dialect| dialect != "semconv"),
    };
    if has_labels {
        changes.push(("labels: []".into(), vec![("labels", Value::Array(Vec::new()))]));
    }
    for key in ["descriptions", "source_attributes"] {
        if keys.get(key) == Some(&Value::Bool(true)) {
            changes.push((format!("{key}: false"), vec![(key, Value::Bool(false))]));
        }
    }
    let resource = keys.get("resource").and_then(Value::as_object);
    for key in resource.into_iter().flat_map(Map::keys) {
        let mut rest = resource.cloned().unwrap_or_default();
        rest.remove(key);
        changes.push((format!("without resource.{key}"), vec![("resource", Value::Object(rest))]));
    }
    let published = list(keys.get("published"));
    for (index, name) in published.iter().enumerate() {
        let mut rest = published.to_vec();
        rest.remove(index);
        let change = vec![("published", Value::Array(rest))];
        changes.push((format!("without published[{index}] {}", shown(name)), change));
    }
    changes
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(formatter: &str, config: &str) -> Vec<String> {
        changes_of(formatter, config).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn each_line_is_a_change() {
        let (drop, disable) = ("drop_events_without_metrics: true", "disable_metric_extraction: true");
        assert_eq!(names("emf", "{}"), [drop, disable]);
        assert_eq!(names("emf", r#"{"enhanced":true}"#), ["enhanced: false", drop, disable]);
        let two = r#"{"metric_declarations":[{"metric_name_selectors":["a"]},{"metric_name_selectors":["b"]}],"drop_events_without_metrics":true}"#;
        let expected =
            [r#"without metric_declarations[0] ["a"]"#, r#"without metric_declarations[1] ["b"]"#, disable];
        assert_eq!(names("emf", two), expected);
        assert_eq!(names("emf", r#"{"disable_metric_extraction":true}"#), [drop]);
        assert_eq!(names("otlp", "{}"), ["labels: []"]);
        assert!(names("otlp", r#"{"dialect":"semconv"}"#).is_empty() && names("team", "{}").is_empty());
        let all = r#"{"labels":[],"descriptions":true,"resource":{"a":"b"},"published":["m"]}"#;
        let expected = ["descriptions: false", "without resource.a", r#"without published[0] "m""#];
        assert_eq!(names("otlp", all), expected);
    }

    #[test]
    fn the_last_declaration_leaves_none_instead_of_all() {
        let set = |config: &str| changes_of("emf", config).remove(0).1.remove(0);
        let disabled = ("disable_metric_extraction", Value::Bool(true));
        assert_eq!(set(r#"{"metric_declarations":[{}]}"#), disabled);
        assert_eq!(set(r#"{"metric_declarations":[],"extra_metric_declarations":[{}]}"#), disabled);
        let empty = Value::Array(Vec::new());
        assert_eq!(
            set(r#"{"extra_metric_declarations":[{}]}"#),
            ("extra_metric_declarations", empty.clone())
        );
        let both = r#"{"metric_declarations":[{}],"extra_metric_declarations":[{}]}"#;
        assert_eq!(set(both), ("metric_declarations", empty));
    }
}
