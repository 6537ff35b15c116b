//! Emits typed pods as entities of a batch, under the names of `docs/raw-metrics.md`.

mod local;
#[cfg(test)]
mod tests;
mod usage;

use std::collections::HashMap;

use insightd_collect::{CounterCache, Group, OptionalFacts, Settings};
use insights_batch::{Builder, EntityId, StringId};

use crate::facts::LocalState;
use crate::pods::{Amounts, Container, ContainerState, Pod, PodList};
use crate::summary::{FsStats, PodStats, Summary};

use usage::Measured;

/// Id of the `filesystem` entity of a container: each has one, and the kubelet does not name its device.
const ROOTFS: &str = "rootfs";

/// Identity of every container in the counter cache. It can be constant because the container's id begins with the pod's
/// uid: a pod that was re-created under the same name has different containers. The counter itself continues over restarts.
const SAME: u64 = 0;

/// An emitter of the kubelet's pods and the API server's facts into batches. Keeps only its buffers between batches.
#[derive(Debug)]
pub struct Emitter {
    /// Names of interfaces to leave out.
    interface_exclude: Vec<String>,
    wanted: OptionalFacts,
    text: String,
    workloads: HashMap<StringId, EntityId>,
    /// Entities of the pods, in the order of the list.
    pods: Vec<EntityId>,
    /// Entities of their containers.
    containers: Vec<EntityId>,
}

/// The known facts of a node at one moment; each may be missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'f> {
    /// Pods from the kubelet.
    pub pods: Option<&'f PodList>,
    /// Statistics of the pods.
    pub summary: Option<&'f Summary>,
    /// Facts from the API server.
    pub local: Option<&'f LocalState>,
}

impl Default for Emitter {
    fn default() -> Self {
        Self::new()
    }
}

impl Emitter {
    /// Creates an emitter that leaves out the interfaces that the collector leaves out by default.
    pub fn new() -> Self {
        Self::with_interface_exclude(Settings::default().interface_exclude)
    }

    /// Creates an emitter that leaves out the interfaces with these names; a name that ends in `*` matches as a prefix.
    pub fn with_interface_exclude(interface_exclude: Vec<String>) -> Self {
        Self {
            interface_exclude,
            wanted: OptionalFacts::default(),
            text: String::new(),
            workloads: HashMap::new(),
            pods: Vec::new(),
            containers: Vec::new(),
        }
    }

    /// Sets the groups of facts that the next batches have in addition; none at first.
    pub fn want(&mut self, facts: OptionalFacts) {
        self.wanted = facts;
    }

    /// Calls [`emit_facts`](Self::emit_facts) without facts from the API server.
    pub fn emit(
        &mut self,
        pods: &PodList,
        summary: Option<&Summary>,
        node: EntityId,
        counter_cache: &mut CounterCache,
        read_at_ns: u64,
        builder: &mut Builder,
    ) {
        let facts = Facts { pods: Some(pods), summary, local: None };
        self.emit_facts(&facts, node, counter_cache, read_at_ns, builder);
    }

    /// Adds pods, containers, volumes and owners to `builder`, below the entity `node`; with facts from the API server also
    /// the node's conditions, the services that select one of its pods, and the owners of Jobs.
    ///
    /// Restart counters are paired under the pod's uid, so a pod that was re-created under the same name starts anew.
    /// `read_at_ns` is the monotonic time at which the pod list was read, not that of the tick: a list that is repeated
    /// because the kubelet did not respond has the old time, and its counters do not count as new readings.
    ///
    /// Pods that are only in `summary` are left out: they ended, or have not been listed yet.
    pub fn emit_facts(
        &mut self,
        facts: &Facts<'_>,
        node: EntityId,
        counter_cache: &mut CounterCache,
        read_at_ns: u64,
        builder: &mut Builder,
    ) {
        self.workloads.clear();
        self.pods.clear();
        self.containers.clear();
        let Facts { pods, summary, local } = *facts;
        let pods = pods.map_or(&[] as &[Pod], |list| &list.pods);
        let measured = if summary.is_some() { Measured::new(builder) } else { Measured::default() };
        for pod in pods {
            let stats = summary.and_then(|summary| {
                // The mirror of a static pod has its own uid; the kernel and the summary use the static pod's.
                summary.pod(&pod.uid).or_else(|| summary.pod(pod.config_hash.as_deref()?))
            });
            let entity = builder.entity("pod", &pod.uid, Some(node));
            self.pods.push(entity);
            self.describe(pod, entity, builder);
            self.owners(pod, entity, node, builder);
            let runs = pod.phase.as_deref() == Some("Running");
            if let Some(stats) = stats
                && runs
            {
                if !measured.has_pod(pod, builder) {
                    let key = counter_cache.key("pod usage", &pod.uid);
                    usage::emit(&stats.usage, counter_cache.owner(key, SAME), entity, builder);
                }
                if !stats.interfaces.is_empty() && !pod.host_network && !measured.has_network(pod, builder) {
                    let excluded = &self.interface_exclude;
                    usage::interfaces(stats, (entity, &pod.uid), excluded, counter_cache, builder);
                }
            }
            for container in &pod.containers {
                let id = joined(&mut self.text, &[&pod.uid, &container.name]);
                let below = builder.entity("container", id, Some(entity));
                self.containers.push(below);
                describe_container(container, below, builder);
                if let Some(start) = container.started_unix_ms.filter(|_| self.wanted.has(Group::Start)) {
                    builder.gauge(below, "start.container_unix_ms", start as f64);
                }
                if let Some(restarts) = container.restarts {
                    let previous = counter_cache.owner(counter_cache.key("container", id), SAME).record(
                        "container.restarts",
                        restarts,
                        read_at_ns,
                    );
                    builder.counter(below, "container.restarts", restarts, previous);
                }
                let stats = stats.and_then(|stats| stats.container(&container.name));
                if let Some(stats) = stats
                    && container.state == Some(ContainerState::Running)
                    && let Some(container_id) = container.id.as_deref()
                    && !measured.has_container(container_id, builder)
                {
                    let key = counter_cache.key("container usage", container_id);
                    usage::emit(&stats.usage, counter_cache.owner(key, SAME), below, builder);
                }
                if let Some(stats) = stats
                    && (stats.rootfs != FsStats::default() || stats.logs_used_bytes.is_some())
                {
                    let layer = builder.entity("filesystem", ROOTFS, Some(below));
                    fill(&stats.rootfs, layer, builder);
                    gauge(builder, layer, "fs.logs_used_bytes", stats.logs_used_bytes);
                }
            }
            if let Some(stats) = stats {
                let storage = stats.ephemeral_storage_used_bytes;
                gauge(builder, entity, "pod.ephemeral_storage_used_bytes", storage);
                self.volumes(pod, stats, entity, builder);
            }
        }
        if let Some(local) = local {
            if let Some(facts) = &local.node {
                local::node(facts, node, &mut self.text, builder);
            }
            self.jobs(&local.jobs, pods, node, builder);
            self.services(&local.services, pods, node, builder);
        }
    }

    /// Returns the entities of the containers that the last call emitted for `pods`, by container id.
    #[cfg(feature = "client")]
    pub(crate) fn containers<'p>(&self, pods: &'p PodList) -> impl Iterator<Item = (&'p str, EntityId)> {
        let containers = pods.pods.iter().flat_map(|pod| &pod.containers).zip(&self.containers);
        containers.filter_map(|(container, entity)| Some((container.id.as_deref()?, *entity)))
    }

    fn describe(&mut self, pod: &Pod, entity: EntityId, builder: &mut Builder) {
        builder.attribute(entity, "pod.uid", &pod.uid);
        builder.attribute(entity, "pod.name", &pod.name);
        builder.attribute(entity, "pod.namespace", &pod.namespace);
        attribute(builder, entity, "pod.phase", pod.phase.as_deref());
        attribute(builder, entity, "pod.qos", pod.qos.as_deref());
        attribute(builder, entity, "pod.ip", pod.ip.as_deref());
        attribute(builder, entity, "pod.config_hash", pod.config_hash.as_deref());
        attribute(builder, entity, "pod.host_network", pod.host_network.then_some("true"));
        for (prefix, pairs) in
            [("pod.condition.", &pod.conditions), ("label.", &pod.labels), ("annotation.", &pod.annotations)]
        {
            for (key, value) in pairs {
                self.text.clear();
                self.text.push_str(prefix);
                self.text.push_str(key);
                builder.attribute(entity, &self.text, value);
            }
        }
        if let Some(start) = pod.start_unix_ms {
            builder.gauge(entity, "pod.start_unix_ms", start as f64);
        }
        amounts(builder, entity, ["pod.overhead_cpu_millicores", "pod.overhead_memory_bytes"], pod.overhead);
        amounts(builder, entity, ["pod.request_cpu_millicores", "pod.request_memory_bytes"], pod.requests);
        amounts(builder, entity, ["pod.limit_cpu_millicores", "pod.limit_memory_bytes"], pod.limits);
    }

    /// Links the pod to its owners, with one `workload` for all pods of an owner.
    fn owners(&mut self, pod: &Pod, entity: EntityId, node: EntityId, builder: &mut Builder) {
        for owner in &pod.owners {
            let workload = self.workload(&owner.kind, &pod.namespace, &owner.name, node, builder);
            builder.link(entity, workload, "owned-by");
        }
    }

    fn workload(
        &mut self,
        kind: &str,
        namespace: &str,
        name: &str,
        node: EntityId,
        builder: &mut Builder,
    ) -> EntityId {
        let id = joined(&mut self.text, &[kind, namespace, name]);
        *self.workloads.entry(builder.intern(id)).or_insert_with(|| {
            let workload = builder.entity("workload", id, Some(node));
            builder.attribute(workload, "workload.kind", kind);
            builder.attribute(workload, "workload.name", name);
            workload
        })
    }

    fn volumes(&mut self, pod: &Pod, stats: &PodStats, entity: EntityId, builder: &mut Builder) {
        for volume in &stats.volumes {
            let id = joined(&mut self.text, &[&pod.uid, &volume.name]);
            let below = builder.entity("volume", id, Some(entity));
            builder.attribute(below, "volume.name", &volume.name);
            attribute(builder, below, "volume.claim", volume.claim.as_deref());
            fill(&volume.fs, below, builder);
        }
    }
}

fn describe_container(container: &Container, entity: EntityId, builder: &mut Builder) {
    builder.attribute(entity, "container.name", &container.name);
    builder.attribute(entity, "container.kind", container.kind.as_str());
    attribute(builder, entity, "container.image", container.image.as_deref());
    attribute(builder, entity, "container.runtime", container.runtime.as_deref());
    attribute(builder, entity, "container.id", container.id.as_deref());
    if let Some(state) = &container.state {
        builder.attribute(entity, "container.state", state.as_str());
        attribute(builder, entity, "container.state.reason", state.reason());
    }
    attribute(
        builder,
        entity,
        "container.last_termination_reason",
        container.last_termination_reason.as_deref(),
    );
    let [requests, limits] = [
        ["container.request_cpu_millicores", "container.request_memory_bytes"],
        ["container.limit_cpu_millicores", "container.limit_memory_bytes"],
    ];
    amounts(builder, entity, requests, container.requests);
    amounts(builder, entity, limits, container.limits);
    let storage = container.ephemeral_storage_limit_bytes;
    gauge(builder, entity, "container.limit_ephemeral_storage_bytes", storage);
}

fn attribute(builder: &mut Builder, entity: EntityId, key: &str, value: Option<&str>) {
    if let Some(value) = value {
        builder.attribute(entity, key, value);
    }
}

fn gauge(builder: &mut Builder, entity: EntityId, name: &str, value: Option<u64>) {
    if let Some(value) = value {
        builder.gauge(entity, name, value as f64);
    }
}

fn amounts(builder: &mut Builder, entity: EntityId, [cpu, memory]: [&str; 2], amounts: Amounts) {
    gauge(builder, entity, cpu, amounts.cpu_millicores);
    gauge(builder, entity, memory, amounts.memory_bytes);
}

fn fill(fs: &FsStats, entity: EntityId, builder: &mut Builder) {
    gauge(builder, entity, "fs.capacity_bytes", fs.capacity_bytes);
    gauge(builder, entity, "fs.available_bytes", fs.available_bytes);
    gauge(builder, entity, "fs.used_bytes", fs.used_bytes);
    gauge(builder, entity, "fs.inodes", fs.inodes);
    gauge(builder, entity, "fs.inodes_free", fs.inodes_free);
    gauge(builder, entity, "fs.inodes_used", fs.inodes_used);
}

/// Writes `parts` to `text`, separated by slashes.
fn joined<'t>(text: &'t mut String, parts: &[&str]) -> &'t str {
    text.clear();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            text.push('/');
        }
        text.push_str(part);
    }
    text
}
