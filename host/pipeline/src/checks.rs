//! Checks of the components that pipelines name, without running them.

use insightd_sandbox::{Component, Kind};

use crate::library::Library;
use crate::problem::Problem;
use crate::spec::{ComponentSpec, PipelineSpec};

/// The problems of the components of a bundle.
#[derive(Debug)]
pub struct Faults {
    /// All problems.
    pub problems: Vec<Problem>,
    /// `true` if every problem is a missing file, which may still arrive.
    pub is_awaited: bool,
}

/// Returns all problems of the components of the pipelines and of their configurations.
pub fn faults(pipelines: &[PipelineSpec], library: &mut Library) -> Faults {
    let mut faults = Faults { problems: Vec::new(), is_awaited: true };
    for pipeline in pipelines {
        for (wanted, kind) in slots(pipeline) {
            let found = library.find(wanted, kind);
            faults.is_awaited &= found.is_awaited || found.problems.is_empty();
            faults.problems.extend(found.problems);
        }
    }
    faults.is_awaited &= !faults.problems.is_empty();
    faults
}

/// Returns the components of a pipeline with the kind that their slot requires.
fn slots(pipeline: &PipelineSpec) -> impl Iterator<Item = (&ComponentSpec, Kind)> {
    let stages = pipeline.transforms.iter().map(|stage| (&stage.component, Kind::Transform));
    stages.chain(pipeline.outputs.iter().map(|output| (&output.formatter, Kind::Formatter)))
}

/// Returns warnings about the components and their order: settings that are valid but probably not intended.
pub fn warnings(pipelines: &[PipelineSpec], library: &mut Library) -> Vec<Problem> {
    let mut warnings = Vec::new();
    for pipeline in pipelines {
        for (wanted, kind) in slots(pipeline) {
            if let Some(component) = library.find(wanted, kind).component {
                warnings.extend(component_warnings(wanted, &component));
            }
        }
        let position = |name: &str| pipeline.transforms.iter().position(|stage| stage.component.name == name);
        if let (Some(first), Some(second)) = (position("utilization"), position("decorate"))
            && first < second
        {
            let wanted = &pipeline.transforms[first].component;
            let message =
                "`utilization` before `decorate` finds no pods: move it after `decorate`, which adds them";
            warnings.push(note(wanted, "use", message.into()));
        }
    }
    warnings
}

/// Returns true if a component uses state and is granted none. A component that uses state only when configured to
/// declares `x-state: optional` in its schema.
pub(crate) fn lacks_state(wanted: &ComponentSpec, component: &Component) -> bool {
    component.uses_state() && wanted.state_bytes.is_none() && schema(component)["x-state"] != "optional"
}

fn schema(component: &Component) -> serde_json::Value {
    serde_json::from_str(&component.description().config_schema).unwrap_or_default()
}

/// Returns warnings about one component. A schema attaches a warning to a key with `x-warning`.
fn component_warnings(wanted: &ComponentSpec, component: &Component) -> Vec<Problem> {
    let mut warnings = Vec::new();
    if lacks_state(wanted, component) {
        let message = "component uses state but has no grant: add `state: {max_bytes: 64KiB}` beside `use`";
        warnings.push(note(wanted, "state", message.into()));
    }
    let schema = schema(component);
    let set: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&wanted.config.text).unwrap_or_default();
    for key in set.keys() {
        if let Some(warning) = schema["properties"][key.as_str()]["x-warning"].as_str() {
            let at = wanted.config.position(key);
            warnings.push(Problem {
                at,
                path: format!("{}.config.{key}", wanted.path),
                message: warning.into(),
            });
        }
    }
    warnings
}

fn note(wanted: &ComponentSpec, key: &str, message: String) -> Problem {
    Problem { at: wanted.config.at, path: format!("{}.{key}", wanted.path), message }
}
