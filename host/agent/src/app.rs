//! Puts the parts together. The only module that knows all others.

mod assemble;
mod offline;
mod record;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use insightd_sandbox::Kind;

use crate::cli;
use crate::config::{self, Config, Environment, Orchestrator, Problem, Report};
use crate::drive::{self, Plan};
use crate::library::Library;
use crate::logging;
use crate::ops::{self, Board};
use crate::pipeline::Pipeline;
use crate::remote::Remote;
use crate::sinks::SinkSet;
use crate::source::{self, ClusterSource, Peers, Source};
use crate::worker::Worker;

pub use offline::{diff, replay};
pub use record::record;

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
    let environment = Environment::of_process();
    let config = configuration(options, &environment)?;
    logging::start(&config.log);
    let mut parts = Parts::open(&config, options.config.as_deref())?;
    let plan = match (parts.moments(), options.once) {
        (Some(_), once) => Plan::Replay { once },
        (None, true) => Plan::Once(config.interval.min(ONCE)),
        (None, false) => Plan::Every(config.interval),
    };
    let runtime = drive::runtime()?;
    let mut remote = match plan {
        Plan::Replay { .. } => Remote::default(),
        Plan::Once(_) | Plan::Every(_) => {
            let is_for_long = matches!(plan, Plan::Every(_));
            Remote::start(&config, &environment, &parts.node_name, is_for_long, runtime.handle())?
        }
    };
    say_what_is_missing(&config, &remote, plan);
    parts.connect(&config, &mut remote);
    remote.deliver(&config.aws, parts.sinks.take_to_deliver(), runtime.handle());
    remote.tell_operators(runtime.handle());
    let mut worker = parts.into_worker();
    if matches!(plan, Plan::Every(_)) {
        let board = Arc::new(Board::new(config.interval, config.kubelet.timeout));
        remote.show_on(&board);
        worker = worker.with_board(board.clone()).with_recorder(remote.recorder.clone());
        if let Some(listen) = config.operations.listen {
            runtime.spawn(ops::serve(board, listen));
        }
    }
    let result = drive::drive(&runtime, worker, plan);
    runtime.block_on(remote.end());
    Ok(result?)
}

/// What a worker is made of.
struct Parts {
    node_name: String,
    node: Option<Source>,
    cluster: Option<ClusterSource>,
    pipelines: Vec<Pipeline>,
    sinks: SinkSet,
}

impl Parts {
    /// Opens source and sinks and loads the components. `file` is the configuration's, for messages.
    fn open(config: &Config, file: Option<&Path>) -> anyhow::Result<Self> {
        let usage = |error: source::SourceError| Usage(error.to_string());
        let node = config.role.has_node().then(|| Source::open(config)).transpose().map_err(usage)?;
        let node_name = match &node {
            Some(node) => node.node_name().to_owned(),
            None => source::name_without_host(config),
        };
        let sinks = SinkSet::open(config.sinks.iter().filter(|sink| is_used(config, sink)))?;
        let mut library = assemble::library(config)?;
        let pipelines = assemble::pipelines(config, &mut library, &sinks).map_err(|problems| {
            let file = file.map(|file| file.display().to_string());
            Usage::from(Report::new(file, problems))
        })?;
        say_what_runs(config, &node_name, node.as_ref().and_then(Source::moments));
        Ok(Self { node_name, node, cluster: None, pipelines, sinks })
    }

    /// Number of moments of a recording.
    fn moments(&self) -> Option<usize> {
        self.node.as_ref().and_then(Source::moments)
    }

    /// Has the sources ask the peers that there are.
    fn connect(&mut self, config: &Config, remote: &mut Remote) {
        if let Some(node) = &mut self.node {
            node.ask_peers(Peers {
                kubelet: remote.kubelet.take(),
                local: remote.local.clone(),
                instance: remote.instance.clone(),
            });
        }
        self.cluster = remote.candidacy.as_ref().map(|candidacy| {
            let (leadership, watched) = (candidacy.leadership.clone(), candidacy.watched.clone());
            ClusterSource::new(config, &self.node_name, leadership, watched, remote.instance.clone())
        });
    }

    fn into_worker(self) -> Worker {
        Worker::new(self.node, self.cluster, self.pipelines, self.sinks)
    }
}

/// A worker that asks nobody but the host.
///
/// # Errors
/// [`Usage`], or what keeps the agent from running.
pub fn worker(config: &Config) -> anyhow::Result<Worker> {
    Ok(Parts::open(config, None)?.into_worker())
}

/// `insightd check`: prints what the file comes to.
///
/// # Errors
/// [`Usage`] with everything that is wrong.
pub fn check(file: &Path) -> anyhow::Result<()> {
    let config = Config::load(file, &Environment::of_process()).map_err(Usage::from)?;
    let mut library = assemble::library(&config)?;
    let problems = problems(&config, &mut library);
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

/// What is wrong with the components that a configuration names.
fn problems(config: &Config, library: &mut Library) -> Vec<Problem> {
    let mut problems = Vec::new();
    for pipeline in &config.pipelines {
        for stage in &pipeline.transforms {
            problems.extend(library.find(&stage.component, Kind::Transform).problems);
        }
        for output in &pipeline.outputs {
            problems.extend(library.find(&output.formatter, Kind::Formatter).problems);
        }
    }
    problems
}

/// File, environment and command line.
fn configuration(options: &cli::Run, environment: &Environment) -> Result<Config, Usage> {
    let mut config = match &options.config {
        Some(file) => Config::load(file, environment)?,
        None => Config::parse("", None, environment)?,
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

fn say_what_runs(config: &Config, node: &str, moments: Option<usize>) {
    let root = config.host.root.display();
    let interval_ms = u64::try_from(config.interval.as_millis()).unwrap_or(u64::MAX);
    let (version, role) = (env!("CARGO_PKG_VERSION"), config.role);
    tracing::info!(version, node, ?role, host_root = %root, interval_ms, moments, "started");
    for sink in config.sinks.iter().filter(|sink| !is_used(config, sink) && sink.name != "stdout") {
        tracing::warn!(sink = sink.name, "no output names this sink: nothing is written to it");
    }
}

/// Where the instance's tags are asked for, whoever asks says what they say.
fn say_what_is_missing(config: &Config, remote: &Remote, plan: Plan) {
    let is_kubernetes = config.node.orchestrator != Orchestrator::Ecs;
    let asks_tags = remote.instance.is_some() && config.instance.tags && is_kubernetes;
    // A single tick comes before the answer.
    let asks_tags = asks_tags && matches!(plan, Plan::Every(_));
    if config.node.cluster_name.is_none() && !asks_tags {
        tracing::warn!(
            "the name of the cluster is unknown: set `node.cluster_name` or K8S_CLUSTER_NAME; events go without it"
        );
    }
}
