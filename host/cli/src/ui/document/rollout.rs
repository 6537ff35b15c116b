//! The rollout: the facts of `insightctl top`, and all others that the agent has.

use serde_json::{Value, json};

use super::text;
use crate::arguments::View;
use crate::ui::session::Session;

/// Maximum number of facts, and depth of the document.
const MAX_FACTS: usize = 300;
const MAX_DEPTH: usize = 8;

/// Returns the facts.
pub(super) fn document(session: &Session) -> Value {
    session.read(View::Rollout, None, |model| {
        let choice = model.choice_mut();
        (choice.sort, choice.filter) = (None, String::new());
        let grid = model.grid();
        let fact = |row: &crate::top::grid::GridRow| {
            let cell = |index: usize| row.cells.get(index).map(|cell| text(&cell.text)).unwrap_or_default();
            json!({"name": cell(0), "value": cell(1), "is_bad": row.cells.iter().any(|cell| cell.is_bad)})
        };
        let mut all = Vec::new();
        if let Some(state) = &model.state {
            flatten("", &state.status["rollout"], 0, &mut all);
        }
        json!({
            "note": grid.note.as_deref().map(text),
            "facts": grid.rows.iter().map(fact).collect::<Vec<_>>(),
            "all": all,
        })
    })
}

/// Lists the values of a document by their path.
fn flatten(path: &str, value: &Value, depth: usize, to: &mut Vec<Value>) {
    let inner = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        _ if to.len() >= MAX_FACTS => {}
        Value::Object(fields) if depth < MAX_DEPTH => {
            fields.iter().for_each(|(key, value)| flatten(&inner(key), value, depth + 1, to));
        }
        Value::Array(values) if depth < MAX_DEPTH && values.iter().any(|value| value.is_object()) => {
            let each = values.iter().enumerate();
            each.for_each(|(index, value)| flatten(&inner(&index.to_string()), value, depth + 1, to));
        }
        Value::String(value) => to.push(json!({"name": text(path), "value": text(value)})),
        Value::Null => to.push(json!({"name": text(path), "value": "-"})),
        other => to.push(json!({"name": text(path), "value": text(&other.to_string())})),
    }
}
