//! Explains a tap through which nothing passes: most often a word of the selection is wrong.

use std::collections::BTreeSet;

use insightd_pipeline::suggest::did_you_mean;
use serde_json::Value;

use crate::arguments::{At, Tap};
use crate::live::Agent;

/// Returns the error text of a tick in which nothing passed; `None` if everything was selected.
pub(super) async fn explain(agent: &Agent, options: &Tap) -> Option<String> {
    let given = selection(options)?;
    // The state only helps to explain.
    let state = agent.state().await.ok();
    let known = state.and_then(|state| unknown(options, &state.status["components"]));
    let why = known.or_else(|| letters(options)).map(|why| format!(": {why}")).unwrap_or_default();
    Some(format!("nothing passed in this tick with{given}{why}"))
}

/// Returns the options that select, as they were given; `None` without any.
fn selection(options: &Tap) -> Option<String> {
    let given = [
        ("pipeline", &options.pipeline),
        ("slot", &options.slot),
        ("before-after", &options.before_after),
        ("type", &options.kind),
        ("namespace", &options.namespace),
        ("pod", &options.pod),
        ("metric", &options.metric),
    ];
    let given: String =
        given.iter().filter_map(|(name, value)| Some(format!(" --{name} {}", value.as_ref()?))).collect();
    (!given.is_empty()).then_some(given)
}

/// Returns the text about a pipeline or slot that the agent does not have.
fn unknown(options: &Tap, components: &Value) -> Option<String> {
    let components = components.as_array().filter(|components| !components.is_empty())?;
    let pipeline = options.pipeline.as_deref();
    let all = |key: &str, of: Option<&str>| -> BTreeSet<&str> {
        let own = components.iter().filter(|component| of.is_none_or(|of| component["pipeline"] == of));
        own.filter_map(|component| component[key].as_str()).collect()
    };
    let missing = |what: &str, name: &str, known: BTreeSet<&str>| {
        let meant = did_you_mean(name, known.iter().copied());
        let known: Vec<&str> = known.into_iter().collect();
        (!known.contains(&name))
            .then(|| format!("no {what} `{name}`; {meant}the agent has {}", known.join(", ")))
    };
    let no_pipeline = pipeline.and_then(|name| missing("pipeline", name, all("pipeline", None)));
    let slot = options.before_after.as_deref().or(options.slot.as_deref());
    no_pipeline.or_else(|| missing("slot", slot?, all("slot", pipeline)))
}

/// Returns the hint that a type is written differently here.
fn letters(options: &Tap) -> Option<String> {
    let first = options.kind.as_deref()?.chars().next()?;
    let is_batch = options.at == At::Batches || options.before_after.is_some();
    match (is_batch, first.is_uppercase()) {
        (false, false) => Some("types of events begin with a capital letter, such as `Pod`".into()),
        (true, true) => Some("types in batches are in small letters, such as `pod`".into()),
        _ => None,
    }
}
