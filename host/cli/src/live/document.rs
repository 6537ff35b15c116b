//! The documents `/v1/state` and `/v1/history`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::Failure;

/// The version of the API that this program reads.
const VERSION: u64 = 1;
/// Maximum number of points of a series that are kept, the newest; the agent has as many.
const MAX_POINTS: usize = 120;

/// Labels of a sample.
pub(crate) type Labels = BTreeMap<String, String>;

/// A sample of the agent's own metrics.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) value: f64,
}

/// The state of an agent.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) time_unix_ms: u64,
    /// The document of `/status`.
    pub(crate) status: Value,
    pub(crate) metrics: Vec<Sample>,
}

/// The latest values of the agent's own metrics.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// By name and labels; a value that is absent at a time is `None`.
    pub(crate) series: BTreeMap<(String, Labels), Vec<Option<f64>>>,
}

impl State {
    /// Parses the document. A malformed sample costs only itself.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let path = "/v1/state";
        let mut document = document(path, text)?;
        let time_unix_ms = document.get("time_unix_ms").and_then(Value::as_u64);
        let time_unix_ms = time_unix_ms.ok_or_else(|| missing(path, "time_unix_ms"))?;
        let status = document.remove("status").filter(Value::is_object);
        let status = status.ok_or_else(|| missing(path, "status"))?;
        let Some(Value::Array(metrics)) = document.get("metrics") else {
            return Err(missing(path, "metrics"));
        };
        let metrics = metrics.iter().filter_map(|entry| {
            Some(Sample {
                name: entry.get("name")?.as_str()?.to_owned(),
                labels: labels(entry),
                value: entry.get("value")?.as_f64()?,
            })
        });
        Ok(Self { time_unix_ms, status, metrics: metrics.collect() })
    }
}

impl History {
    /// Parses the document. A series whose length is not that of the times is left out.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let path = "/v1/history";
        let document = document(path, text)?;
        let array = |key: &str| document.get(key).and_then(Value::as_array).ok_or_else(|| missing(path, key));
        let times = array("times_unix_ms")?.len();
        let series = array("series")?.iter().filter_map(|entry| {
            let values = entry.get("values")?.as_array().filter(|values| values.len() == times)?;
            let surplus = values.len().saturating_sub(MAX_POINTS);
            let values = values.iter().skip(surplus).map(Value::as_f64).collect();
            Some(((entry.get("name")?.as_str()?.to_owned(), labels(entry)), values))
        });
        Ok(Self { series: series.collect() })
    }
}

fn labels(entry: &Value) -> Labels {
    let labels = entry.get("labels").and_then(Value::as_object).into_iter().flatten();
    labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn document(path: &str, text: &str) -> Result<Map<String, Value>, Failure> {
    let foreign = |reason: String| Failure::Foreign { path: path.to_owned(), reason };
    let value = serde_json::from_str(text).map_err(|error| foreign(format!("invalid JSON: {error}")))?;
    let Value::Object(document) = value else { return Err(foreign("not an object".into())) };
    match document.get("version") {
        Some(version) if version.as_u64() == Some(VERSION) => Ok(document),
        Some(version) => {
            let found = version.to_string().chars().take(40).collect();
            Err(Failure::Version { path: path.to_owned(), found, known: VERSION })
        }
        None => Err(missing(path, "version")),
    }
}

fn missing(path: &str, key: &str) -> Failure {
    Failure::Foreign { path: path.to_owned(), reason: format!("missing or invalid key `{key}`") }
}

/// Returns the events that a sink and its outputs have lost. `total` returns the sum of a metric over the sink. The sink's own counter
/// includes the losses of its queue from the end of a tick on.
pub(crate) fn lost_events(total: impl Fn(&str) -> Option<f64>) -> Option<f64> {
    let of_sink = total("insightd_sink_events_lost_total");
    let of_queue = total("insightd_delivery_events_lost_total");
    let later = [of_sink, of_queue].into_iter().flatten().reduce(f64::max);
    [total("insightd_output_events_lost_total"), later].into_iter().flatten().reduce(|all, lost| all + lost)
}
