//! Tables of objects of which some fields are kept, by `NAMESPACE/NAME`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::table::{ENTRY_BYTES, ObjectTable, TABLE_BYTES};
use crate::budget::MemoryBudget;
use crate::text::{Text, non_empty};

/// The fields of an object that are kept.
pub(super) trait Record: Sized + Send + 'static {
    /// The type that an object is deserialized into.
    type Item<'a>: Deserialize<'a>;

    /// Returns the names of an object.
    fn names<'i>(item: &'i Self::Item<'_>) -> Option<Names<'i>>;
    /// Copies the fields of an object.
    fn read(item: &Self::Item<'_>) -> Self;
    /// Returns the length of all texts in bytes.
    fn text_bytes(&self) -> usize;
}

/// Namespace and name of an object; neither is empty.
pub(super) struct Names<'i> {
    namespace: &'i str,
    name: &'i str,
}

impl<'i> Names<'i> {
    /// Returns `None` if one of the texts is absent or empty.
    pub(super) fn new(namespace: &'i Option<Text<'_>>, name: &'i Option<Text<'_>>) -> Option<Self> {
        Some(Self { namespace: non_empty(namespace)?, name: non_empty(name)? })
    }

    fn id(&self) -> Box<str> {
        format!("{}/{}", self.namespace, self.name).into()
    }
}

/// The objects of one kind.
#[derive(Debug)]
pub(super) struct Records<R> {
    records: BTreeMap<Box<str>, R>,
    budget: MemoryBudget,
}

impl<R> Default for Records<R> {
    fn default() -> Self {
        Self { records: BTreeMap::new(), budget: MemoryBudget::new(TABLE_BYTES) }
    }
}

impl<R: Record> Records<R> {
    /// Returns namespace, name and fields of each object, sorted.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str, &R)> {
        self.records.iter().filter_map(|(id, record)| {
            let (namespace, name) = id.split_once('/')?;
            Some((namespace, name, record))
        })
    }

    /// Removes an object. Returns the memory that it took, in bytes, which is still counted.
    fn take(&mut self, id: &str) -> usize {
        self.records.remove(id).map_or(0, |record| bytes(id, &record))
    }
}

/// Returns the approximate memory of an object in bytes.
fn bytes<R: Record>(id: &str, record: &R) -> usize {
    ENTRY_BYTES + size_of::<R>() + id.len() + record.text_bytes()
}

impl<R: Record> ObjectTable for Records<R> {
    type Item<'a> = R::Item<'a>;

    fn empty(&self) -> Self {
        Self { records: BTreeMap::new(), budget: self.budget.cleared() }
    }

    fn apply(&mut self, item: R::Item<'_>) -> bool {
        let Some(id) = R::names(&item).map(|names| names.id()) else { return true };
        let record = R::read(&item);
        let before = self.take(&id);
        let fits = self.budget.replace(before, bytes(&id, &record));
        if fits {
            self.records.insert(id, record);
        }
        fits
    }

    fn remove(&mut self, item: R::Item<'_>) {
        if let Some(id) = R::names(&item).map(|names| names.id()) {
            let before = self.take(&id);
            self.budget.replace(before, 0);
        }
    }
}
