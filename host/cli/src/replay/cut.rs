//! Cuts a batch down to one pod with everything related to it, so that it is small enough to read.

use std::collections::HashSet;

use insights_batch::{Batch, Columns, Entity};

/// Maximum number of pod names in an error text.
const LISTED: usize = 12;

/// Errors of finding the pod to cut a batch down to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoPod {
    /// No pod has the name.
    #[error("no pod `{wanted}` in the batch; known: {known}")]
    Unknown {
        /// The requested name.
        wanted: String,
        /// Some of the pods.
        known: String,
    },
    /// Several pods have the name.
    #[error("several pods have the name `{wanted}`: {found}; use NAMESPACE/NAME")]
    Several {
        /// The requested name.
        wanted: String,
        /// Some of these pods, with their namespaces.
        found: String,
    },
}

/// Reduces a batch to one pod, given by its name or `NAMESPACE/NAME`. Keeps everything below the pod; its cgroups and
/// everything below them; the link targets and the ancestors of all of these, such as the node; the instance; and
/// the descriptors of the remaining metrics.
pub(super) fn to_pod(batch: Columns, wanted: &str) -> Result<Columns, NoPod> {
    let batch = Batch::from_columns(batch);
    let pod = find(&batch, wanted)?;
    let mut kept = Kept::default();
    kept.below(pod);
    let uids = [Some(pod.id()), pod.attribute("pod.uid"), pod.attribute("pod.config_hash")];
    for cgroup in batch.of_kind("cgroup") {
        if cgroup.attribute("pod.uid").is_some_and(|uid| uids.contains(&Some(uid))) {
            kept.below(cgroup);
        }
    }
    for instance in batch.of_kind("instance") {
        if instance.parent().is_none_or(|parent| kept.0.contains(&parent.index())) {
            kept.entity(instance);
        }
    }
    let mut metrics = HashSet::new();
    for entity in batch.entities().into_iter().filter(|entity| kept.0.contains(&entity.index())) {
        metrics.extend(entity.gauges().into_iter().map(|(name, _)| name));
        metrics.extend(entity.counters().into_iter().map(|(name, _)| name));
    }
    for entity in batch.entities() {
        let is_descriptor = entity.kind() == "metric" && metrics.contains(entity.id());
        if !is_descriptor && !kept.0.contains(&entity.index()) {
            entity.remove();
        }
    }
    Ok(batch.into_columns())
}

fn find<'b>(batch: &'b Batch, wanted: &str) -> Result<Entity<'b>, NoPod> {
    let pods = batch.of_kind("pod");
    let has_name = |pod: &Entity<'_>| {
        let name = pod.attribute("pod.name");
        name == Some(wanted)
            || matches!((wanted.split_once('/'), pod.attribute("pod.namespace")), (Some((namespace, rest)), Some(own))
                if namespace == own && name == Some(rest))
    };
    let found: Vec<Entity<'_>> = pods.iter().copied().filter(has_name).collect();
    match found[..] {
        [pod] => Ok(pod),
        [] => Err(NoPod::Unknown { wanted: wanted.to_owned(), known: listed(&pods) }),
        _ => Err(NoPod::Several { wanted: wanted.to_owned(), found: listed(&found) }),
    }
}

fn listed(pods: &[Entity<'_>]) -> String {
    let name = |pod: &Entity<'_>| {
        let text = |key| pod.attribute(key).unwrap_or("?");
        format!("{}/{}", text("pod.namespace"), text("pod.name"))
    };
    let mut names: Vec<String> = pods.iter().take(LISTED).map(name).collect();
    if pods.len() > LISTED {
        names.push(format!("{} more", pods.len() - LISTED));
    }
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Indices of the entities that stay.
#[derive(Default)]
struct Kept(HashSet<u32>);

impl Kept {
    /// Keeps an entity with its ancestors and with its link targets, transitively, such as its owner and the owner's owner.
    fn entity(&mut self, entity: Entity<'_>) {
        let mut open = vec![entity];
        while let Some(entity) = open.pop() {
            if !self.0.insert(entity.index()) {
                continue;
            }
            open.extend(entity.parent());
            // The link targets of a node are not about one pod.
            if entity.kind() != "node" && entity.kind() != "cluster" {
                open.extend(entity.all_links().into_iter().map(|(_, target)| target));
            }
        }
    }

    /// Keeps an entity and everything below it, each as in [`entity`](Self::entity).
    fn below(&mut self, entity: Entity<'_>) {
        let mut open = vec![entity];
        while let Some(entity) = open.pop() {
            self.entity(entity);
            open.extend(entity.children());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCH: &str = r#"{"scope": "node", "id": "n", "time_unix_ms": 1, "entities": [
        {"kind": "metric", "id": "node_x", "attributes": {"unit": "Count"}},
        {"kind": "metric", "id": "pod_x", "attributes": {"unit": "Count"}},
        {"kind": "metric", "id": "other_x", "attributes": {"unit": "Count"}},
        {"kind": "node", "id": "n", "gauges": {"node_x": 1}, "children": [
            {"kind": "instance", "id": "i"},
            {"kind": "interface", "id": "eth0"},
            {"kind": "cgroup", "id": "/1", "attributes": {"pod.uid": "u1"}, "children": [{"kind": "interface", "id": "eth0"}]},
            {"kind": "cgroup", "id": "/2", "attributes": {"pod.uid": "u2"}},
            {"kind": "workload", "id": "CronJob/a/c"},
            {"kind": "workload", "id": "Job/a/j", "links": [{"role": "owned-by", "kind": "workload", "id": "CronJob/a/c"}]},
            {"kind": "workload", "id": "Job/a/other"},
            {"kind": "pod", "id": "u1", "attributes": {"pod.name": "p", "pod.namespace": "a"}, "gauges": {"pod_x": 1},
             "links": [{"role": "owned-by", "kind": "workload", "id": "Job/a/j"}],
             "children": [{"kind": "container", "id": "u1/c"}]},
            {"kind": "pod", "id": "u2", "attributes": {"pod.name": "p", "pod.namespace": "b"}, "gauges": {"other_x": 1}},
            {"kind": "pod", "id": "u3", "attributes": {"pod.name": "q", "pod.namespace": "b"}}
        ]}]}"#;

    fn cut(wanted: &str) -> Result<Vec<String>, NoPod> {
        let columns = to_pod(Columns::from_json(BATCH).expect("a batch"), wanted)?;
        columns.check().expect("a batch that is whole");
        let batch = Batch::from_columns(columns);
        Ok(batch.entities().iter().map(|entity| format!("{} {}", entity.kind(), entity.id())).collect())
    }

    #[test]
    fn a_pod_keeps_what_says_something_of_it() {
        let mut left = cut("a/p").expect("a pod");
        left.sort();
        let expected = [
            "cgroup /1",
            "container u1/c",
            "instance i",
            "interface eth0",
            "metric node_x",
            "metric pod_x",
            "node n",
            "pod u1",
            "workload CronJob/a/c",
            "workload Job/a/j",
        ];
        assert_eq!(left, expected);
        assert_eq!(cut("q").expect("a pod"), ["metric node_x", "node n", "instance i", "pod u3"]);
    }

    #[test]
    fn a_name_that_is_not_one_pod() {
        let error = |wanted| cut(wanted).expect_err("no pod").to_string();
        assert_eq!(error("r"), "no pod `r` in the batch; known: a/p, b/p, b/q");
        assert_eq!(error("p"), "several pods have the name `p`: a/p, b/p; use NAMESPACE/NAME");
    }
}
