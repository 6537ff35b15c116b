//! Pods, reduced to 12 bytes each; details are kept only of pods without a node.

use std::collections::HashMap;
use std::hash::RandomState;
use std::marker::PhantomData;

use serde::Deserialize;

use super::pods_by_namespace::{PodNamespaces, PodRecord};
use super::table::{Key, ObjectTable, TABLE_BYTES};
use super::wire;
use crate::budget::MemoryBudget;
use crate::pods::{MAX_ENTRIES, MetadataFilter, Owner, Texts};
use crate::text::{Text, elements, non_empty};

/// `status.phase`, in the order of [`PHASES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    Pending,
    Running,
    Succeeded,
    Failed,
    /// Also an absent phase, or one that this version does not know.
    Unknown,
}

/// Names of the gauges.
pub(super) const PHASES: [&str; 5] = [
    "pods.phase.pending",
    "pods.phase.running",
    "pods.phase.succeeded",
    "pods.phase.failed",
    "pods.phase.unknown",
];

impl Phase {
    fn parse(text: Option<&str>) -> Self {
        match text {
            Some("Pending") => Self::Pending,
            Some("Running") => Self::Running,
            Some("Succeeded") => Self::Succeeded,
            Some("Failed") => Self::Failed,
            _ => Self::Unknown,
        }
    }
}

/// A pod that waits for a node.
#[derive(Debug)]
pub(super) struct PendingPod {
    pub(super) uid: Box<str>,
    pub(super) name: Box<str>,
    pub(super) namespace: Box<str>,
    pub(super) qos: Option<Box<str>>,
    pub(super) conditions: Texts,
    pub(super) labels: Texts,
    pub(super) owners: Vec<Owner>,
}

/// One of the two watches that deliver pods.
pub(super) trait PodStream: Send + 'static {
    type Item<'a>: Deserialize<'a>;

    /// Returns the fields that are counted; `None` if the pod has no uid or namespace.
    fn facts<'i>(item: &'i Self::Item<'_>) -> Option<PodFacts<'i>>;
    /// Returns the details to keep in addition to the count.
    fn details(item: &Self::Item<'_>) -> Option<PendingPod>;
}

pub(super) struct PodFacts<'i> {
    uid: &'i str,
    pub(super) namespace: &'i str,
    pub(super) phase: Phase,
    /// `true` if the pod is pending and no node was chosen for it.
    pub(super) is_unscheduled: bool,
}

/// Pods with `status.phase=Running`, which the API server selects; only their metadata is sent.
#[derive(Debug)]
pub(super) struct Running;

impl PodStream for Running {
    type Item<'a> = wire::Named<'a>;

    fn facts<'i>(item: &'i wire::Named<'_>) -> Option<PodFacts<'i>> {
        let names = item.metadata.as_deref()?;
        let (uid, namespace) = (non_empty(&names.uid)?, non_empty(&names.namespace)?);
        Some(PodFacts { uid, namespace, phase: Phase::Running, is_unscheduled: false })
    }

    fn details(_: &wire::Named<'_>) -> Option<PendingPod> {
        None
    }
}

/// All other pods, whole.
#[derive(Debug)]
pub(super) struct Others;

impl PodStream for Others {
    type Item<'a> = wire::Pod<'a>;

    fn facts<'i>(item: &'i wire::Pod<'_>) -> Option<PodFacts<'i>> {
        let metadata = item.metadata.as_deref()?;
        let (uid, namespace) = (non_empty(&metadata.uid)?, non_empty(&metadata.namespace)?);
        let phase = Phase::parse(item.status.as_ref().and_then(|status| non_empty(&status.phase)));
        let is_bound = item.spec.as_ref().is_some_and(|spec| non_empty(&spec.node_name).is_some());
        Some(PodFacts { uid, namespace, phase, is_unscheduled: phase == Phase::Pending && !is_bound })
    }

    fn details(item: &wire::Pod<'_>) -> Option<PendingPod> {
        let metadata = item.metadata.as_deref()?;
        // The API does not allow longer texts, and `max_pending_pods` limits only the number of pods.
        let owned = |text: &Option<Text<'_>>| {
            non_empty(text).filter(|text| text.len() <= MAX_TEXT_BYTES).map(Box::from)
        };
        let status = item.status.as_deref();
        let labels = metadata.labels.as_ref().map(|all| MetadataFilter::default().labels(all).0);
        Some(PendingPod {
            uid: owned(&metadata.uid)?,
            name: owned(&metadata.name)?,
            namespace: owned(&metadata.namespace)?,
            qos: status.and_then(|status| owned(&status.qos_class)),
            conditions: status
                .into_iter()
                .flat_map(|status| elements(&status.conditions))
                .filter_map(|condition| Some((owned(&condition.kind)?, owned(&condition.status)?)))
                .take(MAX_ENTRIES)
                .collect(),
            labels: labels.unwrap_or_default(),
            owners: elements(&metadata.owner_references)
                .filter_map(|owner| Some(Owner { kind: owned(&owner.kind)?, name: owned(&owner.name)? }))
                .take(MAX_ENTRIES)
                .collect(),
        })
    }
}

/// Approximate memory of a counted pod in bytes.
const RECORD_BYTES: usize = 2 * size_of::<(Key, PodRecord)>();

/// Longest text of a pending pod in bytes: a condition type is a name with a domain as prefix.
const MAX_TEXT_BYTES: usize = 316;

/// The pods of one watch.
#[derive(Debug)]
pub(super) struct Pods<S> {
    hasher: RandomState,
    records: HashMap<Key, PodRecord>,
    namespaces: PodNamespaces,
    unscheduled: u32,
    max_pending: usize,
    pending: HashMap<Key, PendingPod>,
    budget: MemoryBudget,
    stream: PhantomData<fn() -> S>,
}

impl<S: PodStream> Pods<S> {
    /// Creates an empty table that keeps the details of at most `max_pending` pods.
    pub(super) fn new(max_pending: usize) -> Self {
        Self {
            hasher: RandomState::new(),
            records: HashMap::new(),
            namespaces: PodNamespaces::default(),
            unscheduled: 0,
            max_pending,
            pending: HashMap::new(),
            budget: MemoryBudget::new(TABLE_BYTES),
            stream: PhantomData,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Returns the namespaces that have pods, and the number of pods in each phase.
    pub(super) fn namespaces(&self) -> impl Iterator<Item = (&str, &[u32; 5])> {
        self.namespaces.iter()
    }

    /// Returns the details of pending pods, in no particular order.
    pub(super) fn pending(&self) -> impl Iterator<Item = &PendingPod> {
        self.pending.values()
    }

    /// Returns the number of pods that wait for a node and have no details here; zero if details were not requested.
    pub(super) fn left_out(&self) -> usize {
        if self.max_pending == 0 {
            return 0;
        }
        (self.unscheduled as usize).saturating_sub(self.pending.len())
    }

    /// Counts a pod. Returns `None` if there is no room for it.
    fn enter(&mut self, facts: &PodFacts<'_>) -> Option<PodRecord> {
        if !self.budget.replace(0, RECORD_BYTES) {
            return None;
        }
        let record = self.namespaces.enter(facts);
        if record.is_none() {
            self.budget.replace(RECORD_BYTES, 0);
        }
        record
    }

    fn forget(&mut self, key: Key) {
        if let Some(record) = self.records.remove(&key) {
            self.budget.replace(RECORD_BYTES, 0);
            self.namespaces.leave(record);
            self.unscheduled -= u32::from(record.is_unscheduled());
        }
    }
}

impl<S: PodStream> ObjectTable for Pods<S> {
    type Item<'a> = S::Item<'a>;

    fn empty(&self) -> Self {
        Self { hasher: self.hasher.clone(), budget: self.budget.cleared(), ..Self::new(self.max_pending) }
    }

    fn apply(&mut self, item: S::Item<'_>) -> bool {
        let Some(facts) = S::facts(&item) else { return true };
        let key = Key::new(&self.hasher, &[facts.uid]);
        self.forget(key);
        let Some(record) = self.enter(&facts) else {
            self.pending.remove(&key);
            return false;
        };
        self.records.insert(key, record);
        self.unscheduled += u32::from(facts.is_unscheduled);
        let known = self.pending.remove(&key).is_some();
        // A pod that got its node makes room for the details of the next one that changes.
        if facts.is_unscheduled && (known || self.pending.len() < self.max_pending) {
            self.pending.extend(S::details(&item).map(|details| (key, details)));
        }
        true
    }

    fn remove(&mut self, item: S::Item<'_>) {
        let Some(facts) = S::facts(&item) else { return };
        let key = Key::new(&self.hasher, &[facts.uid]);
        self.forget(key);
        self.pending.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn apply(pods: &mut Pods<Running>, uid: &str, namespace: &str) -> bool {
        let pod = json!({"metadata": {"uid": uid, "namespace": namespace}}).to_string();
        pods.apply(serde_json::from_str(&pod).unwrap())
    }

    #[test]
    fn a_pod_without_a_record_takes_no_memory() {
        let mut pods = Pods { budget: MemoryBudget::new(RECORD_BYTES), ..Pods::new(0) };
        assert!(!apply(&mut pods, "a", &"n".repeat(254)), "the name is too long for a namespace");
        assert!(apply(&mut pods, "b", "n"));
        assert!(!apply(&mut pods, "c", "n"));
    }
}
