//! Puts the parts together. The only module that knows all others.

mod assemble;

use std::path::Path;
use std::time::Duration;

use insightd_sandbox::Kind;

use crate::cli;
use crate::config::{self, Config, Environment, Problem, Report};
use crate::drive::{self, Plan};
use crate::logging;
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
    let (worker, moments) = worker(&config, options.config.as_deref())?;
    let plan = match (moments, options.once) {
        (Some(_), once) => Plan::Replay { once },
        (None, true) => Plan::Once(config.interval.min(ONCE)),
        (None, false) => Plan::Every(config.interval),
    };
    Ok(drive::drive(&drive::runtime()?, worker, plan)?)
}

/// Opens source and sinks and loads the components; with a recording also its number of moments. `file` is the
/// configuration's, for messages.
///
/// # Errors
/// [`Usage`], or what keeps the agent from running.
pub fn worker(config: &Config, file: Option<&Path>) -> anyhow::Result<(Worker, Option<usize>)> {
    let source = Source::open(config).map_err(|error| Usage(error.to_string()))?;
    let sinks = SinkSet::open(config.sinks.iter().filter(|sink| is_used(config, sink)))?;
    let mut library = assemble::library(config)?;
    let pipelines = assemble::pipelines(config, &mut library, &sinks).map_err(|problems| {
        let file = file.map(|file| file.display().to_string());
        Usage::from(Report::new(file, problems))
    })?;
    say_what_runs(config, &source);
    let moments = source.moments();
    Ok((Worker::new(source, pipelines, sinks), moments))
}

/// `insightd check`: prints what the file comes to.
///
/// # Errors
/// [`Usage`] with everything that is wrong.
pub fn check(file: &Path) -> anyhow::Result<()> {
    let config = Config::load(file, &Environment::of_process()).map_err(Usage::from)?;
    let mut library = assemble::library(&config)?;
    let mut problems: Vec<Problem> = Vec::new();
    for pipeline in &config.pipelines {
        for stage in &pipeline.transforms {
            problems.extend(library.find(&stage.component, Kind::Transform).problems);
        }
        for output in &pipeline.outputs {
            problems.extend(library.find(&output.formatter, Kind::Formatter).problems);
        }
    }
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

/// A sink that no output names stays closed: a file would be made for nothing.
fn is_used(config: &Config, sink: &config::Sink) -> bool {
    config.pipelines.iter().flat_map(|pipeline| &pipeline.outputs).any(|output| output.sink == sink.name)
}

fn say_what_runs(config: &Config, source: &Source) {
    let root = config.host.root.display();
    let interval_ms = u64::try_from(config.interval.as_millis()).unwrap_or(u64::MAX);
    let (node, version) = (source.node_name(), env!("CARGO_PKG_VERSION"));
    tracing::info!(version, node, host_root = %root, interval_ms, moments = source.moments(), "started");
    for sink in config.sinks.iter().filter(|sink| !is_used(config, sink) && sink.name != "stdout") {
        tracing::warn!(sink = sink.name, "no output names this sink: nothing is written to it");
    }
    if config.node.cluster_name.is_none() {
        tracing::warn!(
            "the name of the cluster is unknown: set `node.cluster_name` or K8S_CLUSTER_NAME; events go without it"
        );
    }
}
