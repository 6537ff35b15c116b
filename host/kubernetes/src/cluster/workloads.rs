//! Desired and actual replicas of Deployments, DaemonSets, StatefulSets and ReplicaSets.

use std::collections::BTreeMap;

use super::table::{ENTRY_BYTES, ObjectTable, TABLE_BYTES};
use super::wire;
use crate::budget::MemoryBudget;
use crate::text::{elements, non_empty};

/// Kinds of workloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkloadKind {
    Deployment,
    DaemonSet,
    StatefulSet,
    /// Only those without an owner: the others belong to a Deployment.
    ReplicaSet,
}

impl WorkloadKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::DaemonSet => "DaemonSet",
            Self::StatefulSet => "StatefulSet",
            Self::ReplicaSet => "ReplicaSet",
        }
    }
}

/// Replica counts of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Replicas {
    pub(super) desired: u32,
    /// Pods that exist; absent for DaemonSets.
    pub(super) current: Option<u32>,
    pub(super) ready: u32,
    pub(super) available: u32,
    pub(super) unavailable: Option<u32>,
    pub(super) scheduled: Option<u32>,
}

/// The workloads of one kind, by `NAMESPACE/NAME`.
#[derive(Debug)]
pub(super) struct Workloads {
    kind: WorkloadKind,
    workloads: BTreeMap<Box<str>, Replicas>,
    budget: MemoryBudget,
}

impl Workloads {
    pub(super) fn new(kind: WorkloadKind) -> Self {
        Self { kind, workloads: BTreeMap::new(), budget: MemoryBudget::new(TABLE_BYTES) }
    }

    pub(super) fn kind(&self) -> WorkloadKind {
        self.kind
    }

    /// Returns namespace, name and replica counts of each workload.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str, &Replicas)> {
        self.workloads.iter().filter_map(|(id, replicas)| {
            let (namespace, name) = id.split_once('/')?;
            Some((namespace, name, replicas))
        })
    }

    fn forget(&mut self, id: &str) {
        if self.workloads.remove(id).is_some() {
            self.budget.replace(bytes(id), 0);
        }
    }

    fn replicas(&self, item: &wire::Workload<'_>) -> Replicas {
        let status = item.status.as_deref().copied().unwrap_or_default();
        // An absent number in a status is zero: Go omits it.
        let or_zero = Option::unwrap_or_default;
        if self.kind == WorkloadKind::DaemonSet {
            return Replicas {
                desired: or_zero(status.desired_number_scheduled),
                current: None,
                ready: or_zero(status.number_ready),
                available: or_zero(status.number_available),
                unavailable: Some(or_zero(status.number_unavailable)),
                scheduled: Some(or_zero(status.current_number_scheduled)),
            };
        }
        Replicas {
            // Default of the API.
            desired: item.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
            current: Some(or_zero(status.replicas)),
            ready: or_zero(status.ready_replicas),
            available: or_zero(status.available_replicas),
            unavailable: (self.kind == WorkloadKind::Deployment)
                .then(|| or_zero(status.unavailable_replicas)),
            scheduled: None,
        }
    }
}

fn bytes(id: &str) -> usize {
    ENTRY_BYTES + size_of::<Replicas>() + id.len()
}

fn id(item: &wire::Workload<'_>) -> Option<Box<str>> {
    let metadata = item.metadata.as_deref()?;
    Some(format!("{}/{}", non_empty(&metadata.namespace)?, non_empty(&metadata.name)?).into())
}

impl ObjectTable for Workloads {
    type Item<'a> = wire::Workload<'a>;

    fn empty(&self) -> Self {
        Self { budget: self.budget.cleared(), ..Self::new(self.kind) }
    }

    fn apply(&mut self, item: wire::Workload<'_>) -> bool {
        let Some(id) = id(&item) else { return true };
        let owned = || {
            item.metadata
                .as_ref()
                .is_some_and(|metadata| elements(&metadata.owner_references).next().is_some())
        };
        // A ReplicaSet may be adopted after its creation.
        if self.kind == WorkloadKind::ReplicaSet && owned() {
            self.forget(&id);
            return true;
        }
        let replicas = self.replicas(&item);
        if let Some(known) = self.workloads.get_mut(&id) {
            *known = replicas;
            return true;
        }
        let fits = self.budget.replace(0, bytes(&id));
        if fits {
            self.workloads.insert(id, replicas);
        }
        fits
    }

    fn remove(&mut self, item: wire::Workload<'_>) {
        if let Some(id) = id(&item) {
            self.forget(&id);
        }
    }
}
