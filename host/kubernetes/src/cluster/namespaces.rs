//! Names and phases of namespaces.

use std::collections::BTreeMap;

use super::table::{ENTRY_BYTES, ObjectTable, TABLE_BYTES};
use super::wire;
use crate::budget::MemoryBudget;
use crate::text::non_empty;

/// The existing namespaces.
#[derive(Debug)]
pub(super) struct Namespaces {
    namespaces: BTreeMap<Box<str>, Phase>,
    budget: MemoryBudget,
}

/// Phase of a namespace. Derived from its metadata, without the object's `status`: the API server sets the phase to
/// `Terminating` in the same update as the time of the deletion, and nothing changes it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Active,
    Terminating,
}

impl Phase {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Terminating => "Terminating",
        }
    }
}

impl Default for Namespaces {
    fn default() -> Self {
        Self { namespaces: BTreeMap::new(), budget: MemoryBudget::new(TABLE_BYTES) }
    }
}

impl Namespaces {
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.namespaces.keys().map(|name| &**name)
    }

    /// Returns the phase of a namespace, if it exists.
    pub(super) fn phase(&self, name: &str) -> Option<Phase> {
        self.namespaces.get(name).copied()
    }
}

impl ObjectTable for Namespaces {
    type Item<'a> = wire::Namespace<'a>;

    fn empty(&self) -> Self {
        Self { namespaces: BTreeMap::new(), budget: self.budget.cleared() }
    }

    fn apply(&mut self, item: wire::Namespace<'_>) -> bool {
        let Some(metadata) = item.metadata.as_deref() else { return true };
        let Some(name) = non_empty(&metadata.name) else { return true };
        let is_deleted = non_empty(&metadata.deletion_timestamp).is_some();
        let phase = if is_deleted { Phase::Terminating } else { Phase::Active };
        if let Some(known) = self.namespaces.get_mut(name) {
            *known = phase;
            return true;
        }
        let fits = self.budget.replace(0, ENTRY_BYTES + name.len());
        if fits {
            self.namespaces.insert(name.into(), phase);
        }
        fits
    }

    fn remove(&mut self, item: wire::Namespace<'_>) {
        if let Some(name) = item.metadata.as_ref().and_then(|metadata| non_empty(&metadata.name))
            && self.namespaces.remove(name).is_some()
        {
            self.budget.replace(ENTRY_BYTES + name.len(), 0);
        }
    }
}
