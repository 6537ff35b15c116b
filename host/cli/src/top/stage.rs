//! Stages and outputs of pipelines, as an agent reports them and as those of a recording.

use insightd::ops::ComponentStats;
use serde_json::Value;

use crate::live::{Labels, State};

/// A slot of a pipeline; values that are not known are absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct StageRow {
    pub(crate) pipeline: String,
    pub(crate) slot: String,
    pub(crate) component: String,
    /// Version of the component that runs.
    pub(crate) version: String,
    pub(crate) calls: Option<f64>,
    pub(crate) cpu_seconds: Option<f64>,
    pub(crate) last_call_seconds: Option<f64>,
    pub(crate) memory_bytes: Option<f64>,
    pub(crate) peak_bytes: Option<f64>,
    pub(crate) failures: Option<f64>,
    /// Parts of batches in quarantine.
    pub(crate) quarantined: Option<f64>,
    /// Batches in a row for which no version worked.
    pub(crate) down: Option<f64>,
    /// A version was given up after failures.
    pub(crate) is_disabled: bool,
    pub(crate) last_error: String,
}

impl StageRow {
    /// Reads the stages of an agent.
    pub(crate) fn from_state(state: &State) -> Vec<Self> {
        let components = state.status.get("components").and_then(Value::as_array);
        components.into_iter().flatten().map(|component| Self::from_component(component, state)).collect()
    }

    fn from_component(component: &Value, state: &State) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (pipeline, slot) = (text(&component["pipeline"]), text(&component["slot"]));
        let versions: Vec<&Value> = component["versions"].as_array().into_iter().flatten().collect();
        let running = versions.iter().find(|version| version["given_up"] != true);
        let metric = |name: &str| {
            let is_own = |labels: &Labels| is(labels, "pipeline", &pipeline) && is(labels, "slot", &slot);
            let samples = state.metrics.iter();
            samples
                .filter(|sample| sample.name == name && is_own(&sample.labels))
                .map(|sample| sample.value)
                .reduce(|a, b| a + b)
        };
        Self {
            component: text(&component["component"]),
            version: running.map(|version| text(&version["version"])).unwrap_or_default(),
            calls: metric("insightd_component_calls_total"),
            cpu_seconds: metric("insightd_component_cpu_seconds_total"),
            last_call_seconds: metric("insightd_component_last_call_seconds"),
            memory_bytes: metric("insightd_component_memory_bytes"),
            peak_bytes: metric("insightd_component_memory_peak_bytes"),
            failures: component["failures"].as_f64(),
            quarantined: component["quarantined"].as_array().map(|parts| parts.len() as f64),
            down: component["down_batches"].as_f64(),
            is_disabled: versions.iter().any(|version| version["given_up"] == true),
            last_error: text(&component["last_error"]),
            pipeline,
            slot,
        }
    }

    /// Reads a slot of this process.
    pub(crate) fn from_stats(component: &ComponentStats) -> Self {
        let stats = &component.stats;
        let running = component.versions.iter().find(|version| !version.suspended);
        Self {
            pipeline: component.pipeline.clone(),
            slot: component.slot.clone(),
            component: component.component.clone(),
            version: running.map(|version| version.version.clone()).unwrap_or_default(),
            calls: Some(stats.calls as f64),
            cpu_seconds: Some(stats.cpu_time.as_secs_f64()),
            last_call_seconds: Some(stats.last_call.as_secs_f64()),
            memory_bytes: Some(stats.last_memory_bytes as f64),
            peak_bytes: Some(stats.peak_memory_bytes as f64),
            failures: Some(stats.failures.iter().sum::<u64>() as f64),
            quarantined: Some(component.quarantined.len() as f64),
            down: Some(component.failed_batches as f64),
            is_disabled: component.versions.iter().any(|version| version.suspended),
            last_error: stats.last_error.clone().unwrap_or_default(),
        }
    }

    /// Returns the state in a word.
    pub(crate) fn condition(&self) -> &'static str {
        match (self.down.unwrap_or(0.0) > 0.0, self.is_disabled) {
            (true, _) => "down",
            (false, true) => "fallback",
            (false, false) => "ok",
        }
    }
}

/// Returns true if a label has a value.
pub(crate) fn is(labels: &Labels, key: &str, value: &str) -> bool {
    labels.get(key).is_some_and(|found| found == value)
}
