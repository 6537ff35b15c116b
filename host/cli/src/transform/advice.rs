//! Advice about components that build but have problems: too large, without the export macro, or with calls that no component may make.

use serde_json::Value;

use super::inspect::{Outline, PACKAGE};
use super::largest::Largest;

/// Component size, in bytes, from which its share of a ConfigMap (1 MiB for all components of a node) is worth a warning.
const LARGE_BYTES: usize = 500 << 10;

/// Maximum number of crates named in a warning about the size.
const NAMED_CRATES: usize = 4;

/// Interfaces that the standard library can import and the agent never grants, with the effect at run time.
const DENIED: &[(&str, &str)] = &[
    ("wasi:clocks/", "the component reads a clock (`std::time`), which traps: use `batch.time_unix_ms()`"),
    ("wasi:filesystem/", "the component opens files (`std::fs`): the sandbox has none, every call fails"),
    (
        "wasi:sockets/",
        "the component opens sockets (`std::net`): the sandbox has no network, every call fails",
    ),
];

/// Error text for a component that exports neither world of the contract.
pub(super) const NO_WORLD: &str = "the component exports no world of insights:transform; add \
     `insights_sdk::export_transform!(TYPE);` (or `export_formatter!`) to src/lib.rs";

/// Returns a warning for each problem that an author should know about before deploying the component.
pub(super) fn warnings(outline: &Outline, bytes: usize, largest: &Largest) -> Vec<String> {
    let mut warnings = Vec::new();
    for (prefix, warning) in DENIED {
        if outline.imports.iter().any(|import| import.starts_with(prefix)) {
            warnings.push((*warning).to_owned());
        }
    }
    if bytes >= LARGE_BYTES {
        let crates = largest.describe(NAMED_CRATES);
        warnings.push(format!(
            "the component has {} KiB; a ConfigMap holds 1024 KiB for all components of a node{crates}",
            bytes >> 10
        ));
    }
    warnings
}

/// Returns true if the component exports an interface of the contract.
pub(super) fn has_world(outline: &Outline) -> bool {
    outline.exports.iter().any(|export| export.starts_with(PACKAGE))
}

/// Returns the top-level keys of a configuration that the component's schema does not list. Returns none if the schema
/// allows additional properties or lists none.
pub(super) fn keys_missing_in_schema(schema: &str, config: &str) -> Vec<String> {
    let (Ok(schema), Ok(Value::Object(config))) =
        (serde_json::from_str::<Value>(schema), serde_json::from_str::<Value>(config))
    else {
        return Vec::new();
    };
    let Some(properties) = schema["properties"].as_object() else { return Vec::new() };
    if schema["additionalProperties"].is_object() || schema["additionalProperties"] == true {
        return Vec::new();
    }
    config.into_iter().map(|(key, _)| key).filter(|key| !properties.contains_key(key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(imports: &[&str]) -> Outline {
        Outline { imports: imports.iter().map(|&import| import.into()).collect(), ..Outline::default() }
    }

    #[test]
    fn clocks_and_size_are_warned_about() {
        let quiet = outline(&["insights:transform/log@0.1.0", "wasi:cli/stderr@0.2.6"]);
        assert!(warnings(&quiet, LARGE_BYTES - 1, &Largest::default()).is_empty());
        let loud = outline(&["wasi:clocks/wall-clock@0.2.6", "wasi:clocks/monotonic-clock@0.2.6"]);
        let said = warnings(&loud, 1_055_016, &Largest::default());
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].contains("use `batch.time_unix_ms()`"), "{said:?}");
        assert!(said[1].starts_with("the component has 1030 KiB; a ConfigMap holds 1024 KiB"), "{said:?}");
    }

    #[test]
    fn a_schema_that_lags_behind_is_seen() {
        let schema = r#"{"type":"object","properties":{"label":{}},"additionalProperties":false}"#;
        assert_eq!(keys_missing_in_schema(schema, r#"{"label":"a","lable":"b"}"#), ["lable"]);
        assert!(keys_missing_in_schema(schema, "{}").is_empty());
        let open = r#"{"properties":{"label":{}},"additionalProperties":true}"#;
        assert!(keys_missing_in_schema(open, r#"{"x":1}"#).is_empty());
        assert!(keys_missing_in_schema("{}", r#"{"x":1}"#).is_empty());
        assert!(keys_missing_in_schema("no JSON", r#"{"x":1}"#).is_empty());
    }
}
