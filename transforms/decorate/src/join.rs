//! Joins cgroup metrics with the pod or container that the cgroup's path names.

use alloc::vec;
use alloc::vec::Vec;

use insights_sdk::{Batch, Entity};

use crate::keys::{Keys, attribute};

/// Pods, tasks and containers that have a cgroup, by entity index.
pub(crate) struct Joined(Vec<bool>);

impl Joined {
    pub(crate) fn new(batch: &Batch) -> Self {
        let count = batch.entities().last().map_or(0, |last| last.index() as usize + 1);
        Self(vec![false; count])
    }

    /// Returns true for an entity with usage metrics: from a cgroup, or from another source if there is no cgroup.
    #[inline(never)]
    pub(crate) fn has(&self, entity: Entity<'_>, keys: &Keys) -> bool {
        self.0.get(entity.index() as usize).copied().unwrap_or(false) || has_usage(entity, keys)
    }

    pub(crate) fn note(&mut self, entity: Entity<'_>) {
        if let Some(slot) = self.0.get_mut(entity.index() as usize) {
            *slot = true;
        }
    }
}

/// Moves metrics and interfaces of cgroups to their pods and containers, and drops all cgroups. Cgroups without a match are
/// dropped with their metrics: sandboxes, containers from before a restart, pods that the kubelet does not list (yet).
pub(crate) fn join(batch: &Batch, keys: &Keys, keep_paths: bool) -> Joined {
    let pods = Pods::new(batch);
    let mut joined = Joined::new(batch);
    let cgroups = batch.of_kind("cgroup");
    // Containers follow their pod, so the pod of the previous cgroup nearly always matches.
    let mut last: Option<(&str, Option<Entity<'_>>)> = None;
    for &cgroup in &cgroups {
        let Some(uid) = attribute(cgroup, keys.raw_pod_uid) else { continue };
        let pod = match last {
            Some((last_uid, pod)) if last_uid == uid => pod,
            _ => pods.find(uid),
        };
        last = Some((uid, pod));
        let Some(pod) = pod else { continue };
        let to = match attribute(cgroup, keys.cgroup_role) {
            Some("pod") => {
                take_interfaces(cgroup, pod, keys);
                pod
            }
            Some("container") => {
                let Some(id) = attribute(cgroup, keys.raw_container_id) else { continue };
                let mut containers = pod.children_of_kind("container").into_iter();
                match containers.find(|container| attribute(*container, keys.raw_container_id) == Some(id)) {
                    Some(container) => container,
                    None => continue,
                }
            }
            _ => continue,
        };
        move_points(cgroup, to, keys);
        joined.note(to);
        if keep_paths {
            // As cAdvisor writes it.
            to.set_attribute(keys.cgroup_path, &["/", cgroup.id().trim_start_matches('/')].concat());
        }
    }
    for cgroup in cgroups {
        if cgroup.is_live() {
            cgroup.remove();
        }
    }
    joined
}

/// Moves the metrics of a cgroup unless the kubelet's are present: the cgroups of a sandboxed pod's containers may exist and
/// stay empty, and their zeros are not measurements.
pub(crate) fn move_points(cgroup: Entity<'_>, to: Entity<'_>, keys: &Keys) {
    if !has_usage(to, keys) {
        cgroup.move_points_to(to);
    }
}

fn has_usage(entity: Entity<'_>, keys: &Keys) -> bool {
    entity.counter(keys.cpu_usage).is_some()
        || [keys.cpu_nanocores, keys.memory_usage, keys.memory_working_set]
            .iter()
            .any(|&name| entity.gauge(name).is_some())
}

/// Moves interfaces to the pod, except in the host network: those belong to the node, and would be counted again for each
/// such pod.
fn take_interfaces(cgroup: Entity<'_>, pod: Entity<'_>, keys: &Keys) {
    let is_host = attribute(cgroup, keys.network_host) == Some("true")
        || attribute(pod, keys.raw_host_network) == Some("true");
    if is_host {
        return;
    }
    for interface in cgroup.children_of_kind("interface") {
        interface.set_parent(Some(pod));
    }
}

/// Index of pods by the uid in cgroup paths.
struct Pods<'b> {
    batch: &'b Batch,
    /// Static pods by config hash. The kubelet lists them under the uid of their mirror pod, the cgroup path has the hash.
    /// There are few on any node.
    by_hash: Vec<(&'b str, Entity<'b>)>,
}

impl<'b> Pods<'b> {
    fn new(batch: &'b Batch) -> Self {
        let pods = batch.of_kind("pod").into_iter();
        let by_hash = pods.filter_map(|pod| Some((pod.attribute("pod.config_hash")?, pod))).collect();
        Self { batch, by_hash }
    }

    fn find(&self, uid: &str) -> Option<Entity<'b>> {
        let by_hash = || self.by_hash.iter().find(|(hash, _)| *hash == uid).map(|&(_, pod)| pod);
        self.batch.find("pod", uid).or_else(by_hash)
    }
}
