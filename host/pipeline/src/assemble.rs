//! Assembles pipelines that are ready to run from a configuration.

use std::path::PathBuf;

use anyhow::Context;
use insightd_sandbox::{self as sandbox, Compiler, Component, Kind, Sandbox, Slot, SlotConfig};
use insights_sdk::state::Bounds;

use crate::config::{self, Config, OnFailure, Problem, Role, Scope};
use crate::gate::Quota;
use crate::library::{self, Found, Library};
use crate::pipeline::{Output, Pipeline, Stage};
use crate::rollout::Snapshot;
use crate::states::Grant;

/// Returns the bounds of every call of a component of this configuration.
fn limits(config: &Config) -> sandbox::Limits {
    let outputs = || config.pipelines.iter().flat_map(|pipeline| &pipeline.outputs);
    let routes = outputs().map(|output| output.max_routes_per_tick).max().unwrap_or(0);
    let bytes = outputs().map(|output| output.max_bytes_per_tick).max().unwrap_or(0);
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    let default = sandbox::Limits::default();
    sandbox::Limits {
        memory_bytes: usize::try_from(config.limits.memory_bytes).unwrap_or(usize::MAX),
        cpu_time: config.limits.cpu_time,
        wall_time: config.limits.wall_time,
        // Above the quota of any output, since the gate delivers the part within the quota while the sandbox fails the
        // whole call.
        max_routes: default.max_routes.max(routes.saturating_mul(4)),
        max_payload_bytes: default.max_payload_bytes.max(bytes.saturating_mul(2)),
        ..default
    }
}

/// Creates the sandbox and the component library of a configuration.
///
/// # Errors
/// Fails if the WebAssembly runtime does not work on this machine.
pub fn library(snapshot: &Snapshot) -> anyhow::Result<Library> {
    let config = &snapshot.config;
    let sandbox = Sandbox::new(limits(config)).context("components cannot run")?;
    let compiler: PathBuf = config.compiler.clone().unwrap_or_else(library::compiler_beside);
    let compiler = Compiler::new(compiler);
    Ok(Library::new(sandbox, config.transforms_dir.clone(), snapshot.files.clone(), compiler))
}

/// Gives the library the files of another snapshot; replaces the library if the bounds of calls differ.
///
/// # Errors
/// Fails as [`library()`] does.
pub fn renew(library: &mut Library, snapshot: &Snapshot) -> anyhow::Result<()> {
    if *library.limits() == limits(&snapshot.config) {
        library.offer(snapshot.files.clone());
    } else {
        *library = self::library(snapshot)?;
    }
    Ok(())
}

/// Returns all problems of the components of the pipelines and of their configurations.
pub fn problems(config: &Config, library: &mut Library) -> Vec<Problem> {
    faults(config, library).problems
}

/// The problems of the components of a bundle.
#[derive(Debug)]
pub struct Faults {
    /// All problems.
    pub problems: Vec<Problem>,
    /// `true` if every problem is a missing file, which may still arrive.
    pub is_awaited: bool,
}

/// Returns the problems as [`problems`] does, and whether they may resolve without a change of the configuration.
pub fn faults(config: &Config, library: &mut Library) -> Faults {
    let mut faults = Faults { problems: Vec::new(), is_awaited: true };
    for pipeline in &config.pipelines {
        let stages = pipeline.transforms.iter().map(|stage| (&stage.component, Kind::Transform));
        let outputs = pipeline.outputs.iter().map(|output| (&output.formatter, Kind::Formatter));
        for (wanted, kind) in stages.chain(outputs) {
            let found = library.find(wanted, kind);
            faults.is_awaited &= found.is_awaited || found.problems.is_empty();
            faults.problems.extend(found.problems);
        }
    }
    faults.is_awaited &= !faults.problems.is_empty();
    faults
}

/// Returns warnings about the components and their order: settings that are valid but probably not intended.
pub fn warnings(config: &Config, library: &mut Library) -> Vec<Problem> {
    let mut warnings = Vec::new();
    for pipeline in &config.pipelines {
        let stages = pipeline.transforms.iter().map(|stage| (&stage.component, Kind::Transform));
        let outputs = pipeline.outputs.iter().map(|output| (&output.formatter, Kind::Formatter));
        for (wanted, kind) in stages.chain(outputs) {
            if let Some(component) = library.find(wanted, kind).component {
                warnings.extend(component_warnings(wanted, &component));
            }
        }
        let place = |name: &str| pipeline.transforms.iter().position(|stage| stage.component.name == name);
        if let (Some(first), Some(second)) = (place("utilization"), place("decorate"))
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
fn lacks_state(wanted: &config::Component, component: &Component) -> bool {
    component.uses_state() && wanted.state_bytes.is_none() && schema(component)["x-state"] != "optional"
}

fn schema(component: &Component) -> serde_json::Value {
    serde_json::from_str(&component.description().config_schema).unwrap_or_default()
}

/// Returns warnings about one component. A schema attaches a warning to a key with `x-warning`.
fn component_warnings(wanted: &config::Component, component: &Component) -> Vec<Problem> {
    let mut warnings = Vec::new();
    if lacks_state(wanted, component) {
        let message = "component uses state but has no grant: add `state: {max_bytes: 64KiB}` beside `use`";
        warnings.push(note(wanted, "state", message.into()));
    }
    let schema = schema(component);
    let set: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&wanted.settings.text).unwrap_or_default();
    for key in set.keys() {
        if let Some(warning) = schema["properties"][key.as_str()]["x-warning"].as_str() {
            let at = wanted.settings.position(key);
            warnings.push(Problem {
                at,
                path: format!("{}.config.{key}", wanted.path),
                message: warning.into(),
            });
        }
    }
    warnings
}

fn note(wanted: &config::Component, key: &str, message: String) -> Problem {
    Problem { at: wanted.settings.at, path: format!("{}.{key}", wanted.path), message }
}

/// Loads all components. A `file:` component that cannot be used is replaced by the built-in or left out, with an error
/// in the log. `sinks` are the names of the open sinks, in their order.
///
/// # Errors
/// Returns every other problem: a built-in, a formatter or a transform with `on_failure: drop` that cannot run, or a
/// sink that is not open.
pub fn pipelines(
    config: &Config,
    library: &mut Library,
    sinks: &[String],
) -> Result<Vec<Pipeline>, Vec<Problem>> {
    let mut fatal = Vec::new();
    let mut pipelines = Vec::new();
    for wanted in config.pipelines.iter().filter(|wanted| serves(config.role, wanted.scope)) {
        let mut assembly =
            Assembly { config, components: &mut *library, pipeline: &wanted.name, fatal: &mut fatal };
        let stages = wanted.transforms.iter().filter_map(|stage| assembly.stage(stage)).collect();
        let outputs = wanted.outputs.iter().filter_map(|output| assembly.output(output, sinks)).collect();
        pipelines.push(Pipeline { name: wanted.name.clone(), scope: wanted.scope, stages, outputs });
    }
    if fatal.is_empty() { Ok(pipelines) } else { Err(fatal) }
}

/// Returns true if an agent of this role can have batches of that scope.
fn serves(role: Role, scope: Scope) -> bool {
    match scope {
        Scope::Node => role.has_node(),
        Scope::Cluster => role.has_cluster(),
    }
}

/// State for the assembly of one pipeline.
struct Assembly<'a> {
    config: &'a Config,
    components: &'a mut Library,
    pipeline: &'a str,
    /// Problems that keep the agent from starting.
    fatal: &'a mut Vec<Problem>,
}

impl Assembly<'_> {
    fn stage(&mut self, wanted: &config::Stage) -> Option<Stage> {
        let found = self.components.find(&wanted.component, Kind::Transform);
        match self.slot(&wanted.component, wanted.on_failure, found) {
            Ok(slot) => Some(Stage::new(slot, self.grant(&wanted.component))),
            Err(problems) => {
                let builtin = wanted.component.origin == config::Origin::Builtin;
                if builtin || wanted.on_failure == OnFailure::Drop {
                    self.fatal.extend(problems);
                } else {
                    let (pipeline, stage) = (self.pipeline, &wanted.component);
                    let problem = problems.first().map(|problem| &*problem.message);
                    tracing::error!(
                        pipeline,
                        %stage,
                        problem,
                        "stage skipped: component cannot be used, and no built-in can replace it"
                    );
                }
                None
            }
        }
    }

    fn output(&mut self, wanted: &config::Output, sinks: &[String]) -> Option<Output> {
        let Some(sink) = sinks.iter().position(|name| *name == wanted.sink) else {
            let message = format!("the sink `{}` is not open: restart the agent to open it", wanted.sink);
            let (at, path) = (wanted.formatter.settings.at, format!("{}.sink", wanted.formatter.path));
            self.fatal.push(Problem { at, path, message });
            return None;
        };
        let found = self.components.find(&wanted.formatter, Kind::Formatter);
        match self.slot(&wanted.formatter, OnFailure::LastGood, found) {
            Ok(slot) => {
                let quota = Quota { bytes: wanted.max_bytes_per_tick, routes: wanted.max_routes_per_tick };
                let grant = self.grant(&wanted.formatter);
                Some(Output::new(slot, grant, sink, wanted.grants.clone(), quota))
            }
            Err(problems) => {
                self.fatal.extend(problems);
                None
            }
        }
    }

    /// Returns the component's state grant, `None` if the configuration grants no state.
    fn grant(&self, wanted: &config::Component) -> Option<Grant> {
        let bounds = Bounds::of_bytes(wanted.state_bytes?);
        Some(Grant { transform: format!("{}/{}", self.pipeline, wanted.name), bounds })
    }

    fn slot(
        &self,
        wanted: &config::Component,
        on_failure: OnFailure,
        found: Found,
    ) -> Result<Slot, Vec<Problem>> {
        let Some(component) = found.component else { return Err(found.problems) };
        let pipeline = self.pipeline;
        for problem in &found.problems {
            tracing::error!(
                pipeline,
                component = %wanted,
                problem = problem.message,
                instead = component.name(),
                "component cannot be used; the built-in runs in its place"
            );
        }
        let on_failure = match on_failure {
            OnFailure::LastGood => sandbox::OnFailure::LastGood,
            OnFailure::Skip => sandbox::OnFailure::Skip,
            OnFailure::Drop => sandbox::OnFailure::Drop,
        };
        let slot = SlotConfig {
            name: format!("{pipeline}/{wanted}"),
            config: wanted.settings.text.clone(),
            on_failure,
            max_failures: self.config.limits.failures,
        };
        if lacks_state(wanted, &component) {
            tracing::warn!(
                pipeline,
                component = component.name(),
                "component uses state but has no grant: add `state: {{max_bytes: 64KiB}}` beside `use`"
            );
        }
        let sha256 = config::Sha256(*component.sha256());
        let version = &component.description().version;
        tracing::info!(pipeline, component = component.name(), version, %sha256, "component ready");
        Ok(Slot::new(slot, component, found.builtin))
    }
}
