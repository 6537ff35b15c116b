//! Emits a reading into a batch, as the cgroup reader emits its own.

use std::collections::HashMap;

use insightd_collect::{CounterCache, Counters, matches_any};
use insights_batch::{Builder, EntityId};

use super::network::{FILESYSTEM, NETWORK};
use super::raw_metric::{Kind, RAW_METRICS};
use super::reading::{At, CgroupReading, NodeReading};
use crate::fnv::fnv1a;

/// Nanoseconds in a millisecond.
const MILLISECOND_NS: u64 = 1_000_000;

/// The attributes of a node's entity.
#[derive(Clone, Copy, Debug)]
pub struct NodeIdentity<'n> {
    /// Name of the node.
    pub name: &'n str,
    /// Name of the cluster, where known.
    pub cluster_name: Option<&'n str>,
    /// Value of the node's label `eks.amazonaws.com/compute-type`.
    pub compute_type: Option<&'n str>,
}

impl NodeReading {
    /// Adds the node with its pods, containers and interfaces to a batch of scope `node`, and returns the node's entity.
    /// Interfaces whose names `interface_exclude` matches are left out.
    ///
    /// One `counter_cache` can serve all nodes: counters are stored under the node's name.
    pub fn emit(
        &self,
        node: &NodeIdentity<'_>,
        interface_exclude: &[String],
        counter_cache: &mut CounterCache,
        builder: &mut Builder,
    ) -> EntityId {
        let entity = builder.entity("node", node.name, None);
        builder.attribute(entity, "node.name", node.name);
        builder.attribute(entity, "orchestrator", "eks");
        for (key, value) in [("cluster.name", node.cluster_name), ("node.compute_type", node.compute_type)] {
            if let Some(value) = value {
                builder.attribute(entity, key, value);
            }
        }
        for (name, value) in
            [("node.cpu_count", self.cpu_count), ("node.memory_total_bytes", self.memory_total_bytes)]
        {
            if let Some(value) = value {
                builder.gauge(entity, name, value);
            }
        }
        let mut pod: Option<(&str, EntityId)> = None;
        for cgroup in &self.cgroups {
            let is_pod = cgroup.container.is_none();
            let above = pod.filter(|(uid, _)| !is_pod && *uid == &*cgroup.uid);
            let parent = above.map_or(entity, |(_, pod)| pod);
            let below = emit_cgroup(cgroup, parent, node.name, counter_cache, builder);
            if is_pod {
                pod = Some((&cgroup.uid, below));
                emit_interfaces(cgroup, below, node.name, interface_exclude, counter_cache, builder);
            }
        }
        entity
    }

    /// Adds the file systems of containers below their `container` entities, which were added to the batch meanwhile and are
    /// given with the ids of their containers.
    pub fn emit_filesystems<'c>(
        &self,
        containers: impl IntoIterator<Item = (&'c str, EntityId)>,
        builder: &mut Builder,
    ) {
        let containers: HashMap<&str, EntityId> = containers.into_iter().collect();
        for cgroup in &self.cgroups {
            let id = cgroup.container.as_ref().map(|container| &*container.id);
            let Some(container) = id.and_then(|id| containers.get(id)) else { continue };
            for filesystem in &cgroup.filesystems {
                let entity = builder.entity("filesystem", &filesystem.device, Some(*container));
                builder.attribute(entity, "device", &filesystem.device);
                for (name, value) in FILESYSTEM.iter().zip(filesystem.values) {
                    if let Some(value) = value {
                        builder.gauge(entity, name, value.value);
                    }
                }
            }
        }
    }
}

fn emit_cgroup(
    cgroup: &CgroupReading,
    parent: EntityId,
    node_name: &str,
    counter_cache: &mut CounterCache,
    builder: &mut Builder,
) -> EntityId {
    let entity = builder.entity("cgroup", &cgroup.path, Some(parent));
    let role = if cgroup.container.is_some() { "container" } else { "pod" };
    builder.attribute(entity, "cgroup.role", role);
    builder.attribute(entity, "pod.uid", &cgroup.uid);
    if let Some(qos) = cgroup.qos {
        builder.attribute(entity, "pod.qos", qos.as_str());
    }
    if let Some(container) = &cgroup.container {
        builder.attribute(entity, "container.id", &container.id);
        if let Some(runtime) = container.runtime {
            builder.attribute(entity, "container.runtime", runtime);
        }
    }
    if cgroup.is_unused() {
        return entity;
    }
    // The start time in seconds, as cAdvisor writes it; 0 if it is unknown.
    let identity = cgroup.started.map_or(0, |started| started.value as u64);
    let key = counter_cache.key(node_name, &cgroup.path);
    let mut counters = counter_cache.owner(key, identity);
    for ((metric, name, kind), value) in RAW_METRICS.iter().zip(cgroup.values) {
        let is_sum = cgroup.sums.iter().any(|sum| sum.metric == *metric);
        match (kind, value) {
            (_, None) => {}
            (Kind::Gauge, Some(value)) => builder.gauge(entity, name, value.value),
            (Kind::Counter, Some(_)) if is_sum => {}
            (Kind::Counter, Some(value)) => emit_counter(entity, name, value, &mut counters, builder),
        }
    }
    emit_sums(cgroup, entity, node_name, counter_cache, builder);
    if let Some((quota, period)) = cgroup.quota_us.zip(cgroup.period_us) {
        builder.gauge(entity, "cpu.quota_millicores", quota.value / period.value * 1000.0);
    }
    entity
}

/// Emits the counters that are sums over parts. Each has an owner of its own, which other parts reset: without the row of a device
/// in one reading, the next one would count all that the device did in its life.
fn emit_sums(
    cgroup: &CgroupReading,
    entity: EntityId,
    node_name: &str,
    counter_cache: &mut CounterCache,
    builder: &mut Builder,
) {
    let started = cgroup.started.map_or(0, |started| started.value as u64);
    for sum in &cgroup.sums {
        let found = RAW_METRICS.iter().find(|(metric, ..)| *metric == sum.metric);
        let (Some((_, name, _)), Some(value)) = (found, cgroup.get(sum.metric)) else { continue };
        // No interface has a blank in its name, so that this is none of their keys.
        let key = counter_cache.key(node_name, &format!("{}\nsum {name}", cgroup.path));
        let mut counters = counter_cache.owner(key, started.rotate_left(32) ^ sum.parts_hash);
        emit_counter(entity, name, value, &mut counters, builder);
    }
}

fn emit_interfaces(
    cgroup: &CgroupReading,
    pod: EntityId,
    node_name: &str,
    exclude: &[String],
    counter_cache: &mut CounterCache,
    builder: &mut Builder,
) {
    for interface in &cgroup.interfaces {
        if matches_any(exclude, &interface.name) {
            continue;
        }
        let entity = builder.entity("interface", &interface.name, Some(pod));
        builder.attribute(entity, "interface", &interface.name);
        let key = counter_cache.key(node_name, &format!("{}\n{}", cgroup.path, interface.name));
        let mut counters = counter_cache.owner(key, fnv1a(interface.owner.as_bytes()));
        for (name, value) in NETWORK.into_iter().zip(interface.values) {
            if let Some(value) = value {
                emit_counter(entity, name, value, &mut counters, builder);
            }
        }
    }
}

fn emit_counter(
    entity: EntityId,
    name: &'static str,
    value: At,
    counters: &mut Counters<'_>,
    builder: &mut Builder,
) {
    // The value is a whole number in range (`Unit::convert`).
    let current = value.value as u64;
    let read_at_ns = value
        .at_ms
        .and_then(|at_ms| u64::try_from(at_ms).ok())
        .and_then(|at_ms| at_ms.checked_mul(MILLISECOND_NS));
    let previous = read_at_ns.and_then(|at_ns| counters.record(name, current, at_ns));
    builder.counter(entity, name, current, previous);
}
