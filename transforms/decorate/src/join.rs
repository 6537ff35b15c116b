//! Cgroups to pods and containers.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use insights_sdk::{Batch, Entity};

/// Which entities the kernel has figures of: those become events.
pub(crate) struct Joined(Vec<bool>);

impl Joined {
    /// Whether a cgroup was found for this pod or container.
    pub(crate) fn contains(&self, entity: Entity<'_>) -> bool {
        self.0.get(entity.index() as usize).copied().unwrap_or(false)
    }

    fn insert(&mut self, entity: Entity<'_>) {
        let index = entity.index() as usize;
        if index >= self.0.len() {
            self.0.resize(index + 1, false);
        }
        self.0[index] = true;
    }
}

/// Gives figures and interfaces of each cgroup to the pod or container whose uid or id its path names, and removes the
/// cgroups. One without a pod (leftover, not yet in the kubelet's list) or without a container (sandbox) goes with its
/// figures: there is nobody to attribute them to.
pub(crate) fn join(batch: &Batch) -> Joined {
    let mut joined = Joined(vec![false; batch.entities().len()]);
    let cgroups = batch.of_kind("cgroup");
    if cgroups.is_empty() {
        return joined;
    }
    let (pods, containers) = (pods(batch), containers(batch));
    let keys = [
        batch.name("cgroup.role"),
        batch.name("pod.uid"),
        batch.name("container.id"),
        batch.name("network.host"),
    ];
    let [role_key, uid_key, id_key, host_key] = keys;
    for &cgroup in &cgroups {
        let found = match cgroup.attribute(role_key) {
            Some("pod") => cgroup.attribute(uid_key).and_then(|uid| pods.get(uid)),
            Some("container") => cgroup.attribute(id_key).and_then(|id| containers.get(id)),
            _ => None,
        };
        let Some(&entity) = found else { continue };
        cgroup.move_points_to(entity);
        if cgroup.attribute(host_key) == Some("true") {
            entity.set_attribute("pod.host_network", "true");
        }
        for interface in cgroup.children_of_kind("interface") {
            interface.set_parent(Some(entity));
        }
        joined.insert(entity);
    }
    for cgroup in cgroups {
        cgroup.remove();
    }
    joined
}

/// Pods by uid and, for static pods, by the hash that their cgroup carries in its place.
fn pods(batch: &Batch) -> BTreeMap<&str, Entity<'_>> {
    let mut pods = BTreeMap::new();
    for pod in batch.of_kind("pod") {
        if let Some(hash) = pod.attribute("pod.config_hash") {
            pods.entry(hash).or_insert(pod);
        }
        pods.insert(pod.attribute("pod.uid").unwrap_or(pod.id()), pod);
    }
    pods
}

fn containers(batch: &Batch) -> BTreeMap<&str, Entity<'_>> {
    let key = batch.name("container.id");
    let containers = batch.of_kind("container").into_iter();
    containers.filter_map(|container| Some((container.attribute(key)?, container))).collect()
}
