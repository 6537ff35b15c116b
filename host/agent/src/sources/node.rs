//! Collects one batch of raw facts about this node: from the kernel, the kubelet, the API server, instance metadata and the configuration.

mod agent;
mod live;
mod recorded;

use std::sync::Arc;
use std::time::Instant;

use insightd_collect::cgroup::path::PodKind;
use insightd_collect::{CollectError, Collector, HostRoot, OptionalFacts, ReadBuffer, RootError, Settings};
use insightd_ecs::emit::NodeEmitter;
use insightd_pipeline::Scope;
use insights_batch::{Builder, EntityId};

use crate::config::{Config, Instance};
use crate::ops::StatusRegistry;
use agent::AgentFacts;
pub use live::Endpoints;

use super::instance::MachineFacts;
use super::kubelet::{self, KubeletFacts};
use super::{HostReading, Sample, Source};

/// The source of batches of scope `node`.
#[derive(Debug)]
pub struct NodeSource {
    collector: Collector,
    kubelet: KubeletFacts,
    tasks: NodeEmitter,
    agent: AgentFacts,
    endpoints: Endpoints,
    node_name: String,
    instance: Instance,
    has_cluster_name: bool,
    finds_volumes: bool,
    interval_ms: u64,
}

/// Errors of opening a source.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The host root cannot be used.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The kernel's files below the root cannot be read.
    #[error(transparent)]
    Collect(#[from] CollectError),
}

impl NodeSource {
    /// Opens the host root from the configuration.
    ///
    /// # Errors
    /// The root or its `/proc` cannot be read.
    pub fn open(config: &Config) -> Result<Self, SourceError> {
        let root = HostRoot::open(&config.host.root)?;
        if root.has_old_manifest() {
            let manifest = root.path().join("manifest.json");
            tracing::warn!(manifest = %manifest.display(), "key `moments` is deprecated; rename it to `frames`");
        }
        let node_name = node_name(config, &root);
        let settings = Settings {
            node_name: node_name.clone(),
            orchestrator: config.node.orchestrator.as_str().into(),
            cluster_name: config.node.cluster_name.clone(),
            interface_exclude: config.host.interface_exclude.clone(),
            disk_exclude: config.host.disk_exclude.clone(),
            statfs_timeout: config.host.statfs_timeout,
            pod_network: config.host.pod_network,
            max_cgroups: config.host.max_cgroups,
            ..Settings::default()
        };
        Ok(Self {
            kubelet: KubeletFacts::new(&settings, config.kubelet.label_bytes),
            tasks: NodeEmitter::new(config.ecs.tags.clone()),
            agent: AgentFacts::default(),
            endpoints: Endpoints::default(),
            collector: Collector::new(root, settings)?,
            node_name,
            instance: config.node.instance.clone(),
            has_cluster_name: config.node.cluster_name.is_some(),
            finds_volumes: config.instance.enabled != Some(false) && config.instance.volumes,
            interval_ms: u64::try_from(config.interval.as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// Sets the remote endpoints that each sample queries. A recording contains its own responses.
    pub fn set_endpoints(&mut self, endpoints: Endpoints) {
        self.endpoints = endpoints;
    }

    /// Sets the registry with the agent's own figures.
    pub fn set_registry(&mut self, registry: Arc<StatusRegistry>) {
        self.agent.set_registry(registry);
    }

    /// Returns the name of the node.
    pub fn node_name(&self) -> &str {
        &self.node_name
    }

    /// Reads all facts once.
    fn read(&mut self, time_unix_ms: u64) -> Sample {
        let requested_at = Instant::now();
        self.endpoints.request();
        let mut builder = Builder::new("node", &self.node_name, time_unix_ms, self.interval_ms);
        let recorded = recorded::read(self.collector.root());
        if let Some(recorded) = &recorded {
            self.collector.expect(PodKind::Pod(None), recorded.pods.iter().flat_map(kubelet::running));
        }
        let report = self.collector.sample(&mut builder);
        builder.gauge(report.node, "agent.heartbeat", 1.0);
        self.agent.emit(report.node, &self.node_name, &mut builder);
        let root = self.collector.root();
        let problems = if let Some(recorded) = recorded {
            add_instance(&self.instance, &self.node_name, report.node, &mut builder);
            recorded.emit(&mut self.kubelet, root.now_ns(), report.node, &mut builder)
        } else {
            let responses = self.endpoints.responses();
            let machine = self.endpoints.machine();
            let machine = MachineFacts::new(&self.instance, machine.as_deref(), responses.node());
            let instance = add_instance(&machine.instance, &self.node_name, report.node, &mut builder);
            let tasks = self.endpoints.tasks(requested_at);
            let cluster_name = machine.cluster_name.or_else(|| tasks.as_ref()?.cluster_name());
            if let Some(name) = cluster_name.filter(|_| !self.has_cluster_name) {
                builder.attribute(report.node, "cluster.name", name);
            }
            if self.finds_volumes && machine.add_volumes(&self.collector, &report.devices, &mut builder) {
                self.endpoints.want_volumes();
            }
            let mut problems = responses.emit(&mut self.kubelet, root, report.node, &mut builder);
            // What is running, for the next sample.
            match tasks {
                Some(tasks) => {
                    let instance = Some(instance).filter(|_| self.instance.container_instance_id.is_none());
                    problems.extend(tasks.emit(&mut self.tasks, report.node, instance, &mut builder));
                    self.collector.expect(PodKind::Task, tasks.running());
                }
                None => {
                    let running = responses.fresh_pods().into_iter().flat_map(kubelet::running);
                    self.collector.expect(PodKind::Pod(None), running);
                }
            }
            problems
        };
        for problem in &report.problems {
            let (source, path, error) = (problem.source, &problem.path, &problem.error);
            tracing::debug!(source, path, error, "cannot read; skipped");
        }
        let first = report.problems.first().map(|problem| format!("{}: {}", problem.path, problem.error));
        let reading = HostReading {
            spread_us: report.spread_ns / 1000,
            containers_without_cgroup: report.containers_without_cgroup as u64,
            problems: (report.problems.len() + report.more_problems + problems.len()) as u64,
            first_problem: first.or_else(|| problems.into_iter().next()),
            labels_left_out: self.kubelet.labels_left_out(),
        };
        Sample { columns: builder.finish(), reading: Some(reading) }
    }
}

impl Source for NodeSource {
    fn scope(&self) -> Scope {
        Scope::Node
    }

    fn want(&mut self, facts: OptionalFacts) {
        self.collector.want(facts);
        self.kubelet.want(facts);
        self.agent.want(facts);
    }

    fn prime(&mut self) {
        self.read(0);
    }

    fn sample(&mut self, time_unix_ms: u64, take: &mut dyn FnMut(Sample)) {
        take(self.read(time_unix_ms));
    }

    fn frames(&self) -> Option<usize> {
        let root = self.collector.root();
        root.is_recording().then(|| root.frames().len())
    }

    fn select_frame(&mut self, index: usize) -> Result<u64, RootError> {
        self.collector.select_frame(index)?;
        Ok(self.collector.root().clock().unix_ms)
    }
}

/// Adds the entity of the machine.
fn add_instance(instance: &Instance, node_name: &str, node: EntityId, builder: &mut Builder) -> EntityId {
    let Instance { id, kind, autoscaling_group, container_instance_id } = instance;
    let entity = builder.entity("instance", id.as_deref().unwrap_or(node_name), Some(node));
    for (key, value) in [
        ("instance.id", id),
        ("instance.type", kind),
        ("instance.autoscaling_group", autoscaling_group),
        ("container_instance.id", container_instance_id),
    ] {
        if let Some(value) = value {
            builder.attribute(entity, key, value);
        }
    }
    entity
}

/// Returns the node name for an agent that reads no host files: the configured name, else that of its own kernel.
pub fn name_without_host(config: &Config) -> String {
    config.node.name.clone().unwrap_or_else(kernel_name)
}

fn kernel_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Returns the node name: from configuration or environment, else the recorded one, else that of the host. In a
/// container with the host mounted elsewhere, the kernel would return the container's name, so `/etc/hostname` of the host comes first there.
fn node_name(config: &Config, root: &HostRoot) -> String {
    let configured = config.node.name.clone().or_else(|| root.recorded_node_name().map(String::from));
    let elsewhere = || {
        let mut buffer = ReadBuffer::default();
        let text = root.read("/etc/hostname", &mut buffer).ok().flatten().filter(|_| root.path() != "/")?;
        let name = std::str::from_utf8(text).ok()?.trim();
        (!name.is_empty()).then(|| name.to_owned())
    };
    configured.or_else(elsewhere).unwrap_or_else(kernel_name)
}
