//! The history of the agent's own metrics, with its times.

use std::fmt::Write as _;

use serde_json::Value;

/// Maximum number of points and series that are kept; the agent has fewer.
const MAX_POINTS: usize = 120;
const MAX_SERIES: usize = 2000;

/// The latest values of the agent's own metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct AgentHistory {
    pub(super) times_unix_ms: Vec<u64>,
    pub(super) series: Vec<Series>,
}

/// The values of a metric with certain labels.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    pub(super) name: String,
    /// Keys and values.
    pub(super) labels: Vec<(String, String)>,
    /// Parallel to the times.
    pub(super) values: Vec<Option<f64>>,
}

impl AgentHistory {
    /// Parses `/v1/history`. A malformed series costs only itself; `None` if it is not this document.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let document: Value = serde_json::from_str(text).ok()?;
        let times = document.get("times_unix_ms")?.as_array()?;
        let surplus = times.len().saturating_sub(MAX_POINTS);
        let times_unix_ms: Option<Vec<u64>> = times.iter().skip(surplus).map(Value::as_u64).collect();
        let series = document.get("series")?.as_array()?.iter().take(MAX_SERIES).filter_map(|entry| {
            let values = entry.get("values")?.as_array().filter(|values| values.len() == times.len())?;
            let labels = entry.get("labels").and_then(Value::as_object).into_iter().flatten();
            Some(Series {
                name: entry.get("name")?.as_str()?.to_owned(),
                labels: labels
                    .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                    .collect(),
                values: values.iter().skip(surplus).map(Value::as_f64).collect(),
            })
        });
        Some(Self { times_unix_ms: times_unix_ms?, series: series.collect() })
    }

    /// Returns the growth a minute of the series that match, from the last two points; `None` without two values of each.
    pub(super) fn per_minute(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let [.., before, after] = *self.times_unix_ms.as_slice() else { return None };
        let minutes = after.checked_sub(before).filter(|ms| *ms > 0)? as f64 / 60_000.0;
        let own = self.series.iter().filter(|series| series.name == name && series.has(labels));
        let growth: Option<Vec<f64>> = own
            .map(|series| match *series.values.as_slice() {
                // A counter that fell began anew.
                [.., Some(before), Some(after)] => Some(after - before).filter(|growth| *growth >= 0.0),
                _ => None,
            })
            .collect();
        growth.filter(|growth| !growth.is_empty()).map(|growth| growth.iter().sum::<f64>() / minutes)
    }
}

impl Series {
    /// Returns true if it has all these labels.
    fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(key, value)| self.labels.iter().any(|(k, v)| k == key && v == value))
    }

    /// Returns the labels as a text that names the series among those of the same name.
    pub(super) fn label(&self) -> String {
        let mut text = String::new();
        for (key, value) in &self.labels {
            let separator = if text.is_empty() { "" } else { ", " };
            let _ = write!(text, "{separator}{key}={value}");
        }
        if text.is_empty() { "agent".into() } else { text }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    pub(crate) fn history() -> AgentHistory {
        let labels = json!({"pipeline": "node", "slot": "transform-1"});
        let document = json!({"version": 1, "step_ms": 60_000, "times_unix_ms": [0, 60_000, 180_000], "series": [
            {"name": "calls_total", "labels": labels, "values": [1, 3, 7]},
            {"name": "fell_total", "labels": {}, "values": [1, 3, 2]},
            {"name": "absent_total", "labels": {}, "values": [1, null, 2]},
            {"name": "short", "labels": {}, "values": [1]},
        ]});
        AgentHistory::parse(&document.to_string()).unwrap()
    }

    #[test]
    fn rates_are_of_the_last_two_points() {
        let history = history();
        assert_eq!(history.series.len(), 3, "the short one is left out");
        assert_eq!(history.per_minute("calls_total", &[("slot", "transform-1")]), Some(2.0));
        assert_eq!(history.per_minute("calls_total", &[("slot", "transform-2")]), None);
        assert_eq!(history.per_minute("fell_total", &[]), None);
        assert_eq!(history.per_minute("absent_total", &[]), None);
        assert_eq!(history.series[0].label(), "pipeline=node, slot=transform-1");
    }

    #[test]
    fn anything_else_is_no_history() {
        for text in ["", "[]", "{}", r#"{"times_unix_ms":["x"],"series":[]}"#] {
            assert_eq!(AgentHistory::parse(text), None, "{text}");
        }
    }
}
