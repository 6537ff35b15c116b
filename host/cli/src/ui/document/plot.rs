//! Values over time.

use serde_json::{Value, json};

use super::choices::unit;
use super::{Failure, frame, text, view};
use crate::top::frame::Frame;
use crate::top::measured::row_key;
use crate::top::model::Model;
use crate::ui::history::AgentHistory;
use crate::ui::query::Query;
use crate::ui::session::Session;

/// Maximum numbers of metrics and objects of a request.
const MAX_METRICS: usize = 4;
const MAX_OBJECTS: usize = 8;
/// Number of objects if the request names none: those with the largest values.
const OBJECTS: usize = 4;
/// Maximum number of points of a series, the newest; those before are counted.
const MAX_POINTS: usize = 1000;

/// Returns the values of metrics and objects over the frames, or over the history of the agent.
///
/// # Errors
/// A parameter is wrong.
pub(super) fn document(session: &Session, query: &Query) -> Result<Value, Failure> {
    let metrics: Vec<&str> = query.all("metric").take(MAX_METRICS + 1).collect();
    let keys: Vec<String> = query.all("key").take(MAX_OBJECTS + 1).map(str::to_owned).collect();
    if metrics.len() > MAX_METRICS || keys.len() > MAX_OBJECTS {
        return Err(Failure::bad(format!("at most {MAX_METRICS} metrics and {MAX_OBJECTS} objects")));
    }
    if query.get("view") == Some("agent") {
        let history = session.history();
        let plots: Vec<Value> = metrics.iter().map(|metric| of_agent(&history, metric, &keys)).collect();
        return Ok(json!({"plots": plots}));
    }
    let (view, at) = (view(query)?, frame(query)?);
    if !view.is_measured() {
        return Err(Failure::bad("only nodes, pods, containers and the agent have plots".into()));
    }
    Ok(session.read(view, at, |model| {
        let plots: Vec<Value> = metrics.iter().map(|metric| measured(model, metric, &keys)).collect();
        json!({"plots": plots})
    }))
}

fn measured(model: &Model, metric: &str, keys: &[String]) -> Value {
    let largest;
    let keys = match keys.is_empty() {
        true => {
            largest = largest_of(model, metric);
            &largest
        }
        false => keys,
    };
    let shown = model.frames.get(..model.shown).unwrap_or_default();
    let series: Vec<Value> = keys.iter().filter_map(|key| series(model, shown, metric, key)).collect();
    json!({"metric": text(metric), "unit": unit(model, metric), "series": series})
}

/// Returns the keys of the objects with the largest values in the shown frames.
fn largest_of(model: &Model, metric: &str) -> Vec<String> {
    let Some(id) = model.figures.find(metric) else { return Vec::new() };
    let rows =
        model.shown_frames().into_iter().flat_map(|frame| frame.rows.iter().map(move |row| (frame, row)));
    let rows = rows.filter(|(_, row)| row.view == model.view);
    let mut found: Vec<(f64, String)> =
        rows.filter_map(|(frame, row)| Some((row.value(id)?, row_key(frame, row)))).collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    found.into_iter().take(OBJECTS).map(|(_, key)| key).collect()
}

/// Returns the values of an object; `None` if no frame has it.
fn series(model: &Model, frames: &[Frame], metric: &str, key: &str) -> Option<Value> {
    let mut parts = key.splitn(3, '\0');
    let [scope, scope_id, row_key] = [(); 3].map(|()| parts.next().unwrap_or_default());
    let is_own = |frame: &&Frame| frame.scope == scope && frame.scope_id == scope_id;
    let own: Vec<&Frame> = frames.iter().filter(is_own).collect();
    let name = own.iter().rev().find_map(|frame| Some(&frame.row(row_key)?.name))?;
    let id = model.figures.find(metric)?;
    let points =
        own.iter().map(|frame| (frame.time_unix_ms, frame.row(row_key).and_then(|row| row.value(id))));
    Some(points_of(key, name, points.collect()))
}

fn of_agent(history: &AgentHistory, metric: &str, keys: &[String]) -> Value {
    let own = history.series.iter().filter(|series| series.name == metric);
    let own = own.map(|series| (series, series.label()));
    let chosen = own.filter(|(_, label)| keys.is_empty() || keys.contains(label)).take(MAX_OBJECTS);
    let series: Vec<Value> = chosen
        .map(|(series, label)| {
            let points = history.times_unix_ms.iter().copied().zip(series.values.iter().copied());
            points_of(&label, &label, points.collect())
        })
        .collect();
    json!({"metric": text(metric), "unit": "", "series": series})
}

fn points_of(key: &str, name: &str, points: Vec<(u64, Option<f64>)>) -> Value {
    let left_out = points.len().saturating_sub(MAX_POINTS);
    let points: Vec<Value> =
        points.into_iter().skip(left_out).map(|(time, value)| json!([time, value])).collect();
    json!({"key": key, "name": text(name), "points": points, "left_out": left_out})
}
