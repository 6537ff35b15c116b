//! Helpers shared by the tests.

use std::path::Path;

use insightd_state::{CommitError, Settings, SpaceId, StorageMode, Store};
use insights_batch::state::{Bounds, Changes, Overlay, State};

pub(crate) const NOW: u64 = 1_800_000_000_000;

pub(crate) fn open(directory: &Path) -> Store {
    Store::open(Settings::new(directory))
}

pub(crate) fn id(transform: &str) -> SpaceId {
    SpaceId::new(transform, "node", "n1")
}

/// Returns the changes of a call that sets these keys; `None` deletes a key.
pub(crate) fn changes(store: &mut Store, id: &SpaceId, keys: &[(&str, Option<&str>)]) -> Changes {
    let bounds = Bounds { max_bytes: 1 << 30, max_keys: 1 << 20 };
    let mut overlay = Overlay::new(State { space: store.snapshot(id), bounds });
    for (key, value) in keys {
        match value {
            Some(value) => overlay.set(key, value.as_bytes()).unwrap(),
            None => overlay.delete(key),
        }
    }
    overlay.into_changes()
}

/// Commits a tick with one group of changes.
pub(crate) fn commit(
    store: &mut Store,
    now_ms: u64,
    changes: impl IntoIterator<Item = (SpaceId, Changes)>,
) -> Result<(), CommitError> {
    let mut errors = store.commit_groups(now_ms, [changes]);
    errors.pop().map_or(Ok(()), |(_, error)| Err(error))
}

/// Commits a tick that sets one key.
pub(crate) fn put(store: &mut Store, id: &SpaceId, now_ms: u64, key: &str, value: &str) {
    let changes = changes(store, id, &[(key, Some(value))]);
    commit(store, now_ms, [(id.clone(), changes)]).unwrap();
}

pub(crate) fn get(store: &mut Store, id: &SpaceId, key: &str) -> Option<String> {
    store.snapshot(id).get(key).map(|value| String::from_utf8(value.to_vec()).unwrap())
}

pub(crate) fn reason(store: &Store) -> String {
    match store.stats().mode {
        StorageMode::Memory { reason } => reason,
        StorageMode::Disk => String::new(),
    }
}
