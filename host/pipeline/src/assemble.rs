//! Assembles pipelines that are ready to run from their specifications.

use std::time::Duration;

use insightd_sandbox::{self as sandbox, Kind, OnFailure, Slot, SlotConfig};
use insights_batch::state::Bounds;

use crate::checks::lacks_state;
use crate::filter::Quota;
use crate::library::{Found, Library};
use crate::output::Output;
use crate::pipeline::Pipeline;
use crate::problem::Problem;
use crate::sha256::Sha256;
use crate::spec::{ComponentSpec, Origin, OutputSpec, PipelineSpec, StageSpec};
use crate::stage::Stage;
use crate::states::Grant;

/// Bounds of every call of a component, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentLimits {
    /// Most memory of one instance of a component, bytes.
    pub memory_bytes: u64,
    /// Most CPU time of one call.
    pub cpu_time: Duration,
    /// Most wall-clock time of one call: a backstop, far above what a throttled node needs.
    pub wall_time: Duration,
    /// Consecutive failures after which another version takes over.
    pub failures: u32,
}

impl ComponentLimits {
    /// Returns the limits for the sandbox that runs these pipelines.
    pub fn for_sandbox(&self, pipelines: &[PipelineSpec]) -> sandbox::CallLimits {
        let outputs = || pipelines.iter().flat_map(|pipeline| &pipeline.outputs);
        let routes = outputs().map(|output| output.max_routes_per_tick).max().unwrap_or(0);
        let bytes = outputs().map(|output| output.max_bytes_per_tick).max().unwrap_or(0);
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let default = sandbox::CallLimits::default();
        sandbox::CallLimits {
            memory_bytes: usize::try_from(self.memory_bytes).unwrap_or(usize::MAX),
            cpu_time: self.cpu_time,
            wall_time: self.wall_time,
            // Above the quota of any output: the filter delivers the part within the quota, while the sandbox fails the
            // whole call.
            max_routes: default.max_routes.max(routes.saturating_mul(4)),
            max_payload_bytes: default.max_payload_bytes.max(bytes.saturating_mul(2)),
            ..default
        }
    }
}

/// Loads all components. A `file:` component that cannot be used is replaced by the built-in or left out, with an error
/// in the log. `sinks` are the names of the open sinks, in their order.
///
/// # Errors
/// Returns every other problem: a built-in, a formatter or a transform with `on_failure: drop` that cannot run, or a
/// sink that is not open.
pub fn assemble<'a>(
    specs: impl IntoIterator<Item = &'a PipelineSpec>,
    limits: &ComponentLimits,
    library: &mut Library,
    sinks: &[String],
) -> Result<Vec<Pipeline>, Vec<Problem>> {
    let mut fatal = Vec::new();
    let mut pipelines = Vec::new();
    for wanted in specs {
        let mut assembly = Assembly {
            max_failures: limits.failures,
            components: &mut *library,
            pipeline: &wanted.name,
            fatal: &mut fatal,
        };
        let stages = wanted.transforms.iter().filter_map(|stage| assembly.stage(stage)).collect();
        let outputs = wanted.outputs.iter().filter_map(|output| assembly.output(output, sinks)).collect();
        pipelines.push(Pipeline { name: wanted.name.clone(), scope: wanted.scope, stages, outputs });
    }
    if fatal.is_empty() { Ok(pipelines) } else { Err(fatal) }
}

/// State for the assembly of one pipeline.
struct Assembly<'a> {
    max_failures: u32,
    components: &'a mut Library,
    pipeline: &'a str,
    /// Problems that keep the agent from starting.
    fatal: &'a mut Vec<Problem>,
}

impl Assembly<'_> {
    fn stage(&mut self, wanted: &StageSpec) -> Option<Stage> {
        let found = self.components.find(&wanted.component, Kind::Transform);
        match self.slot(&wanted.component, wanted.on_failure, found) {
            Ok(slot) => Some(Stage::new(slot, self.grant(&wanted.component))),
            Err(problems) => {
                let builtin = wanted.component.origin == Origin::Builtin;
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

    fn output(&mut self, wanted: &OutputSpec, sinks: &[String]) -> Option<Output> {
        let Some(sink) = sinks.iter().position(|name| *name == wanted.sink) else {
            let message = format!("the sink `{}` is not open: restart the agent to open it", wanted.sink);
            let (at, path) = (wanted.formatter.config.at, format!("{}.sink", wanted.formatter.path));
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
    fn grant(&self, wanted: &ComponentSpec) -> Option<Grant> {
        let bounds = Bounds::of_bytes(wanted.state_bytes?);
        Some(Grant { transform: format!("{}/{}", self.pipeline, wanted.name), bounds })
    }

    fn slot(
        &self,
        wanted: &ComponentSpec,
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
        let slot = SlotConfig {
            name: format!("{pipeline}/{wanted}"),
            config: wanted.config.text.clone(),
            on_failure,
            max_failures: self.max_failures,
        };
        if lacks_state(wanted, &component) {
            tracing::warn!(
                pipeline,
                component = component.name(),
                "component uses state but has no grant: add `state: {{max_bytes: 64KiB}}` beside `use`"
            );
        }
        let sha256 = Sha256(*component.sha256());
        let version = &component.description().version;
        tracing::info!(pipeline, component = component.name(), version, %sha256, "component ready");
        Ok(Slot::new(slot, component, found.builtin))
    }
}
