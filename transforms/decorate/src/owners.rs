//! What owns a pod, and the name under which dashboards group it.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use insights_sdk::views::{Pod, Workload};

/// An owner as dashboards know it: the Deployment behind the ReplicaSet, the CronJob behind the Job.
pub(crate) struct Owner<'a> {
    pub(crate) kind: &'a str,
    pub(crate) name: &'a str,
    /// Kind that the owner reference names.
    direct_kind: &'a str,
}

/// The owners of a pod, in the order of its references.
pub(crate) fn owners<'a>(pod: Pod<'a>, prefer_full_name: bool) -> Vec<Owner<'a>> {
    let mut owners = Vec::new();
    let template_hash = pod.attribute("label.pod-template-hash");
    for owner in pod.owners() {
        owners.extend(resolve(owner, template_hash, prefer_full_name));
    }
    owners
}

fn resolve<'a>(
    owner: Workload<'a>,
    template_hash: Option<&str>,
    prefer_full_name: bool,
) -> Option<Owner<'a>> {
    let direct_kind = owner.workload_kind().filter(|kind| !kind.is_empty())?;
    let direct_name = owner.name().filter(|name| !name.is_empty())?;
    let (kind, name) = match direct_kind {
        // A Deployment names its ReplicaSets NAME-HASH and labels the pods with the hash; a ReplicaSet of somebody
        // else's has no such label, however its name ends.
        "ReplicaSet" => match template_hash.and_then(|hash| without_suffix(direct_name, hash)) {
            Some(deployment) => ("Deployment", deployment),
            None => (direct_kind, direct_name),
        },
        "Job" => match cron_job(direct_name) {
            Some(cron_job) => ("CronJob", cron_job),
            None if prefer_full_name => (direct_kind, direct_name),
            None => (direct_kind, direct_name.split(['.', '-']).next().unwrap_or(direct_name)),
        },
        _ => (direct_kind, direct_name),
    };
    Some(Owner { kind, name, direct_kind })
}

fn without_suffix<'a>(name: &'a str, suffix: &str) -> Option<&'a str> {
    name.strip_suffix(suffix)?.strip_suffix('-').filter(|rest| !rest.is_empty())
}

/// The CronJob that made a Job: its name ends in the scheduled time, in seconds since the Unix epoch before Kubernetes 1.21
/// and in minutes since. Both have a fixed number of digits between the years 2001 and 2286.
fn cron_job(job: &str) -> Option<&str> {
    let (name, suffix) = job.rsplit_once('-')?;
    if name.is_empty()
        || suffix.is_empty()
        || suffix.len() > 10
        || !suffix.bytes().all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let time: u64 = suffix.parse().ok()?;
    let seconds = 1_000_000_000..10_000_000_000;
    (seconds.contains(&time) || (suffix.len() >= 8 && seconds.contains(&(time * 60)))).then_some(name)
}

/// `PodName`: the name of the workload, or the pod's own where it has an identity of its own.
pub(crate) fn pod_name<'a>(pod_name: &'a str, owners: &[Owner<'a>], prefer_full_name: bool) -> Cow<'a, str> {
    for owner in owners {
        match owner.direct_kind {
            "StatefulSet" => return pod_name.into(),
            "DaemonSet" | "ReplicationController" | "ReplicaSet" | "Job" => return owner.name.into(),
            _ => {}
        }
    }
    if !prefer_full_name && pod_name.starts_with("kube-proxy") {
        "kube-proxy".into()
    } else {
        pod_name.into()
    }
}
