//! Reads the file of an OpenTelemetry collector: a line of JSON for each request, in the JSON form of OTLP.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// A data point with the attributes of its resource.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) name: String,
    /// Attributes of resource and point; those of the point come first.
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) value: f64,
    pub(crate) time_unix_ms: u64,
}

/// Reads all points of a file.
pub(crate) fn read(file: &Path) -> Vec<Point> {
    let text = fs::read_to_string(file).unwrap();
    let mut points = Vec::new();
    for line in text.lines() {
        let request: Value = serde_json::from_str(line).unwrap();
        for resource in list(&request, "resourceMetrics") {
            let of_resource = attributes(&resource["resource"]);
            for metric in list(resource, "scopeMetrics").flat_map(|scope| list(scope, "metrics")) {
                let data = ["sum", "gauge"].iter().find_map(|kind| metric.get(kind)).unwrap();
                if metric.get("sum").is_some() {
                    assert_eq!(
                        (&data["aggregationTemporality"], &data["isMonotonic"]),
                        (&2.into(), &true.into())
                    );
                }
                points.extend(list(data, "dataPoints").map(|point| of(metric, &of_resource, point)));
            }
        }
    }
    points
}

fn of(metric: &Value, of_resource: &BTreeMap<String, String>, point: &Value) -> Point {
    let mut all = of_resource.clone();
    all.extend(attributes(point));
    let nanoseconds: u64 = point["timeUnixNano"].as_str().unwrap().parse().unwrap();
    Point {
        name: metric["name"].as_str().unwrap().to_owned(),
        attributes: all,
        // A value of 0 is left out, as all defaults of protobuf.
        value: point.get("asDouble").map_or(0.0, |value| value.as_f64().unwrap()),
        time_unix_ms: nanoseconds / 1_000_000,
    }
}

fn attributes(owner: &Value) -> BTreeMap<String, String> {
    let pair = |attribute: &Value| {
        let key = attribute["key"].as_str().unwrap().to_owned();
        (key, attribute["value"]["stringValue"].as_str().unwrap_or_default().to_owned())
    };
    list(owner, "attributes").map(pair).collect()
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}
