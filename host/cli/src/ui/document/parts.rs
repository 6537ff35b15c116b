//! Parts of the picture of pipelines: sources, stages, outputs and sinks.

use serde_json::{Value, json};

use super::text;
use crate::live::{Labels, State, lost_events};
use crate::replay::bytes;
use crate::top::figures::number;
use crate::top::stage::{StageRow, is};
use crate::ui::history::AgentHistory;

/// A part.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    pub(super) id: String,
    title: String,
    subtitle: String,
    failing: Vec<String>,
    warnings: Vec<String>,
    facts: Vec<(&'static str, String)>,
    /// Label of the line to the next part, such as a rate.
    flow: Option<String>,
}

impl Part {
    /// Returns the part as JSON.
    pub(super) fn to_json(&self) -> Value {
        let state = match (self.failing.is_empty(), self.warnings.is_empty()) {
            (false, _) => "failing",
            (true, false) => "warning",
            (true, true) => "ok",
        };
        let reasons: Vec<String> =
            self.failing.iter().chain(&self.warnings).map(|reason| text(reason)).collect();
        let facts: Vec<Value> =
            self.facts.iter().map(|(name, value)| json!({"name": name, "value": text(value)})).collect();
        json!({
            "id": self.id,
            "title": text(&self.title),
            "subtitle": text(&self.subtitle),
            "state": state,
            "reasons": reasons,
            "facts": facts,
            "flow": self.flow.as_deref().map(text),
        })
    }

    fn fact(&mut self, name: &'static str, value: Option<String>) {
        self.facts.extend(value.map(|value| (name, value)));
    }
}

/// Returns a stage or an output. `slot` and `component` are known without a row, before the first batch.
pub(super) fn stage(
    pipeline: &str,
    slot: &str,
    component: &str,
    row: Option<&StageRow>,
    history: Option<&AgentHistory>,
) -> Part {
    let mut part = Part {
        id: format!("{pipeline}/{slot}"),
        title: component.to_owned(),
        subtitle: slot.to_owned(),
        ..Part::default()
    };
    let labels = [("pipeline", pipeline), ("slot", slot)];
    let rate = |name: &str| history.and_then(|history| history.per_minute(name, &labels));
    let per_minute = |value: Option<f64>| value.map(|value| format!("{} a minute", number(value)));
    let Some(row) = row else {
        part.fact("state", Some("no batch yet".into()));
        return part;
    };
    match row.condition() {
        "ok" => {}
        "down" => part.failing.push("down: no version works".into()),
        other => part.failing.push(format!("{other}: the current version was given up")),
    }
    let above_0 = |value: Option<f64>| value.filter(|value| *value > 0.0);
    if let Some(failures) = above_0(row.failures) {
        part.warnings.push(format!("{} failed calls", number(failures)));
    }
    if let Some(parts) = above_0(row.quarantined) {
        part.warnings.push(format!("{} parts in quarantine", number(parts)));
    }
    if !row.last_error.is_empty() {
        part.warnings.push(format!("last error: {}", row.last_error));
    }
    part.fact("version", Some(row.version.clone()).filter(|version| !version.is_empty()));
    part.fact("calls", row.calls.map(number));
    let calls = rate("insightd_component_calls_total");
    part.fact("calls a minute", calls.map(number));
    part.fact("CPU time", row.cpu_seconds.map(seconds));
    let per_call = row.cpu_seconds.zip(above_0(row.calls)).map(|(cpu, calls)| seconds(cpu / calls));
    part.fact("CPU time a call", per_call.clone());
    part.fact("CPU time a minute", rate("insightd_component_cpu_seconds_total").map(seconds));
    part.fact("last call", row.last_call_seconds.map(seconds));
    part.fact("memory", row.memory_bytes.map(bytes));
    part.fact("failed calls", row.failures.map(number));
    let events = rate("insightd_output_events_total");
    part.fact("events a minute", events.map(number));
    part.flow = match slot.starts_with("output-") {
        true => events.map(|events| format!("{} events/min", number(events))),
        false => per_call.map(|time| format!("{time} a call")),
    };
    if part.flow.is_none() && !slot.starts_with("output-") {
        part.flow = per_minute(calls);
    }
    part
}

/// Returns a sink.
pub(super) fn sink(name: &str, state: Option<&State>, history: Option<&AgentHistory>) -> Part {
    let mut part = Part {
        id: format!("sink/{name}"),
        title: name.to_owned(),
        subtitle: "sink".into(),
        ..Part::default()
    };
    let Some(state) = state else {
        part.fact("state", Some("collected, not delivered".into()));
        return part;
    };
    let total = |metric: &str| sum(state, metric, |labels| is(labels, "sink", name));
    let above_0 = |value: Option<f64>| value.filter(|value| *value > 0.0);
    if let Some(lost) = above_0(lost_events(total)) {
        part.warnings.push(format!("{} events lost", number(lost)));
    }
    if let Some(errors) = above_0(total("insightd_sink_errors_total")) {
        part.warnings.push(format!("{} failures", number(errors)));
    }
    let in_a_row = sum(state, "insightd_source_failures_in_a_row", |labels| is(labels, "source", name));
    if let Some(failures) = above_0(in_a_row) {
        part.failing.push(format!("{} failed requests in a row", number(failures)));
    }
    part.fact("events", total("insightd_sink_events_total").map(number));
    let rate =
        history.and_then(|history| history.per_minute("insightd_sink_events_total", &[("sink", name)]));
    part.fact("events a minute", rate.map(number));
    part.fact("size", total("insightd_sink_bytes_total").map(bytes));
    part.fact("waiting", total("insightd_delivery_pending_bytes").map(bytes));
    part.fact("accepted", total("insightd_delivery_accepted_events_total").map(number));
    part
}

/// Returns a remote endpoint that an agent reads.
pub(super) fn source(scope: &str, name: &str, state: &State, history: &AgentHistory) -> Part {
    let mut part = Part {
        id: format!("source/{scope}/{name}"),
        title: name.to_owned(),
        subtitle: "source".into(),
        ..Part::default()
    };
    let own =
        |metric: &str| sum(state, metric, |labels| is(labels, "source", name) && is(labels, "scope", scope));
    let above_0 = |value: Option<f64>| value.filter(|value| *value > 0.0);
    if let Some(failures) = above_0(own("insightd_source_failures_in_a_row")) {
        part.failing.push(format!("{} failures in a row", number(failures)));
    }
    if let Some(errors) = above_0(own("insightd_source_errors_total")) {
        part.warnings.push(format!("{} failed requests", number(errors)));
    }
    part.fact("age of its data", own("insightd_source_age_seconds").map(seconds));
    part.fact("requests", own("insightd_source_requests_total").map(number));
    let labels = [("source", name), ("scope", scope)];
    let rate = history.per_minute("insightd_source_requests_total", &labels);
    part.fact("requests a minute", rate.map(number));
    part.fact("received", own("insightd_source_received_bytes_total").map(bytes));
    part.fact("left out", own("insightd_source_left_out_total").map(number));
    part.flow = rate.map(|rate| format!("{} requests/min", number(rate)));
    part
}

/// Returns the node that an agent measures through the files of its kernel.
pub(super) fn kernel(state: &State) -> Part {
    let mut part = Part {
        id: "source/node/kernel".into(),
        title: "kernel of the node".into(),
        subtitle: "source".into(),
        ..Part::default()
    };
    let own = |metric: &str| sum(state, metric, |_| true);
    part.fact("ticks", own("insightd_ticks_total").map(number));
    part.fact("time since the last tick", own("insightd_last_tick_age_seconds").map(seconds));
    part.fact("unreadable", own("insightd_read_problems_total").map(number));
    part
}

/// Returns the recording, which stands for all sources.
pub(super) fn recording(name: &str, frames: usize, is_complete: bool, problem: Option<&str>) -> Part {
    let mut part = Part {
        id: "source/recording".into(),
        title: name.to_owned(),
        subtitle: "recording".into(),
        ..Part::default()
    };
    part.warnings.extend(problem.map(str::to_owned));
    part.fact("frames", Some(frames.to_string()));
    part.fact("state", (!is_complete).then(|| "being read".to_owned()));
    part
}

fn sum(state: &State, metric: &str, is_own: impl Fn(&Labels) -> bool) -> Option<f64> {
    let own = state.metrics.iter().filter(|sample| sample.name == metric && is_own(&sample.labels));
    own.map(|sample| sample.value).reduce(|a, b| a + b)
}

fn seconds(seconds: f64) -> String {
    crate::top::duration(seconds)
}
