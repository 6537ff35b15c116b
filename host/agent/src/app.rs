//! Assembles the agent from its parts. The only module that depends on all others.

mod check;
mod first;
mod record;
mod recorded;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use insightd_kubernetes::events::Recorder;

use crate::assemble;
use crate::cli;
use crate::config::{self, Config, Environment, Orchestrator, Report};
use crate::drive::{self, Plan};
use crate::hardening;
use crate::library::Library;
use crate::logging;
use crate::ops::{self, Board};
use crate::remote::Remote;
use crate::rollout::{
    Exchange, Follow, Kept, Places, Preparer, Ring, Rollout, Set, SetId, SetOrigin, Snapshot, is_chosen,
};
use crate::sinks::{OnStall, SinkSet};
use crate::source::{self, ClusterSource, Peers, Source};
use crate::states::States;
use crate::worker::Worker;

pub use check::{check, sample_recording};
use first::First;
pub use record::record;

/// Longest wait of `--once` between the baseline and its tick; the interval if that is shorter.
const ONCE: Duration = Duration::from_secs(1);

/// A usage or configuration error: exit code 64.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

impl From<Report> for Usage {
    fn from(report: Report) -> Self {
        Self(report.to_string())
    }
}

/// Runs `insightd run`.
///
/// # Errors
/// Fails with [`Usage`], or if the agent cannot start or continue.
pub fn run(options: &cli::Run) -> anyhow::Result<()> {
    let private = hardening::keep_memory_private();
    let environment = Environment::of_process();
    let snapshot = snapshot(options, &environment)?;
    let config = snapshot.config.clone();
    logging::start(&config.log);
    if let Err(error) = private {
        tracing::warn!(%error, "cannot disable core dumps; a crash may write the agent's memory to disk");
    }
    for warning in &config.warnings.0 {
        tracing::warn!(key = warning.path, remark = warning.message, "questionable configuration value");
    }
    let kept = config.state_dir.as_deref().filter(|_| !options.once).map(Kept::new);
    let mut parts =
        Parts::open(snapshot, options.config.as_deref(), kept.as_ref(), Some(options), &environment)?;
    let plan = match (parts.moments(), options.once) {
        (Some(_), once) => Plan::Replay { once },
        (None, true) => Plan::Once(config.interval.min(ONCE)),
        (None, false) => Plan::Every(config.rhythm()),
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
    let exchange = Arc::new(Exchange::default());
    let (preparer, mut worker) =
        parts.split(&config, &environment, options, kept, &exchange, remote.recorder.clone());
    let outcome = worker.outcome();
    let mut rollout = None;
    let ring = Ring::new()?;
    {
        let (_context, ring) = (runtime.enter(), ring.clone());
        drive::keep_running(move || ring.ring())?;
    }
    if matches!(plan, Plan::Every(_)) {
        let board = Board::new(config.interval, config.kubelet.timeout).with_node_name(&preparer.node_name);
        let board = Arc::new(board);
        remote.show_on(&board);
        board.follow(Arc::clone(&preparer.follow));
        worker =
            worker.with_board(board.clone()).with_recorder(remote.recorder.clone()).with_exchange(exchange);
        let places = Places::new(options.config.clone(), &config);
        let started = Rollout::start(preparer, places, ring);
        rollout = Some(started.context("cannot start the rollout thread")?);
        if let Some(listen) = config.operations.listen {
            runtime.spawn(ops::serve(board, listen));
        }
    }
    let result = drive::drive(&runtime, worker, plan);
    drop(rollout);
    let ended = runtime.block_on(remote.end());
    let settled = outcome.get().settle(&ended);
    result?;
    Ok(settled?)
}

/// The parts of a worker.
struct Parts {
    node_name: String,
    node: Option<Source>,
    cluster: Option<ClusterSource>,
    set: Set,
    /// The content that the bundle was assembled from.
    snapshot: Snapshot,
    /// The last good bundle.
    good: Option<SetId>,
    components: Library,
    sinks: SinkSet,
    states: States,
}

impl Parts {
    /// Opens source and sinks, and loads the components. `file` is the configuration file, for messages. `options` name
    /// the sinks that get the events of a recording; without options every sink stays as configured.
    fn open(
        snapshot: Snapshot,
        file: Option<&Path>,
        kept: Option<&Kept>,
        options: Option<&cli::Run>,
        environment: &Environment,
    ) -> anyhow::Result<Self> {
        let usage = |error: source::SourceError| Usage(error.to_string());
        let config = &snapshot.config.clone();
        let node = config.role.has_node().then(|| Source::open(config)).transpose().map_err(usage)?;
        let is_recorded = node.as_ref().and_then(Source::moments).is_some();
        let told = options.map(|options| &*options.sink);
        recorded::check_sinks(config, told.unwrap_or_default(), is_recorded)?;
        // A recording must not use the state of a live agent.
        let kept = kept.filter(|_| !is_recorded);
        let node_name = match &node {
            Some(node) => node.node_name().to_owned(),
            None => source::name_without_host(config),
        };
        let mut library = assemble::library(&snapshot)?;
        let first = kept.map(|kept| First::choose(&snapshot, kept, &node_name, environment, &mut library));
        let First { instead, origin, good } = first.unwrap_or_default();
        // Either bundle may run, so the sinks of both are opened.
        let uses = |sink: &&config::Sink| {
            is_used(config, sink) || instead.as_ref().is_some_and(|instead| is_used(&instead.config, sink))
        };
        let mut wanted: Vec<config::Sink> = config.sinks.iter().filter(uses).cloned().collect();
        if let Some(told) = told.filter(|_| is_recorded) {
            recorded::keep_local(&mut wanted, told);
        }
        let is_for_long = !is_recorded && options.is_some_and(|options| !options.once);
        let on_stall = if is_for_long { OnStall::GoOn } else { OnStall::Wait };
        let sinks = SinkSet::open(wanted.iter(), on_stall)?;
        let names: Vec<String> = sinks.limits_by_name().into_iter().map(|(name, _)| name).collect();
        let mut assembled = |snapshot: Snapshot| {
            assemble::renew(&mut library, &snapshot)?;
            let pipelines =
                assemble::pipelines(&snapshot.config, &mut library, &names).map_err(|problems| {
                    let file = file.map(|file| file.display().to_string());
                    Usage::from(Report::new(file, problems))
                })?;
            Ok::<_, anyhow::Error>((pipelines, snapshot))
        };
        let instead = instead.and_then(|instead| {
            assembled(instead)
                .inspect_err(|error| {
                    tracing::warn!(%error, "last good bundle unusable; starting with the configured one");
                })
                .ok()
        });
        let in_files = if file.is_some() { SetOrigin::Files } else { SetOrigin::Defaults };
        let ((pipelines, snapshot), origin) = match instead {
            Some(instead) => (instead, origin),
            None => (assembled(snapshot)?, in_files),
        };
        let states = States::open(config.state_dir.as_deref().filter(|_| kept.is_some()));
        say_what_runs(config, &node_name, node.as_ref().and_then(Source::moments));
        let set =
            Set { pipelines, id: snapshot.id, origin, trial_ticks: snapshot.config.rollout.trial_ticks };
        Ok(Self { node_name, node, cluster: None, set, snapshot, good, components: library, sinks, states })
    }

    /// Returns the preparer, which loads new bundles, and the worker, which runs them.
    fn split(
        self,
        config: &Config,
        environment: &Environment,
        options: &cli::Run,
        kept: Option<Kept>,
        exchange: &Arc<Exchange>,
        recorder: Option<Recorder>,
    ) -> (Preparer, Worker) {
        let options = options.clone();
        exchange.begin(self.set.id);
        let (terms, follow) = (&config.rollout, Arc::new(Follow::new(Arc::clone(exchange))));
        follow.set_terms(terms.enabled, terms.canary, is_chosen(&self.node_name, terms.canary));
        follow.set_good(self.good);
        let preparer = Preparer {
            file: options.config.clone(),
            environment: environment.clone(),
            adjust: Box::new(move |config| adjust(config, &options)),
            node_name: self.node_name,
            started_with: config.clone(),
            components: self.components,
            sinks: self.sinks.limits_by_name(),
            first: Some(self.snapshot),
            taken: Vec::new(),
            good: self.good.into_iter().collect(),
            failed: kept.as_ref().map(Kept::failed).unwrap_or_default(),
            kept,
            exchange: Arc::clone(exchange),
            follow,
            recorder,
        };
        (preparer, Worker::new(self.node, self.cluster, self.set, self.sinks, self.states))
    }

    /// Returns the number of frames of a recording; `None` for a live host.
    fn moments(&self) -> Option<usize> {
        self.node.as_ref().and_then(Source::moments)
    }

    /// Connects the sources to the remote endpoints that are configured.
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
        Worker::new(self.node, self.cluster, self.set, self.sinks, self.states)
    }
}

/// Creates a worker that reads the host alone and asks no remote endpoint.
///
/// # Errors
/// Fails with [`Usage`], or if the agent cannot run.
pub fn worker(config: &Config) -> anyhow::Result<Worker> {
    let snapshot = Snapshot::of(String::new(), config.clone(), None);
    Ok(Parts::open(snapshot, None, None, None, &Environment::default())?.into_worker())
}

/// Reads the configuration: defaults, environment, file and command line.
fn snapshot(options: &cli::Run, environment: &Environment) -> Result<Snapshot, Usage> {
    let (text, mut config) = match &options.config {
        Some(file) => Config::read(file, environment)?,
        None => (String::new(), Config::parse("", None, environment)?),
    };
    adjust(&mut config, options);
    Ok(Snapshot::of(text, config, None))
}

fn adjust(config: &mut Config, options: &cli::Run) {
    if let Some(interval) = options.interval {
        config.interval = interval;
        // The configured offset belongs to the configured interval and may not fit into this one.
        config.offset = config.offset.filter(|offset| *offset < interval);
    }
    if let Some(root) = &options.host_root {
        config.host.root.clone_from(root);
    }
}

/// Returns true if an output names the sink. Other sinks stay closed: a file sink would create a file for nothing.
pub fn is_used(config: &Config, sink: &config::Sink) -> bool {
    config.pipelines.iter().flat_map(|pipeline| &pipeline.outputs).any(|output| output.sink == sink.name)
}

fn say_what_runs(config: &Config, node: &str, moments: Option<usize>) {
    let root = config.host.root.display();
    let interval_ms = u64::try_from(config.interval.as_millis()).unwrap_or(u64::MAX);
    let offset_ms = u64::try_from(config.rhythm().offset.as_millis()).unwrap_or(u64::MAX);
    let (version, role) = (env!("CARGO_PKG_VERSION"), config.role.as_str());
    tracing::info!(version, node, role, host_root = %root, interval_ms, offset_ms, moments, "started");
    for sink in config.sinks.iter().filter(|sink| !is_used(config, sink) && sink.name != "stdout") {
        tracing::warn!(sink = sink.name, "no output uses this sink; nothing is written to it");
    }
}

/// Warns that the name of the cluster is unknown, unless the tags of the instance are read: that look-up logs its own result.
fn say_what_is_missing(config: &Config, remote: &Remote, plan: Plan) {
    let is_kubernetes = config.node.orchestrator != Orchestrator::Ecs;
    let asks_tags = remote.instance.is_some() && config.instance.tags && is_kubernetes;
    // With `--once`, the only tick comes before the tags do.
    let asks_tags = asks_tags && matches!(plan, Plan::Every(_));
    if config.node.cluster_name.is_none() && !asks_tags {
        tracing::warn!(
            "the name of the cluster is unknown: set `node.cluster_name` or K8S_CLUSTER_NAME; events lack it"
        );
    }
}
