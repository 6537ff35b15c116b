//! Who owns a pod, and what the pod is called after it.

use insights_sdk::Entity;

use crate::job;
use crate::keys::{Keys, attribute};

/// An owner, after what stands behind it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner<'b> {
    pub(crate) kind: &'b str,
    pub(crate) name: &'b str,
    /// Kind as the owner reference says it.
    reference: &'b str,
}

impl<'b> Owner<'b> {
    /// Of a `workload` that owns `pod`; nothing where kind or name is missing.
    pub(crate) fn of(
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

    /// `PodName` of a pod with that owner, where this kind of owner says one.
    pub(crate) fn pod_name(self, own_name: &'b str) -> Option<&'b str> {
        match self.reference {
            "StatefulSet" => Some(own_name),
            "DaemonSet" | "ReplicationController" | "ReplicaSet" | "Job" => Some(self.name),
            _ => None,
        }
    }
}

/// `PodName` of a pod whose owners say none.
pub(crate) fn unowned_pod_name(own_name: &str, prefer_full_name: bool) -> &str {
    // One static pod on each node, each with the node's name behind it.
    if own_name.starts_with("kube-proxy") && !prefer_full_name { "kube-proxy" } else { own_name }
}

/// A Deployment labels the pods of its ReplicaSets with the hash that ends the ReplicaSet's name. So does an Argo Rollout,
/// with a label of its own.
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

/// Kind and name of a `workload` that has both.
fn named<'b>(workload: Entity<'b>, keys: &Keys) -> Option<(&'b str, &'b str)> {
    let set = |key| attribute(workload, key).filter(|text| !text.is_empty());
    Some((set(keys.workload_kind)?, set(keys.workload_name)?))
}

/// What the API server said of the Job goes before what its name looks like.
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
