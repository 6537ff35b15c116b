//! The cost of monitoring, as `insightctl cost` computes it. It runs the recording many times, so a thread does it once.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use serde_json::{Value, json};

use super::text;
use crate::cost;
use crate::ui::session::{CostState, Session};

/// Maximum number of rows of each list.
const MAX_ROWS: usize = 100;

/// Returns the report, or the state of its computation; the first request begins it.
pub(super) fn document(session: &Arc<Session>) -> Value {
    if session.recording.is_none() {
        return json!({"state": "absent", "reason": "the cost is computed from a recording: see `insightctl cost`"});
    }
    let mut state = session.cost();
    match &*state {
        CostState::Idle => {
            *state = CostState::Running;
            let session = Arc::clone(session);
            thread::spawn(move || compute(&session));
            json!({"state": "running"})
        }
        CostState::Running => json!({"state": "running"}),
        CostState::Done(report) => json!({"state": "done", "report": &**report}),
        CostState::Failed(reason) => json!({"state": "failed", "reason": reason}),
    }
}

fn compute(session: &Session) {
    let reader = session.reader().map_err(anyhow::Error::msg);
    let file = session.config_file.as_deref();
    let name = session.recording.as_deref().unwrap_or(Path::new("the recording of the demo"));
    let report = reader.and_then(|mut reader| cost::document((&mut reader, name), &session.config, file));
    *session.cost() = match report {
        Ok(mut report) => {
            bound(&mut report);
            CostState::Done(Arc::new(report))
        }
        Err(error) => CostState::Failed(text(&format!("{error:#}"))),
    };
}

/// Escapes and cuts all texts of the report, and leaves out rows beyond the maximum.
fn bound(value: &mut Value) {
    match value {
        Value::String(shown) => *shown = text(shown),
        Value::Array(rows) => {
            rows.truncate(MAX_ROWS);
            rows.iter_mut().for_each(bound);
        }
        Value::Object(fields) => fields.values_mut().for_each(bound),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_escaped_and_bounded() {
        let mut report =
            json!({"emf": {"by_label": vec![json!({"name": "a\u{202e}"}); MAX_ROWS + 1]}, "n": 1.5});
        bound(&mut report);
        let rows = report["emf"]["by_label"].as_array().unwrap();
        assert_eq!(
            (rows.len(), &rows[0]["name"], &report["n"]),
            (MAX_ROWS, &json!("a\\u{202e}"), &json!(1.5))
        );
    }
}
