//! Emits CPU, memory and traffic from the kubelet's statistics for pods and containers that the kernel does not measure.

use std::collections::HashSet;

use insightd_collect::{CounterCache, Counters, matches_any};
use insights_batch::{Builder, EntityId};

use super::{SAME, gauge};
use crate::pods::Pod;
use crate::summary::{PodStats, UsageStats};

/// Pods and containers whose cgroups are in the batch and have used something. The cgroups of a sandboxed pod's containers
/// are missing, or exist and stay empty.
#[derive(Default)]
pub(super) struct Measured {
    /// Uids named by the paths of cgroups, as indexes into the batch's string table.
    pods: HashSet<u32>,
    /// Ids of containers, as indexes into the batch's string table.
    containers: HashSet<u32>,
    /// Uids of pods whose network namespace was found: they have interfaces, or are in the node's namespace.
    networks: HashSet<u32>,
}

impl Measured {
    pub(super) fn new(builder: &mut Builder) -> Self {
        let mut id = |text: &str| builder.intern(text).index();
        let [cpu, memory] = [id("cpu.usage_ns"), id("memory.usage_bytes")];
        let [role, uid, container_id] = [id("cgroup.role"), id("pod.uid"), id("container.id")];
        let [is_pod, interface, host] = [id("pod"), id("interface"), id("network.host")];
        let columns = builder.columns();
        let mut used = vec![false; columns.entity_count()];
        let counters = &columns.counters;
        for ((&entity, &name), &current) in counters.entity.iter().zip(&counters.name).zip(&counters.current)
        {
            if name == cpu && current > 0 {
                used[entity as usize] = true;
            }
        }
        let gauges = &columns.gauges;
        for ((&entity, &name), &value) in gauges.entity.iter().zip(&gauges.name).zip(&gauges.value) {
            if name == memory && value > 0.0 {
                used[entity as usize] = true;
            }
        }
        let mut network = vec![false; used.len()];
        for (&kind, &parent) in columns.entities.kind.iter().zip(&columns.entities.parent) {
            if kind == interface
                && let Some(owner) = network.get_mut(parent as usize)
            {
                *owner = true;
            }
        }
        let mut pod_role = vec![false; used.len()];
        let mut measured = Self::default();
        let attributes = &columns.attributes;
        let rows = || attributes.entity.iter().zip(&attributes.key).zip(&attributes.value);
        for ((&entity, &key), &value) in rows() {
            if key == role && value == is_pod {
                pod_role[entity as usize] = true;
            } else if key == host {
                network[entity as usize] = true;
            }
        }
        for ((&entity, &key), &value) in rows() {
            let entity = entity as usize;
            if key == uid && network[entity] {
                measured.networks.insert(value);
            }
            if key == container_id && used[entity] {
                measured.containers.insert(value);
            } else if key == uid && used[entity] && pod_role[entity] {
                measured.pods.insert(value);
            }
        }
        measured
    }

    pub(super) fn has_network(&self, pod: &Pod, builder: &mut Builder) -> bool {
        has_uid(&self.networks, pod, builder)
    }

    pub(super) fn has_pod(&self, pod: &Pod, builder: &mut Builder) -> bool {
        has_uid(&self.pods, pod, builder)
    }

    pub(super) fn has_container(&self, id: &str, builder: &mut Builder) -> bool {
        self.containers.contains(&builder.intern(id).index())
    }
}

/// Returns true if the pod is among `uids`; the cgroup path of a static pod contains the hash of its configuration.
fn has_uid(uids: &HashSet<u32>, pod: &Pod, builder: &mut Builder) -> bool {
    let mut has = |uid: &str| uids.contains(&builder.intern(uid).index());
    has(&pod.uid) || pod.config_hash.as_deref().is_some_and(has)
}

/// Adds the interfaces of a pod to its entity, except those that `excluded` matches. Counters are paired by the time at
/// which the runtime read them, as for CPU time. The kubelet reports neither packets nor drops.
pub(super) fn interfaces(
    stats: &PodStats,
    (pod, uid): (EntityId, &str),
    excluded: &[String],
    counter_cache: &mut CounterCache,
    builder: &mut Builder,
) {
    for interface in stats.interfaces.iter().filter(|interface| !matches_any(excluded, &interface.name)) {
        let entity = builder.entity("interface", &interface.name, Some(pod));
        builder.attribute(entity, "interface", &interface.name);
        let mut counters = counter_cache.owner(counter_cache.key(uid, &interface.name), SAME);
        for (name, current) in [
            ("network.rx_bytes", interface.rx_bytes),
            ("network.rx_errors", interface.rx_errors),
            ("network.tx_bytes", interface.tx_bytes),
            ("network.tx_errors", interface.tx_errors),
        ] {
            let Some(current) = current else { continue };
            let previous = stats.network_read_at_ns.and_then(|at_ns| counters.record(name, current, at_ns));
            builder.counter(entity, name, current, previous);
        }
    }
}

/// Adds the values of `usage` to `entity`. CPU time is paired by the time at which the runtime read it: the kubelet
/// repeats the same reading for some ticks, and its clock is not that of the tick. Without that time, the counter has no
/// previous reading.
pub(super) fn emit(usage: &UsageStats, mut counters: Counters<'_>, entity: EntityId, builder: &mut Builder) {
    if let Some(current) = usage.cpu_usage_ns {
        let previous = usage.cpu_read_at_ns.and_then(|at_ns| counters.record("cpu.usage_ns", current, at_ns));
        builder.counter(entity, "cpu.usage_ns", current, previous);
    }
    gauge(builder, entity, "cpu.usage_nanocores", usage.cpu_nanocores);
    gauge(builder, entity, "memory.usage_bytes", usage.memory_bytes);
    gauge(builder, entity, "memory.working_set_bytes", usage.working_set_bytes);
    gauge(builder, entity, "memory.rss_bytes", usage.rss_bytes);
}
