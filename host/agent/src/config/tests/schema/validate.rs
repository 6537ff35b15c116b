//! Validates values by a JSON Schema, as far as that of the configuration uses the language.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use regex::Regex;
use serde_json::Value;

static PATTERNS: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);

/// Returns the first problem of a value, or `None` if it is valid.
///
/// # Panics
/// Panics at a keyword of the schema that it does not know.
pub(super) fn problem_of(schema: &Value, value: &Value) -> Option<String> {
    problem(schema, schema, value, "")
}

fn problem(root: &Value, schema: &Value, value: &Value, path: &str) -> Option<String> {
    let Value::Object(keywords) = schema else {
        return (schema != &Value::Bool(true)).then(|| format!("{path}: not allowed"));
    };
    keywords.iter().find_map(|(keyword, wanted)| {
        let refused =
            |is_refused: bool| is_refused.then(|| format!("{path}: {value} against {keyword} {wanted}"));
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "default" => None,
            "$ref" => {
                let target = wanted.as_str().and_then(|name| root.pointer(name.strip_prefix('#')?));
                problem(root, target.unwrap_or_else(|| panic!("{wanted}")), value, path)
            }
            "type" => {
                let names = wanted.as_array().map_or(std::slice::from_ref(wanted), Vec::as_slice);
                refused(!names.iter().any(|name| is_of_type(name, value)))
            }
            "const" => refused(value != wanted),
            "enum" => refused(!list(wanted).contains(value)),
            "anyOf" => {
                let problems: Option<Vec<String>> =
                    list(wanted).iter().map(|schema| problem(root, schema, value, path)).collect();
                problems.map(|problems| problems.join("; or "))
            }
            "pattern" => refused(value.as_str().is_some_and(|text| !is_match(wanted, text))),
            "minimum" => refused(value.as_f64().is_some_and(|number| Some(number) < wanted.as_f64())),
            "maximum" => refused(value.as_f64().is_some_and(|number| Some(number) > wanted.as_f64())),
            "required" => {
                let keys = value.as_object()?;
                refused(
                    list(wanted).iter().any(|key| !key.as_str().is_some_and(|key| keys.contains_key(key))),
                )
            }
            "items" => value
                .as_array()?
                .iter()
                .enumerate()
                .find_map(|(index, item)| problem(root, wanted, item, &format!("{path}[{index}]"))),
            "properties" => value
                .as_object()?
                .iter()
                .find_map(|(key, value)| problem(root, wanted.get(key)?, value, &format!("{path}.{key}"))),
            "additionalProperties" => value.as_object()?.iter().find_map(|(key, value)| {
                let is_known = keywords.get("properties").is_some_and(|known| known.get(key).is_some());
                if is_known { None } else { problem(root, wanted, value, &format!("{path}.{key}")) }
            }),
            "propertyNames" => value
                .as_object()?
                .keys()
                .find_map(|key| problem(root, wanted, &Value::from(key.as_str()), &format!("{path}.{key}"))),
            _ => panic!("{keyword} is not implemented"),
        }
    })
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_else(|| panic!("{value} is no list"))
}

fn is_of_type(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap_or_default() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    }
}

fn is_match(pattern: &Value, text: &str) -> bool {
    let pattern = pattern.as_str().unwrap_or_default();
    let mut patterns = PATTERNS.lock().unwrap();
    patterns.entry(pattern.into()).or_insert_with(|| Regex::new(pattern).unwrap()).is_match(text)
}
