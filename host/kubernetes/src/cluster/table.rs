//! The known objects of one kind, replaced as a whole by every list.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard};

use serde::Deserialize;

use crate::client::lock;
use crate::client::reflect::Handler;

/// The stored objects of one kind.
pub(super) trait ObjectTable: Send + 'static {
    /// The type that an object is deserialized into.
    type Item<'a>: Deserialize<'a>;

    /// Returns a table with the same settings and without objects.
    fn empty(&self) -> Self;
    /// Adds or replaces an object. Returns false if there is no room for it.
    fn apply(&mut self, item: Self::Item<'_>) -> bool;
    /// Removes an object.
    fn remove(&mut self, item: Self::Item<'_>);
}

/// The known objects of one kind. One task writes them, through a [`Feed`].
#[derive(Debug)]
pub(super) struct SharedTable<K> {
    known: Mutex<Option<K>>,
}

impl<K> SharedTable<K> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { known: Mutex::new(None) })
    }

    /// Locks the table; it contains `None` until the first list is complete.
    pub(super) fn read(&self) -> MutexGuard<'_, Option<K>> {
        lock(&self.known)
    }
}

/// The writer of a table. A list is built separately, so that readers never see a partial one.
pub(super) struct Feed<K> {
    table: Arc<SharedTable<K>>,
    building: K,
    left_out: u64,
}

impl<K: ObjectTable> Feed<K> {
    /// Creates a feed; `empty` is a table without objects.
    pub(super) fn new(table: Arc<SharedTable<K>>, empty: K) -> Self {
        Self { table, building: empty, left_out: 0 }
    }

    fn known(&self, change: impl FnOnce(&mut K)) {
        if let Some(known) = self.table.read().as_mut() {
            change(known);
        }
    }
}

impl<K: ObjectTable> Handler for Feed<K> {
    type Item<'a> = K::Item<'a>;

    fn on_restart(&mut self) {
        self.building = self.building.empty();
    }

    fn on_listed(&mut self, item: Self::Item<'_>) {
        self.left_out += u64::from(!self.building.apply(item));
    }

    fn on_list_end(&mut self) {
        let empty = self.building.empty();
        let listed = std::mem::replace(&mut self.building, empty);
        let before = self.table.read().replace(listed);
        // Freed after the lock is released, so that no reader waits for it.
        drop(before);
    }

    fn on_applied(&mut self, item: Self::Item<'_>) {
        let mut is_kept = true;
        self.known(|known| is_kept = known.apply(item));
        self.left_out += u64::from(!is_kept);
    }

    fn on_deleted(&mut self, item: Self::Item<'_>) {
        self.known(|known| known.remove(item));
    }

    fn left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }
}

/// Largest memory of one table in bytes. The largest known clusters, with 150,000 pods and as many nodes, use half of it.
pub(super) const TABLE_BYTES: usize = 16 << 20;

/// Approximate bytes of an entry of a table of names in addition to its texts.
pub(super) const ENTRY_BYTES: usize = 64;

/// Replaces a uid or a name that is only compared: 64 bits of a keyed hash, in halves so that an entry of a table is not
/// padded to a multiple of eight bytes. Among 150,000 objects, two collide in one of a billion clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key([u32; 2]);

impl Key {
    pub(super) fn new(hasher: &RandomState, parts: &[&str]) -> Self {
        let hash = hasher.hash_one(parts);
        Self([hash as u32, (hash >> 32) as u32])
    }
}
