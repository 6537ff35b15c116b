//! Assembles the agent from its parts. The only module that depends on all others.

mod check;
mod first;
mod parts;
mod record;
mod recorded;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use insightd_pipeline::bundle::Generation;
use tokio::runtime::Runtime;

use crate::cli;
use crate::config::{self, Config, Environment, Orchestrator, Role};
use crate::error::Usage;
use crate::features;
use crate::hardening;
use crate::logging;
use crate::ops::{self, Servers, StatusRegistry};
use crate::orchestrator;
use crate::rollout::{
    ConfigSource, History, LastGoodStore, Preparer, Reporter, Rollout, RolloutHandle, RolloutStatus, WakeUp,
    WatchedPaths, is_chosen,
};
use crate::runtime::{self, Plan};
use crate::sinks;
use crate::snapshot::Snapshot;
use crate::sources::{Clients, FargateHandle, unknown_cluster_name};
use crate::tap::Tap;
use crate::worker::Worker;

pub use check::{check, sample_recording};
use parts::{Parts, Purpose};
pub use record::record;

/// Longest wait of `--once` between the baseline and its tick; the interval if that is shorter.
const ONCE: Duration = Duration::from_secs(1);

/// Runs `insightd run`.
///
/// # Errors
/// Fails with [`Usage`], or if the agent cannot start or continue.
pub fn run(options: &cli::Run) -> anyhow::Result<()> {
    let private = hardening::keep_memory_private();
    let environment = Environment::of_process();
    let (snapshot, evidence) = snapshot(options, &environment)?;
    let config = snapshot.config.clone();
    logging::start(&config.log);
    features::log_left_out();
    if let Err(error) = private {
        tracing::warn!(%error, "cannot disable core dumps; a crash may write the agent's memory to disk");
    }
    if let Some(reason) = evidence {
        tracing::info!(orchestrator = config.node.orchestrator.as_str(), reason, "orchestrator detected");
    }
    for warning in &config.warnings.0 {
        tracing::warn!(key = warning.path, remark = warning.message, "questionable configuration value");
    }

    // In this order: sources, components, sinks and state; then the clients; then rollout and operations endpoints; then the ticks.
    let store = config.state_dir.as_deref().filter(|_| !options.once).map(LastGoodStore::new);
    let purpose = if options.once { Purpose::Once } else { Purpose::Agent };
    let mut parts = Parts::open(snapshot, options, purpose, store.as_ref(), &environment)?;
    let plan = match (parts.frames(), options.once) {
        (Some(_), once) => Plan::Replay { once },
        (None, true) => Plan::Once(config.interval.min(ONCE)),
        (None, false) => Plan::Every(config.rhythm()),
    };
    let runtime = runtime::create()?;
    let mut clients = start_clients(&config, &environment, &parts.node_name, plan, &runtime)?;
    let removal = clients.fargate.as_ref().and_then(FargateHandle::removal);
    parts.connect(&config, &mut clients);
    clients.deliver(&config.aws, parts.sinks.take_to_deliver(), runtime.handle());
    clients.publish_failures(runtime.handle());
    let wake_up = WakeUp::new()?;
    {
        let (_context, wake_up) = (runtime.enter(), wake_up.clone());
        runtime::keep_running(move || wake_up.request_scan())?;
    }
    let (worker, rollout) = match plan {
        Plan::Every(_) => {
            let rollout = Serving { config: &config, options, environment, store, wake_up };
            rollout.start(parts, &clients, &runtime).map(|(worker, rollout)| (worker, Some(rollout)))?
        }
        Plan::Replay { .. } | Plan::Once(_) => (parts.into_worker(), None),
    };

    let outcome = worker.outcome();
    let may_end = async || match &removal {
        Some(removal) => !removal.is_early().await,
        None => true,
    };
    let result = runtime::run_until(&runtime, worker, plan, may_end);
    drop(rollout);
    let ended = runtime.block_on(clients.end());
    let settled = outcome.get().settle(&ended);
    result?;
    Ok(settled?)
}

/// Starts the clients of remote endpoints; a recording has none.
fn start_clients(
    config: &Config,
    environment: &Environment,
    node_name: &str,
    plan: Plan,
    runtime: &Runtime,
) -> anyhow::Result<Clients> {
    let clients = match plan {
        Plan::Replay { .. } => Clients::default(),
        Plan::Once(_) | Plan::Every(_) => {
            let is_for_long = matches!(plan, Plan::Every(_));
            Clients::start(config, environment, node_name, is_for_long, runtime.handle())?
        }
    };
    warn_of_missing_cluster_name(config, &clients, plan);
    Ok(clients)
}

/// Inputs of the parts that only an agent that keeps running has.
struct Serving<'a> {
    config: &'a Config,
    options: &'a cli::Run,
    environment: Environment,
    store: Option<LastGoodStore>,
    wake_up: WakeUp,
}

impl Serving<'_> {
    /// Starts the rollout thread and the operations endpoints. Returns the worker, which is connected to both.
    fn start(
        self,
        mut parts: Parts,
        clients: &Clients,
        runtime: &Runtime,
    ) -> anyhow::Result<(Worker, Rollout)> {
        let handle = Arc::new(RolloutHandle::default());
        handle.begin(parts.bundle.id);
        let status = self.status(&handle, &parts.node_name, parts.good);
        let registry = StatusRegistry::new(self.config.interval, self.config.kubelet.timeout);
        let registry = Arc::new(registry.with_node_name(&parts.node_name));
        parts.set_registry(&registry);
        let (sources, to_serve, node_name) =
            (parts.take_sources(), parts.sinks.take_to_serve(), parts.node_name.clone());
        clients.show_on(&registry);
        registry.show_rollout(Arc::clone(&status));
        let (options, detected) = (self.options.clone(), self.config.node.orchestrator);
        let adjust = move |config: &mut Config| {
            adjust(config, &options);
            if config.node.orchestrator == Orchestrator::Auto {
                config.node.orchestrator = detected;
            }
        };
        let preparer = Preparer {
            source: ConfigSource {
                file: self.options.config.clone(),
                environment: self.environment,
                adjust: Box::new(adjust),
                started_with: self.config.clone(),
            },
            node_name: parts.node_name,
            sinks: parts.sinks.limits_by_name(),
            history: History::new(self.store, parts.snapshot, parts.good),
            components: parts.components,
            handle: Arc::clone(&handle),
            reporter: Reporter { status, recorder: clients.recorder.clone() },
        };
        let tap = Arc::new(Tap::new(parts.sinks.names()));
        let worker = Worker::new(sources, parts.bundle, parts.sinks, parts.states)
            .with_tap(Arc::clone(&tap))
            .with_registry(Arc::clone(&registry))
            .with_recorder(clients.recorder.clone())
            .with_rollout(handle);
        let paths = WatchedPaths::new(self.options.config.clone(), self.config);
        let rollout =
            Rollout::start(preparer, paths, self.wake_up).context("cannot start the rollout thread")?;
        for to_serve in to_serve {
            registry.show_page(&to_serve.name, Arc::clone(&to_serve.page));
            let (interval, node_name) = (self.config.interval, node_name.clone());
            runtime.spawn(async move { sinks::serve(to_serve, interval, &node_name).await });
        }
        let operations = &self.config.operations;
        let servers = Servers {
            listen: operations.listen,
            socket: operations.socket(self.config.state_dir.as_deref()),
            is_tap_open: operations.tap,
        };
        runtime.spawn(ops::serve(registry, tap, servers));
        Ok((worker, rollout))
    }

    fn status(
        &self,
        handle: &Arc<RolloutHandle>,
        node_name: &str,
        good: Option<Generation>,
    ) -> Arc<RolloutStatus> {
        let terms = &self.config.rollout;
        let status = RolloutStatus::new(Arc::clone(handle));
        status.set_terms(terms.enabled, terms.canary, is_chosen(node_name, terms.canary));
        status.set_good(good);
        Arc::new(status)
    }
}

/// Creates a worker that reads the host alone and queries no remote endpoint.
///
/// # Errors
/// Fails with [`Usage`], or if the agent cannot run.
pub fn worker(config: &Config) -> anyhow::Result<Worker> {
    let mut config = config.clone();
    orchestrator::resolve(&mut config, &Environment::default());
    let snapshot = Snapshot::new(String::new(), config, None);
    let parts = Parts::open(snapshot, &cli::Run::default(), Purpose::Bare, None, &Environment::default())?;
    Ok(parts.into_worker())
}

/// Reads the configuration: defaults, environment, file and command line. Also returns the evidence for the orchestrator
/// that was detected.
fn snapshot(
    options: &cli::Run,
    environment: &Environment,
) -> Result<(Snapshot, Option<&'static str>), Usage> {
    let (text, mut config) = match &options.config {
        Some(file) => Config::read(file, environment)?,
        None => Config::without_file(environment)?,
    };
    adjust(&mut config, options);
    let evidence = orchestrator::resolve(&mut config, environment);
    Ok((Snapshot::new(text, config, None), evidence))
}

/// Applies the command line.
fn adjust(config: &mut Config, options: &cli::Run) {
    if let Some(level) = &options.log_level {
        config.set_log_level(level);
    }
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

/// Warns that the name of the cluster is unknown, unless the tags of the instance are read: that look-up logs its own result.
fn warn_of_missing_cluster_name(config: &Config, clients: &Clients, plan: Plan) {
    // The agent of ECS knows the name.
    let is_ecs = config.node.orchestrator == Orchestrator::Ecs || config.role == Role::Task;
    if is_ecs && config.ecs.enabled != Some(false) {
        return;
    }
    let asks_tags = clients.instance.is_some() && config.instance.tags;
    // With `--once`, the only tick comes before the tags do.
    let asks_tags = asks_tags && matches!(plan, Plan::Every(_));
    if config.node.cluster_name.is_none() && !asks_tags {
        tracing::warn!("{}", unknown_cluster_name(config));
    }
}
