//! The picture of pipelines: of a running agent from its state, of a recording from the configuration.

use std::collections::BTreeSet;

use insightd_pipeline::Scope;
use serde_json::{Value, json};

use super::parts::{self, Part};
use super::text;
use crate::arguments::View;
use crate::live::State;
use crate::top::model::{Mode, Model};
use crate::top::stage::{StageRow, is};
use crate::ui::history::AgentHistory;
use crate::ui::session::Session;

/// Maximum number of parts of each kind.
const MAX_PARTS: usize = 100;

/// A pipeline and its slots.
struct Plan {
    name: String,
    scope: Option<String>,
    stages: Vec<(String, String)>,
    /// Slot, component and sink.
    outputs: Vec<(String, String, Option<String>)>,
}

/// Returns the picture.
pub(super) fn document(session: &Session, frame: Option<usize>) -> Value {
    let history = session.history().clone();
    session.read(View::Stages, frame, |model| match model.mode {
        Mode::Recording => of_recording(session, model),
        Mode::Live => of_agent(model, &history),
    })
}

fn of_recording(session: &Session, model: &Model) -> Value {
    let plans: Vec<Plan> = session
        .config
        .pipelines
        .iter()
        .map(|pipeline| Plan {
            name: pipeline.name.clone(),
            scope: Scope::NAMES
                .iter()
                .find(|(_, scope)| *scope == pipeline.scope)
                .map(|(name, _)| (*name).to_owned()),
            stages: (1..)
                .zip(&pipeline.transforms)
                .map(|(number, stage)| (format!("transform-{number}"), stage.component.to_string()))
                .collect(),
            outputs: (1..)
                .zip(&pipeline.outputs)
                .map(|(number, output)| {
                    (format!("output-{number}"), output.formatter.to_string(), Some(output.sink.clone()))
                })
                .collect(),
        })
        .collect();
    let rows = model.newest().and_then(|frame| frame.stages.as_deref()).unwrap_or_default();
    let frames = model.position().1;
    let source = parts::recording(&model.source, frames, model.is_complete, model.problem.as_deref());
    let scopes: BTreeSet<&str> = model.frames.iter().map(|frame| frame.scope.as_str()).collect();
    let sources_of = |plan: &Plan| match plan.scope.as_deref().is_some_and(|scope| scopes.contains(scope)) {
        true => vec![source.clone()],
        false => Vec::new(),
    };
    picture(model, &plans, rows, &sources_of, None, None)
}

fn of_agent(model: &Model, history: &AgentHistory) -> Value {
    let Some(state) = &model.state else {
        return json!({"pipelines": [], "sinks": [], "note": "waiting for the agent"});
    };
    let rows = StageRow::from_state(state);
    let mut plans: Vec<Plan> = Vec::new();
    for row in &rows {
        let at = plans.iter().position(|plan| plan.name == row.pipeline).unwrap_or_else(|| {
            let scope = scope_of(model, &row.pipeline);
            plans.push(Plan { name: row.pipeline.clone(), scope, stages: Vec::new(), outputs: Vec::new() });
            plans.len() - 1
        });
        let (slot, component) = (row.slot.clone(), row.component.clone());
        match row.slot.starts_with("output-") {
            true => plans[at].outputs.push((slot, component, sink_of(state, row))),
            false => plans[at].stages.push((slot, component)),
        }
    }
    let sinks: BTreeSet<&str> =
        state.metrics.iter().filter_map(|sample| sample.labels.get("sink")).map(String::as_str).collect();
    let sources: BTreeSet<(&str, &str)> = state
        .metrics
        .iter()
        .filter_map(|sample| {
            Some((sample.labels.get("scope")?.as_str(), sample.labels.get("source")?.as_str()))
        })
        .filter(|(_, source)| !sinks.contains(source))
        .collect();
    let sources_of = |plan: &Plan| {
        let is_own = |scope: &str| plan.scope.as_deref().is_none_or(|known| known == scope);
        let remote = sources.iter().filter(|(scope, _)| is_own(scope)).take(MAX_PARTS);
        let remote = remote.map(|(scope, source)| parts::source(scope, source, state, history));
        is_own("node").then(|| parts::kernel(state)).into_iter().chain(remote).collect()
    };
    picture(model, &plans, &rows, &sources_of, Some(state), Some(history))
}

/// Returns the scope of an agent's pipeline: that of its batches, or else its name if that is one.
fn scope_of(model: &Model, pipeline: &str) -> Option<String> {
    let frame = model.frames.iter().rev().find(|frame| frame.pipeline == pipeline);
    let named = ["node", "cluster", "task"].into_iter().find(|scope| *scope == pipeline);
    frame.map(|frame| frame.scope.clone()).or(named.map(str::to_owned))
}

fn sink_of(state: &State, row: &StageRow) -> Option<String> {
    let of_slot = |labels| is(labels, "pipeline", &row.pipeline) && is(labels, "slot", &row.slot);
    let own = state.metrics.iter().filter(|sample| of_slot(&sample.labels));
    own.filter_map(|sample| sample.labels.get("sink").cloned()).next()
}

fn picture(
    model: &Model,
    plans: &[Plan],
    rows: &[StageRow],
    sources_of: &dyn Fn(&Plan) -> Vec<Part>,
    state: Option<&State>,
    history: Option<&AgentHistory>,
) -> Value {
    let row = |plan: &Plan, slot: &str| rows.iter().find(|row| row.pipeline == plan.name && row.slot == slot);
    let part = |plan: &Plan, slot: &str, component: &str| {
        parts::stage(&plan.name, slot, component, row(plan, slot), history).to_json()
    };
    let has_run =
        |plan: &Plan, row: &StageRow| row.pipeline == plan.name && row.calls.is_some_and(|calls| calls > 0.0);
    let mut sinks: BTreeSet<&str> =
        plans.iter().flat_map(|plan| &plan.outputs).filter_map(|(_, _, sink)| sink.as_deref()).collect();
    let of_state = state.into_iter().flat_map(|state| &state.metrics);
    sinks.extend(of_state.filter_map(|sample| sample.labels.get("sink")).map(String::as_str));
    let pipelines: Vec<Value> = plans
        .iter()
        .take(MAX_PARTS)
        .map(|plan| {
            let stages = plan.stages.iter().take(MAX_PARTS);
            let outputs = plan.outputs.iter().take(MAX_PARTS).map(|(slot, component, sink)| {
                let mut output = part(plan, slot, component);
                output["sink"] = json!(sink.as_ref().map(|sink| format!("sink/{sink}")));
                output
            });
            json!({
                "name": text(&plan.name),
                "scope": plan.scope.as_deref().map(text),
                "is_idle": !rows.iter().any(|row| has_run(plan, row)),
                "sources": sources_of(plan).iter().map(Part::to_json).collect::<Vec<_>>(),
                "stages": stages.map(|(slot, component)| part(plan, slot, component)).collect::<Vec<_>>(),
                "outputs": outputs.collect::<Vec<_>>(),
            })
        })
        .collect();
    let sinks: Vec<Value> =
        sinks.into_iter().take(MAX_PARTS).map(|sink| parts::sink(sink, state, history).to_json()).collect();
    let (frame, frames) = model.position();
    json!({
        "pipelines": pipelines,
        "sinks": sinks,
        "time_unix_ms": model.time_unix_ms(),
        "frame": frame,
        "frames": frames,
        "note": rows.is_empty().then_some("no batch has passed yet"),
    })
}
