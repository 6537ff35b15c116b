//! Puts the parts together. The only module that knows all others.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use insightd_sandbox::{self as sandbox, Compiler, Kind, Sandbox, Slot, SlotConfig};

use crate::cli;
use crate::config::{self, Config, Environment, OnFailure, Problem, Report};
use crate::drive::{self, Plan};
use crate::gate::Quota;
use crate::library::{self, Found, Library};
use crate::logging;
use crate::pipeline::{Output, Pipeline};
use crate::sinks::SinkSet;
use crate::source::Source;
use crate::worker::Worker;

/// How long `--once` waits between the baseline and its tick.
const ONCE: Duration = Duration::from_secs(1);

/// A mistake of whoever started the agent: exit code 64.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

impl From<Report> for Usage {
    fn from(report: Report) -> Self {
        Self(report.to_string())
    }
}

/// `insightd run`.
///
/// # Errors
/// [`Usage`], or what kept the agent from running on.
pub fn run(options: &cli::Run) -> anyhow::Result<()> {
    let config = configuration(options)?;
    logging::start(&config.log);
    let source = Source::open(&config).map_err(|error| Usage(error.to_string()))?;
    let sinks = SinkSet::open(used_sinks(&config))?;
    let mut library = library(&config)?;
    let pipelines = pipelines(&config, &mut library, &sinks, options.config.as_deref())?;
    say_what_runs(&config, &source);
    let plan = match (source.moments(), options.once) {
        (Some(_), once) => Plan::Replay { once },
        (None, true) => Plan::Once(config.interval.min(ONCE)),
        (None, false) => Plan::Every(config.interval),
    };
    Ok(drive::drive(Worker::new(source, pipelines, sinks), plan)?)
}

/// `insightd check`: prints what the file comes to.
///
/// # Errors
/// [`Usage`] with everything that is wrong.
pub fn check(file: &Path) -> anyhow::Result<()> {
    let config = Config::load(file, &Environment::of_process()).map_err(Usage::from)?;
    let mut library = library(&config)?;
    let problems: Vec<Problem> =
        places(&config).flat_map(|(wanted, kind)| library.find(wanted, kind).problems).collect();
    let name = file.display().to_string();
    if !problems.is_empty() {
        return Err(Usage::from(Report::new(Some(name), problems)).into());
    }
    for pipeline in &config.pipelines {
        let chain: Vec<String> =
            pipeline.transforms.iter().map(|stage| stage.component.to_string()).collect();
        for output in &pipeline.outputs {
            let (chain, formatter) = (chain.join(" -> "), &output.formatter);
            println!("{name}: pipeline {}: {chain} -> {formatter} -> {}", pipeline.name, output.sink);
        }
    }
    println!("{name}: ok");
    Ok(())
}

/// File, environment and command line.
fn configuration(options: &cli::Run) -> Result<Config, Usage> {
    let environment = Environment::of_process();
    let mut config = match &options.config {
        Some(file) => Config::load(file, &environment)?,
        None => Config::parse("", None, &environment)?,
    };
    if let Some(interval) = options.interval {
        config.interval = interval;
    }
    if let Some(root) = &options.host_root {
        config.host.root.clone_from(root);
    }
    Ok(config)
}

/// Sinks that no output names stay closed: a file would be made for nothing.
fn used_sinks(config: &Config) -> impl Iterator<Item = &config::Sink> {
    let used = |sink: &&config::Sink| {
        config.pipelines.iter().flat_map(|pipeline| &pipeline.outputs).any(|output| output.sink == sink.name)
    };
    config.sinks.iter().filter(used)
}

/// Sandbox and components for a configuration.
fn library(config: &Config) -> anyhow::Result<Library> {
    let outputs = || config.pipelines.iter().flat_map(|pipeline| &pipeline.outputs);
    let routes = outputs().map(|output| output.max_routes_per_tick).max().unwrap_or(0);
    let bytes = outputs().map(|output| output.max_bytes_per_tick).max().unwrap_or(0);
    let default = sandbox::Limits::default();
    let limits = sandbox::Limits {
        memory_bytes: usize::try_from(config.limits.memory_bytes).unwrap_or(usize::MAX),
        cpu_time: config.limits.cpu_time,
        wall_time: config.limits.wall_time,
        // Above what an output lets out: the output drops what is more and delivers the rest, the sandbox fails the call.
        max_routes: default.max_routes.max(routes.saturating_mul(4)),
        max_payload_bytes: default
            .max_payload_bytes
            .max(usize::try_from(bytes).unwrap_or(usize::MAX).saturating_mul(2)),
        ..default
    };
    let sandbox = Sandbox::new(limits).context("no component can run")?;
    let compiler: PathBuf = config.compiler.clone().unwrap_or_else(library::compiler_beside);
    Ok(Library::new(sandbox, config.transforms_dir.clone(), Compiler::new(compiler)))
}

/// All components of a configuration with what they are for.
fn places(config: &Config) -> impl Iterator<Item = (&config::Component, Kind)> {
    config.pipelines.iter().flat_map(|pipeline| {
        let stages = pipeline.transforms.iter().map(|stage| (&stage.component, Kind::Transform));
        stages.chain(pipeline.outputs.iter().map(|output| (&output.formatter, Kind::Formatter)))
    })
}

/// Loads all components. A `file:` component that cannot be used is replaced or left out, loudly; everything else that is
/// wrong keeps the agent from starting, and is reported at once.
fn pipelines(
    config: &Config,
    library: &mut Library,
    sinks: &SinkSet,
    file: Option<&Path>,
) -> Result<Vec<Pipeline>, Usage> {
    let mut fatal = Vec::new();
    let mut pipelines = Vec::new();
    for wanted in &config.pipelines {
        let mut stages = Vec::new();
        for stage in &wanted.transforms {
            let found = library.find(&stage.component, Kind::Transform);
            let slot = slot(config, &wanted.name, &stage.component, stage.on_failure, found);
            match slot {
                Ok(slot) => stages.push(slot),
                Err(problems) if stage.component.origin == config::Origin::Builtin => fatal.extend(problems),
                Err(problems) if stage.on_failure == OnFailure::Drop => fatal.extend(problems),
                Err(problems) => {
                    let problem = problems.first().map(|problem| problem.message.clone());
                    tracing::error!(pipeline = wanted.name, stage = %stage.component, problem, "stage left out: nothing can run in its place");
                }
            }
        }
        let mut outputs = Vec::new();
        for output in &wanted.outputs {
            let found = library.find(&output.formatter, Kind::Formatter);
            match slot(config, &wanted.name, &output.formatter, OnFailure::LastGood, found) {
                Ok(slot) => {
                    let quota =
                        Quota { bytes: output.max_bytes_per_tick, routes: output.max_routes_per_tick };
                    let sink = sinks.position(&output.sink).unwrap_or_default();
                    outputs.push(Output::new(slot, sink, output.grants.clone(), quota));
                }
                Err(problems) => fatal.extend(problems),
            }
        }
        pipelines.push(Pipeline { name: wanted.name.clone(), stages, outputs });
    }
    if fatal.is_empty() {
        return Ok(pipelines);
    }
    let file = file.map(|file| file.display().to_string());
    Err(Report::new(file, fatal).into())
}

fn slot(
    config: &Config,
    pipeline: &str,
    wanted: &config::Component,
    on_failure: OnFailure,
    found: Found,
) -> Result<Slot, Vec<Problem>> {
    let Some(component) = found.component else { return Err(found.problems) };
    for problem in &found.problems {
        let instead = component.name();
        tracing::error!(pipeline, component = %wanted, problem = problem.message, instead, "component cannot be used; the built-in runs in its place");
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
        max_failures: config.limits.failures,
    };
    let sha256 = config::Sha256(*component.sha256());
    let version = &component.description().version;
    tracing::info!(pipeline, component = component.name(), version, %sha256, "component ready");
    Ok(Slot::new(slot, component, found.builtin))
}

fn say_what_runs(config: &Config, source: &Source) {
    let root = config.host.root.display();
    let interval_ms = u64::try_from(config.interval.as_millis()).unwrap_or(u64::MAX);
    let (node, version) = (source.node_name(), env!("CARGO_PKG_VERSION"));
    tracing::info!(version, node, host_root = %root, interval_ms, moments = source.moments(), "started");
    if config.node.cluster_name.is_none() {
        tracing::warn!(
            "the name of the cluster is unknown: set `node.cluster_name` or K8S_CLUSTER_NAME; events go without it"
        );
    }
}
