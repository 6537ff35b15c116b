//! Names of namespaces.

use std::collections::BTreeSet;

use super::table::{ENTRY_BYTES, ObjectTable, TABLE_BYTES};
use super::wire;
use crate::budget::MemoryBudget;
use crate::text::non_empty;

/// The existing namespaces.
#[derive(Debug)]
pub(super) struct Namespaces {
    names: BTreeSet<Box<str>>,
    budget: MemoryBudget,
}

impl Default for Namespaces {
    fn default() -> Self {
        Self { names: BTreeSet::new(), budget: MemoryBudget::new(TABLE_BYTES) }
    }
}

impl Namespaces {
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }
}

impl ObjectTable for Namespaces {
    type Item<'a> = wire::Named<'a>;

    fn empty(&self) -> Self {
        Self { names: BTreeSet::new(), budget: self.budget.cleared() }
    }

    fn apply(&mut self, item: wire::Named<'_>) -> bool {
        let Some(name) = item.metadata.as_ref().and_then(|names| non_empty(&names.name)) else { return true };
        if self.names.contains(name) {
            return true;
        }
        let fits = self.budget.replace(0, ENTRY_BYTES + name.len());
        if fits {
            self.names.insert(name.into());
        }
        fits
    }

    fn remove(&mut self, item: wire::Named<'_>) {
        if let Some(name) = item.metadata.as_ref().and_then(|names| non_empty(&names.name))
            && self.names.remove(name)
        {
            self.budget.replace(ENTRY_BYTES + name.len(), 0);
        }
    }
}
