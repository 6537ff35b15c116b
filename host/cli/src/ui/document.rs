//! The JSON documents that the page reads. Every text in them is escaped and cut, and every list has a bound.

mod choices;
mod cost;
mod parts;
mod pipeline;
mod plot;
mod rollout;
mod status;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use clap::ValueEnum as _;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::query::Query;
use super::session::Session;
use crate::arguments::View;

/// Maximum number of characters of a text.
const MAX_TEXT: usize = 500;

/// A request without a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) status: StatusCode,
    pub(super) reason: String,
}

impl Failure {
    /// A wrong parameter.
    pub(super) fn bad(reason: String) -> Self {
        Self { status: StatusCode::BAD_REQUEST, reason }
    }

    /// An unknown path.
    pub(super) fn unknown() -> Self {
        Self { status: StatusCode::NOT_FOUND, reason: "no such page".into() }
    }

    /// A failure of this program.
    pub(super) fn broken() -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            reason: "this request failed within insightctl".into(),
        }
    }
}

/// Returns a document.
///
/// # Errors
/// There is no such document, or a parameter is wrong.
pub(super) fn document(session: &Arc<Session>, name: &str, query: &Query) -> Result<Value, Failure> {
    match name {
        "status" => Ok(status::document(session)),
        "pipeline" => Ok(pipeline::document(session, frame(query)?)),
        "table" => table::document(session, query),
        "choices" => choices::document(session, query),
        "plot" => plot::document(session, query),
        "rollout" => Ok(rollout::document(session)),
        "cost" => Ok(cost::document(session)),
        "configuration" => Ok(json!({
            "text": session.config_text,
            "file": session.config_file.as_ref().map(|file| text(&file.display().to_string())),
            "recording": session.recording.as_ref().map(|file| text(&file.display().to_string())),
            "transforms": transforms(session),
        })),
        _ => Err(Failure::unknown()),
    }
}

/// Returns the names of all transforms of the configuration, each once.
fn transforms(session: &Session) -> Vec<String> {
    let stages = session.config.pipelines.iter().flat_map(|pipeline| &pipeline.transforms);
    let mut names: Vec<String> = Vec::new();
    for name in stages.map(|stage| &stage.component.name) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

fn view(query: &Query) -> Result<View, Failure> {
    let name = query.get("view").unwrap_or("pods");
    View::from_str(name, false).map_err(|_| Failure::bad(format!("unknown view `{}`", text(name))))
}

fn frame(query: &Query) -> Result<Option<usize>, Failure> {
    query.number("frame").map_err(Failure::bad)
}

/// Returns a text from outside as it is shown.
pub(super) fn text(text: &str) -> String {
    let shown = insightd::visible::line(text);
    match shown.char_indices().nth(MAX_TEXT) {
        Some((at, _)) => format!("{}…", &shown[..at]),
        None => shown.into_owned(),
    }
}
