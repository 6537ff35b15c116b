//! Owners of pods, and the pod names derived from them.

use insights_sdk::Entity;

use crate::job;
use crate::keys::{Keys, attribute};

/// An owner of a pod, with its own controller resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner<'b> {
    pub(crate) kind: &'b str,
    pub(crate) name: &'b str,
    /// Kind in the owner reference.
    reference: &'b str,
}

impl<'b> Owner<'b> {
    /// Resolves a `workload` that owns `pod`; returns `None` if kind or name is missing.
    pub(crate) fn resolve(
        pod: Entity<'b>,
        workload: Entity<'b>,
        keys: &Keys,
        prefer_full_name: bool,
    ) -> Option<Self> {
        let (reference, name) = named(workload, keys)?;
        let (kind, name) = match reference {
            "ReplicaSet" => of_replica_set(pod, name, keys),
            "Job" => of_job(workload, name, prefer_full_name, keys),
            _ => (reference, name),
        };
        Some(Self { kind, name, reference })
    }

    /// Returns the `PodName` of a pod with this owner, or `None` if this kind of owner does not determine one.
    pub(crate) fn pod_name(self, own_name: &'b str) -> Option<&'b str> {
        match self.reference {
            "StatefulSet" => Some(own_name),
            "DaemonSet" | "ReplicationController" | "ReplicaSet" | "Job" => Some(self.name),
            _ => None,
        }
    }
}

/// Returns the `PodName` of a pod whose owners do not determine one.
pub(crate) fn unowned_pod_name(own_name: &str, prefer_full_name: bool) -> &str {
    // One static pod per node, named with the node's name as suffix.
    if own_name.starts_with("kube-proxy") && !prefer_full_name { "kube-proxy" } else { own_name }
}

/// Resolves the owner of a ReplicaSet. A Deployment labels the pods of its ReplicaSets with the hash that ends the
/// ReplicaSet's name; an Argo Rollout does the same with a label of its own.
fn of_replica_set<'b>(pod: Entity<'b>, name: &'b str, keys: &Keys) -> (&'b str, &'b str) {
    let rollout = attribute(pod, keys.rollout_hash);
    if let Some(rollout) = rollout.and_then(|hash| job::without_hash(name, hash)) {
        return ("Rollout", rollout);
    }
    let deployment = match attribute(pod, keys.template_hash) {
        Some(hash) => job::without_hash(name, hash),
        None if rollout.is_some() => None,
        None => job::without_likely_hash(name),
    };
    deployment.map_or(("ReplicaSet", name), |deployment| ("Deployment", deployment))
}

/// Returns kind and name of a `workload` that has both.
fn named<'b>(workload: Entity<'b>, keys: &Keys) -> Option<(&'b str, &'b str)> {
    let set = |key| attribute(workload, key).filter(|text| !text.is_empty());
    Some((set(keys.workload_kind)?, set(keys.workload_name)?))
}

/// Resolves the owner of a Job. An owner reported by the API server takes precedence over one derived from the Job's name.
fn of_job<'b>(
    workload: Entity<'b>,
    name: &'b str,
    prefer_full_name: bool,
    keys: &Keys,
) -> (&'b str, &'b str) {
    if let Some(owner) = workload.links("owned-by").into_iter().find_map(|owner| named(owner, keys)) {
        return owner;
    }
    match job::cron_job(name, workload.batch().time_unix_ms()) {
        Some(cron_job) => ("CronJob", cron_job),
        None if prefer_full_name => ("Job", name),
        None => ("Job", job::job_prefix(name)),
    }
}
