//! The tables of the agent itself: stages, sinks, rollout and sources.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::figures::number;
use super::grid::{Cell, Column, Grid, GridRow};
use super::stage::{StageRow, is};
use super::view::View;
use crate::live::{History, State, lost_events};
use crate::replay::bytes;

/// Title of the column with the last error of a stage.
pub(super) const ERROR: &str = "ERROR";

/// Returns the table of stages and outputs.
pub(super) fn stages(stages: &[StageRow]) -> Grid {
    let columns = vec![
        Column::text("STAGE"),
        Column::text("COMPONENT"),
        Column::text("STATE"),
        Column::number("CALLS"),
        Column::number("CPU/CALL"),
        Column::number("CPU"),
        Column::number("LAST"),
        Column::number("MEMORY"),
        Column::number("PEAK"),
        Column::number("FAILED"),
        Column::number("QUARANTINE"),
        Column::text("VERSION"),
        Column::text(ERROR),
    ];
    let row = |stage: &StageRow| {
        let name = format!("{} {}", stage.pipeline, stage.slot);
        let per_call = stage.cpu_seconds.zip(stage.calls.filter(|calls| *calls > 0.0));
        let count = |value| Cell::number(value, number);
        let is_above_0 = |value: Option<f64>| value.is_some_and(|value| value > 0.0);
        GridRow {
            key: name.clone(),
            cells: vec![
                Cell::outside(&name),
                Cell::outside(&stage.component),
                Cell::outside(stage.condition()).bad_if(stage.condition() != "ok"),
                count(stage.calls),
                Cell::number(per_call.map(|(seconds, calls)| seconds / calls), duration),
                Cell::number(stage.cpu_seconds, duration),
                Cell::number(stage.last_call_seconds, duration),
                Cell::number(stage.memory_bytes, bytes),
                Cell::number(stage.peak_bytes, bytes),
                count(stage.failures).bad_if(is_above_0(stage.failures)),
                count(stage.quarantined).bad_if(is_above_0(stage.quarantined)),
                Cell::outside(&stage.version),
                Cell::outside(&stage.last_error),
            ],
        }
    };
    Grid { columns, rows: stages.iter().map(row).collect(), ..Grid::default() }
}

/// Returns the table of sinks: what they took, lost and still have to deliver, and the estimate of a day.
pub(super) fn sinks(state: &State) -> Grid {
    let columns = vec![
        Column::text("SINK"),
        Column::number("PENDING"),
        Column::number("BACKLOG"),
        Column::number("OLDEST"),
        Column::number("LOST"),
        Column::number("FAILED"),
        Column::number("EVENTS"),
        Column::number("SIZE"),
        Column::number("ACCEPTED"),
        Column::number("SERIES"),
        Column::number("SIZE/DAY"),
        Column::number("POINTS/DAY"),
    ];
    let now = state.time_unix_ms as f64 / 1000.0;
    let row = |name: String| {
        let sum = |names: &[&str]| sum(state, names, "sink", &name);
        let lost = lost_events(|name| sum(&[name]));
        let failed = sum(&["insightd_sink_errors_total", "insightd_delivery_failed_requests_total"]);
        let oldest = sum(&["insightd_delivery_oldest_timestamp_seconds"]).map(|time| (now - time).max(0.0));
        let cells = vec![
            Cell::outside(&name),
            Cell::number(sum(&["insightd_delivery_pending_events"]), number),
            Cell::number(sum(&["insightd_delivery_pending_bytes"]), bytes),
            Cell::number(oldest, duration),
            Cell::number(lost, number).bad_if(lost.is_some_and(|lost| lost > 0.0)),
            Cell::number(failed, number),
            Cell::number(sum(&["insightd_sink_events_total"]), number),
            Cell::number(sum(&["insightd_sink_bytes_total"]), bytes),
            Cell::number(sum(&["insightd_delivery_accepted_events_total"]), number),
            Cell::number(sum(&["insightd_estimate_series"]), number),
            Cell::number(sum(&["insightd_estimate_daily_bytes"]), bytes),
            Cell::number(sum(&["insightd_estimate_daily_points"]).map(f64::round), number),
        ];
        GridRow { key: name, cells }
    };
    let rows: Vec<GridRow> = labels(state, "sink").into_iter().map(row).collect();
    Grid { columns, note: none(&rows, "no sinks yet: they are known after the first tick"), rows, sorted: 0 }
}

/// Returns the table of remote endpoints: how old their data is.
pub(super) fn sources(state: &State) -> Grid {
    let columns = vec![
        Column::text("SOURCE"),
        Column::number("AGE"),
        Column::number("REQUESTS"),
        Column::number("ERRORS"),
        Column::number("IN A ROW"),
        Column::number("RECEIVED"),
        Column::number("LEFT OUT"),
    ];
    let row = |name: String| {
        let sum = |metric: &str| sum(state, &[metric], "source", &name);
        let in_a_row = sum("insightd_source_failures_in_a_row");
        let cells = vec![
            Cell::outside(&name),
            Cell::number(sum("insightd_source_age_seconds"), duration),
            Cell::number(sum("insightd_source_requests_total"), number),
            Cell::number(sum("insightd_source_errors_total"), number),
            Cell::number(in_a_row, number).bad_if(in_a_row.is_some_and(|failures| failures > 0.0)),
            Cell::number(sum("insightd_source_received_bytes_total"), bytes),
            Cell::number(sum("insightd_source_left_out_total"), number),
        ];
        GridRow { key: name, cells }
    };
    let rows: Vec<GridRow> = labels(state, "source").into_iter().map(row).collect();
    Grid { columns, note: none(&rows, "this agent has no remote endpoints"), rows, sorted: 0 }
}

/// Explains a table without rows.
fn none(rows: &[GridRow], why: &str) -> Option<String> {
    rows.is_empty().then(|| why.to_owned())
}

/// Returns the state of the rollout, one fact a row.
pub(super) fn rollout(state: &State) -> Grid {
    let rollout = &state.status["rollout"];
    let (running, latest) = (&rollout["running"], &rollout["latest"]);
    let text = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Array(parts) if parts.is_empty() => "-".to_owned(),
        Value::Array(parts) => parts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    // As in the log and in `insightctl status`.
    let short = |value: &Value| text(value).chars().take(12).collect::<String>();
    let since = |value: &Value| {
        let ms = value.as_u64().map(|then| state.time_unix_ms.saturating_sub(then) as f64 / 1000.0);
        ms.map_or("-".to_owned(), |seconds| format!("{} ago", duration(seconds)))
    };
    let is_bad = matches!(latest["state"].as_str(), Some("rejected" | "rolled-back"));
    let facts = [
        ("agent", text(&state.status["version"]), false),
        ("running bundle", short(&running["bundle"]), false),
        ("origin", text(&running["origin"]), false),
        ("since", since(&running["since_unix_ms"]), false),
        ("probation ticks left", text(&running["probation_ticks_left"]), false),
        ("bundle in files", short(&latest["bundle"]), false),
        ("its state", text(&latest["state"]), is_bad),
        ("reason", text(&latest["why"]), is_bad),
        ("last good", short(&rollout["good"]), false),
        ("enabled", text(&rollout["enabled"]), false),
        ("canary share", text(&rollout["canary"]["share"]), false),
        ("this node included", text(&rollout["canary"]["this_node"]), false),
        ("installed", text(&rollout["installed"]), false),
        ("rejected", text(&rollout["rejected"]), false),
        ("rolled back", text(&rollout["rolled_back"]), false),
        ("needs restart for", text(&rollout["restart_keys"]), rollout["needs_restart"] == true),
    ];
    let row = |(index, (name, value, is_bad)): (usize, (&str, String, bool))| GridRow {
        key: format!("{index:02}"),
        cells: vec![Cell::outside(name), Cell::outside(&value).bad_if(is_bad)],
    };
    let columns = vec![Column::text("ROLLOUT"), Column::text("VALUE")];
    Grid { columns, rows: facts.into_iter().enumerate().map(row).collect(), ..Grid::default() }
}

/// Returns the last values of a row: of stages the CPU time of each step, of sinks what waits, of sources the age.
pub(super) fn trend(view: View, history: &History, key: &str) -> Vec<Option<f64>> {
    let (name, label) = match view {
        View::Stages => ("insightd_component_cpu_seconds_total", "slot"),
        View::Sinks => ("insightd_delivery_pending_bytes", "sink"),
        View::Sources => ("insightd_source_age_seconds", "source"),
        _ => return Vec::new(),
    };
    let matches = |labels: &BTreeMap<String, String>| match (view, key.rsplit_once(' ')) {
        (View::Stages, Some((pipeline, slot))) => is(labels, label, slot) && is(labels, "pipeline", pipeline),
        _ => is(labels, label, key) || scoped(labels, label).as_deref() == Some(key),
    };
    let series = history.series.iter().find(|((found, labels), _)| found == name && matches(labels));
    let values = series.map(|(_, values)| values.clone()).unwrap_or_default();
    match view {
        View::Stages => values.windows(2).map(|pair| Some((pair[1]? - pair[0]?).max(0.0))).collect(),
        _ => values,
    }
}

/// Returns the values of a label; of sources with their scope.
fn labels(state: &State, label: &str) -> BTreeSet<String> {
    state.metrics.iter().filter_map(|sample| scoped(&sample.labels, label)).collect()
}

fn scoped(labels: &BTreeMap<String, String>, label: &str) -> Option<String> {
    let value = labels.get(label)?;
    Some(match labels.get("scope").filter(|_| label == "source") {
        Some(scope) => format!("{scope} {value}"),
        None => value.clone(),
    })
}

fn sum(state: &State, names: &[&str], label: &str, value: &str) -> Option<f64> {
    let samples = state.metrics.iter().filter(|sample| names.contains(&sample.name.as_str()));
    let own = samples.filter(|sample| scoped(&sample.labels, label).as_deref() == Some(value));
    own.map(|sample| sample.value).reduce(|a, b| a + b)
}

/// Formats seconds in the largest unit that fits.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 0.000_999_5 => format!("{:.0} us", s * 1e6),
        s if s < 0.9995 => format!("{:.1} ms", s * 1e3),
        s if s < 99.95 => format!("{s:.1} s"),
        s if s < 5970.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.0} d", s / 86_400.0),
    }
}
