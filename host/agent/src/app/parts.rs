//! The parts of a worker: sources, pipelines, sinks and state.

use std::sync::Arc;

use insightd_pipeline::bundle::{Bundle, BundleOrigin, Generation};
use insightd_pipeline::library::Library;
use insightd_pipeline::states::States;

use super::first::First;
use super::{is_used, recorded};
use crate::assemble;
use crate::cli;
use crate::config::{self, Config, Environment, Report};
use crate::error::Usage;
use crate::ops::StatusRegistry;
use crate::rollout::LastGoodStore;
use crate::sinks::{OnStall, SinkSet};
use crate::snapshot::Snapshot;
use crate::sources::Clients;
use crate::sources::{
    self, ClusterSource, Endpoints, FargateSource, NodeSource, Source, Sources, TaskSource,
};
use crate::worker::Worker;

/// The purpose that parts are opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// An agent that keeps running.
    Agent,
    /// A single tick of an agent.
    Once,
    /// Not the command `run`: every sink stays as configured, also for a recording.
    Bare,
}

/// The parts of a worker.
pub(super) struct Parts {
    pub(super) node_name: String,
    /// The source of this node, which is opened before the clients of its endpoints.
    node: Option<NodeSource>,
    /// All other sources.
    others: Sources,
    pub(super) bundle: Bundle,
    /// The content that the bundle was assembled from.
    pub(super) snapshot: Snapshot,
    /// The last good bundle.
    pub(super) good: Option<Generation>,
    pub(super) components: Library,
    pub(super) sinks: SinkSet,
    pub(super) states: States,
}

impl Parts {
    /// Opens everything that a worker needs, in this order: the source of the node, the component library, the sinks of every bundle that
    /// may run first, the pipelines of the one that does, and the state store.
    ///
    /// # Errors
    /// Fails with [`Usage`] for wrong options and configurations, or if a sink cannot be opened.
    pub(super) fn open(
        snapshot: Snapshot,
        options: &cli::Run,
        purpose: Purpose,
        store: Option<&LastGoodStore>,
        environment: &Environment,
    ) -> anyhow::Result<Self> {
        let config = &snapshot.config.clone();
        let usage = |error: sources::SourceError| Usage(error.to_string());
        let node = config.role.has_node().then(|| NodeSource::open(config)).transpose().map_err(usage)?;
        let frames = node.as_ref().and_then(Source::frames);
        recorded::check_sinks(config, &options.sink, frames.is_some())?;
        let node_name = match &node {
            Some(node) => node.node_name().to_owned(),
            None => sources::name_without_host(config),
        };
        // A recording must not use the state of a live agent.
        let store = store.filter(|_| frames.is_none());

        let mut components = assemble::library(&snapshot)?;
        let first =
            store.map(|store| First::choose(&snapshot, store, &node_name, environment, &mut components));
        let First { instead, origin, good } = first.unwrap_or_default();
        let sinks = open_sinks(config, instead.as_ref(), options, purpose, frames.is_some())?;
        let mut start = Start { options, components: &mut components, sinks: &sinks };
        let stored = instead.and_then(|instead| start.stored(instead, origin));
        let (bundle, snapshot) = match stored {
            Some(stored) => stored,
            None => start.configured(snapshot)?,
        };
        let states = States::open(config.state_dir.as_deref().filter(|_| store.is_some()));
        log_start(config, &node_name, frames);
        Ok(Self {
            node_name,
            node,
            others: Sources::default(),
            bundle,
            snapshot,
            good,
            components,
            sinks,
            states,
        })
    }

    /// Returns the number of frames of a recording; `None` for a live host.
    pub(super) fn frames(&self) -> Option<usize> {
        self.node.as_ref().and_then(Source::frames)
    }

    /// Connects the sources to the remote endpoints that are configured.
    pub(super) fn connect(&mut self, config: &Config, clients: &mut Clients) {
        if let Some(node) = &mut self.node {
            node.set_endpoints(Endpoints {
                kubelet: clients.kubelet.take(),
                ecs: clients.ecs.clone(),
                local: clients.local.clone(),
                instance: clients.instance.clone(),
            });
        }
        if let Some(task) = clients.task.clone() {
            self.add(TaskSource::new(config, task));
        }
        if let Some(fargate) = clients.fargate.take() {
            self.add(FargateSource::new(config, fargate));
        }
        if let Some(elector) = &clients.elector {
            let (leadership, watched) = (elector.leadership.clone(), elector.watched.clone());
            let instance = clients.instance.clone();
            self.add(ClusterSource::new(config, &self.node_name, leadership, watched, instance));
        }
    }

    /// Sets the registry with the agent's own figures, for the node's source.
    pub(super) fn set_registry(&mut self, registry: &Arc<StatusRegistry>) {
        if let Some(node) = &mut self.node {
            node.set_registry(Arc::clone(registry));
        }
    }

    /// Adds a source, which each tick calls after those that were added before.
    pub(super) fn add(&mut self, source: impl Source + 'static) {
        self.others.add(source);
    }

    /// Takes all sources; the node's is the first.
    pub(super) fn take_sources(&mut self) -> Sources {
        let mut sources = Sources::default();
        if let Some(node) = self.node.take() {
            sources.add(node);
        }
        sources.append(std::mem::take(&mut self.others));
        sources
    }

    /// Returns a worker of these parts.
    pub(super) fn into_worker(mut self) -> Worker {
        Worker::new(self.take_sources(), self.bundle, self.sinks, self.states)
    }
}

/// Opens the sinks that the configured bundle uses, and `instead`, if either may run. The events of a recording are delivered only to
/// the sinks that the command line names.
fn open_sinks(
    config: &Config,
    instead: Option<&Snapshot>,
    options: &cli::Run,
    purpose: Purpose,
    is_recorded: bool,
) -> anyhow::Result<SinkSet> {
    let uses = |sink: &&config::Sink| {
        is_used(config, sink) || instead.is_some_and(|instead| is_used(&instead.config, sink))
    };
    let mut wanted: Vec<config::Sink> = config.sinks.iter().filter(uses).cloned().collect();
    if is_recorded && purpose != Purpose::Bare {
        recorded::keep_local(&mut wanted, &options.sink);
    }
    if purpose == Purpose::Once {
        recorded::print_pages(&mut wanted);
    }
    let is_for_long = !is_recorded && purpose == Purpose::Agent;
    let on_stall = if is_for_long { OnStall::GoOn } else { OnStall::Wait };
    Ok(SinkSet::open(wanted.iter(), on_stall)?)
}

/// Assembles the start-up bundle.
struct Start<'a> {
    options: &'a cli::Run,
    components: &'a mut Library,
    sinks: &'a SinkSet,
}

impl Start<'_> {
    /// Returns the bundle in the files, or the defaults.
    fn configured(&mut self, snapshot: Snapshot) -> anyhow::Result<(Bundle, Snapshot)> {
        let has_file = self.options.config.is_some();
        let origin = if has_file { BundleOrigin::Files } else { BundleOrigin::Defaults };
        Ok((self.bundle(&snapshot, origin)?, snapshot))
    }

    /// Returns a bundle from the last-good store, or `None` if it cannot be used.
    fn stored(&mut self, snapshot: Snapshot, origin: BundleOrigin) -> Option<(Bundle, Snapshot)> {
        let bundle = self.bundle(&snapshot, origin).inspect_err(|error| {
            tracing::warn!(%error, "last good bundle unusable; starting with the configured one");
        });
        Some((bundle.ok()?, snapshot))
    }

    fn bundle(&mut self, snapshot: &Snapshot, origin: BundleOrigin) -> anyhow::Result<Bundle> {
        assemble::renew(self.components, snapshot)?;
        let sinks: Vec<String> = self.sinks.limits_by_name().into_iter().map(|(name, _)| name).collect();
        let pipelines =
            assemble::pipelines(&snapshot.config, self.components, &sinks).map_err(|problems| {
                let file = self.options.config.as_ref().map(|file| file.display().to_string());
                Usage::from(Report::new(file, problems))
            })?;
        let trial_ticks = snapshot.config.rollout.trial_ticks;
        Ok(Bundle { pipelines, id: snapshot.id, origin, trial_ticks })
    }
}

fn log_start(config: &Config, node: &str, frames: Option<usize>) {
    let root = config.host.root.display();
    let interval_ms = u64::try_from(config.interval.as_millis()).unwrap_or(u64::MAX);
    let offset_ms = u64::try_from(config.rhythm().offset.as_millis()).unwrap_or(u64::MAX);
    let (version, role) = (env!("CARGO_PKG_VERSION"), config.role.as_str());
    tracing::info!(version, node, role, host_root = %root, interval_ms, offset_ms, frames, "started");
    for sink in config.sinks.iter().filter(|sink| !is_used(config, sink) && sink.name != "stdout") {
        tracing::warn!(sink = sink.name, "no output uses this sink; nothing is written to it");
    }
}
