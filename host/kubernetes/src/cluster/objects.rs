//! Kinds of objects that are read only if a pipeline asks for them, and the tables of PersistentVolumeClaims,
//! PersistentVolumes and Ingresses.

use std::collections::BTreeMap;

use insightd_collect::Group;

use super::table::{ENTRY_BYTES, ObjectTable, TABLE_BYTES};
use super::wire;
use crate::budget::MemoryBudget;
use crate::text::non_empty;

/// Kinds of such objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ObjectKind {
    Claim,
    PersistentVolume,
    Ingress,
    Job,
    CronJob,
}

impl ObjectKind {
    /// All kinds.
    pub(super) const ALL: [Self; 5] =
        [Self::Claim, Self::PersistentVolume, Self::Ingress, Self::Job, Self::CronJob];

    /// Returns the group of facts that the objects are read for.
    pub(super) const fn group(self) -> Group {
        match self {
            Self::Claim => Group::Claims,
            Self::PersistentVolume => Group::PersistentVolumes,
            Self::Ingress => Group::Ingresses,
            Self::Job => Group::Jobs,
            Self::CronJob => Group::CronJobs,
        }
    }
}

/// Phase of a claim; `None` if the object has none, or one that the API does not define.
type Phase = Option<&'static str>;

/// Phases of a claim.
const PHASES: [&str; 3] = ["Bound", "Lost", "Pending"];

/// The objects of one kind: phases by `NAMESPACE/NAME`, or by name if they have no namespace.
#[derive(Debug)]
pub(super) struct Objects {
    objects: BTreeMap<Box<str>, Phase>,
    budget: MemoryBudget,
}

impl Default for Objects {
    fn default() -> Self {
        Self { objects: BTreeMap::new(), budget: MemoryBudget::new(TABLE_BYTES) }
    }
}

impl Objects {
    /// Returns the number of objects.
    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }

    /// Returns id, namespace, name and phase of each object that has a namespace.
    pub(super) fn namespaced(&self) -> impl Iterator<Item = (&str, &str, &str, Phase)> {
        self.objects.iter().filter_map(|(id, phase)| {
            let (namespace, name) = id.split_once('/')?;
            Some((&**id, namespace, name, *phase))
        })
    }
}

fn id(item: &wire::Phased<'_>) -> Option<Box<str>> {
    let metadata = item.metadata.as_deref()?;
    let name = non_empty(&metadata.name)?;
    Some(match non_empty(&metadata.namespace) {
        Some(namespace) => format!("{namespace}/{name}").into(),
        None => name.into(),
    })
}

impl ObjectTable for Objects {
    type Item<'a> = wire::Phased<'a>;

    fn empty(&self) -> Self {
        Self { objects: BTreeMap::new(), budget: self.budget.cleared() }
    }

    fn apply(&mut self, item: wire::Phased<'_>) -> bool {
        let Some(id) = id(&item) else { return true };
        let phase = item.status.as_ref().and_then(|status| non_empty(&status.phase));
        let phase = phase.and_then(|phase| PHASES.into_iter().find(|known| *known == phase));
        if let Some(known) = self.objects.get_mut(&id) {
            *known = phase;
            return true;
        }
        let fits = self.budget.replace(0, bytes(&id));
        if fits {
            self.objects.insert(id, phase);
        }
        fits
    }

    fn remove(&mut self, item: wire::Phased<'_>) {
        if let Some(id) = id(&item)
            && self.objects.remove(&id).is_some()
        {
            self.budget.replace(bytes(&id), 0);
        }
    }
}

fn bytes(id: &str) -> usize {
    ENTRY_BYTES + size_of::<Phase>() + id.len()
}
