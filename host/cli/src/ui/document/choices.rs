//! Metrics and objects that can be plotted.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Failure, frame, table, text, view};
use crate::top::figures::FigureId;
use crate::top::measured::row_key;
use crate::top::model::Model;
use crate::ui::history::AgentHistory;
use crate::ui::query::Query;
use crate::ui::session::Session;

/// Maximum numbers of metrics and objects that are listed; those beyond are counted.
const MAX_METRICS: usize = 300;
const MAX_OBJECTS: usize = 100;

/// Returns the metrics of a view's objects, and the objects whose name contains the filter.
///
/// # Errors
/// A parameter is wrong.
pub(super) fn document(session: &Session, query: &Query) -> Result<Value, Failure> {
    let filter = table::filter(query)?.to_lowercase();
    let named = query.get("metrics").unwrap_or_default().to_lowercase();
    if query.get("view") == Some("agent") {
        return Ok(of_agent(&session.history(), &named, &filter, query.get("metric")));
    }
    let (view, at) = (view(query)?, frame(query)?);
    Ok(session.read(view, at, |model| measured(model, &named, &filter)))
}

fn measured(model: &Model, named: &str, filter: &str) -> Value {
    let rows = model.shown_frames().into_iter().flat_map(|frame| {
        frame.rows.iter().filter(|row| row.view == model.view).map(move |row| (frame, row))
    });
    let rows: Vec<_> = rows.collect();
    let ids: BTreeSet<FigureId> = rows.iter().flat_map(|(_, row)| row.figures()).collect();
    let names: BTreeSet<&str> = ids.into_iter().map(|id| model.figures.name(id)).collect();
    let metrics = names.into_iter().filter(|name| name.to_lowercase().contains(named));
    let metrics =
        metrics.map(|name| json!({"name": name, "shown": text(name), "unit": unit(model, name)})).collect();
    let objects = rows.iter().filter(|(_, row)| row.name.to_lowercase().contains(filter));
    let objects =
        objects.map(|(frame, row)| json!({"key": row_key(frame, row), "name": text(&row.name)})).collect();
    lists(metrics, objects)
}

fn of_agent(history: &AgentHistory, named: &str, filter: &str, metric: Option<&str>) -> Value {
    let names: BTreeSet<&str> = history.series.iter().map(|series| series.name.as_str()).collect();
    let metrics = names.into_iter().filter(|name| name.to_lowercase().contains(named));
    let metrics = metrics.map(|name| json!({"name": name, "shown": text(name), "unit": ""})).collect();
    let own = history.series.iter().filter(|series| Some(series.name.as_str()) == metric);
    let labels = own.map(|series| series.label()).filter(|label| label.to_lowercase().contains(filter));
    lists(metrics, labels.map(|label| json!({"key": label, "name": text(&label)})).collect())
}

fn lists(mut metrics: Vec<Value>, mut objects: Vec<Value>) -> Value {
    let counts = (metrics.len(), objects.len());
    metrics.truncate(MAX_METRICS);
    objects.truncate(MAX_OBJECTS);
    json!({"metrics": metrics, "all_metrics": counts.0, "objects": objects, "all_objects": counts.1})
}

/// Returns the unit of a metric; empty if it has none.
pub(super) fn unit(model: &Model, name: &str) -> &'static str {
    let found = model.figures.names.iter().find(|(known, _)| known == name);
    found.map_or("", |(_, unit)| unit.as_str()).trim_start_matches("None")
}
