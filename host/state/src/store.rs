//! The store of all spaces, changed one tick at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use insightd_files::{DirError, Storage, StorageChange};
use insights_batch::state::{Changes, Space};

use crate::disk::Disk;
use crate::format::Spaces;
use crate::settings::Settings;
use crate::space::{SpaceId, StoredSpace};
use crate::stats::{SpaceStats, Stats};

/// Reason why a commit was refused. Nothing of it is applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// All spaces together would exceed the bound.
    #[error(
        "the state of all transforms would take {bytes} bytes; the limit is {max_bytes}; \
         the largest is that of `{largest}`: lower `state.max_bytes` of a transform"
    )]
    Full {
        /// Bytes that all spaces would have.
        bytes: u64,
        /// The bound.
        max_bytes: u64,
        /// The largest space.
        largest: SpaceId,
    },
}

/// Time after which an unused space may be dropped to make room, milliseconds. A node that leaves and returns earlier, or a bundle
/// that is rolled back, finds its state.
const UNUSED_MS: u64 = 60 * 60 * 1000;

/// The state of all transforms.
#[derive(Debug)]
pub struct Store {
    /// `None` if no directory is configured.
    settings: Option<Settings>,
    max_bytes: u64,
    spaces: Spaces,
    disk: Option<Disk>,
    /// Storage mode and its changes.
    storage: Storage,
    /// `true` while memory has changes that the file lacks.
    unwritten: bool,
    refused_ticks: u64,
    dropped: u64,
    quarantined: u64,
}

impl Store {
    /// Opens the directory. If that fails, state is held in memory and opening is retried at each commit.
    pub fn open(settings: Settings) -> Self {
        let mut store = Self::in_memory(settings.max_bytes);
        (store.settings, store.storage) = (Some(settings), Storage::default());
        store.open_disk();
        store
    }

    /// Creates a store that holds everything in memory and never uses a directory.
    pub fn in_memory(max_bytes: u64) -> Self {
        Self {
            settings: None,
            max_bytes,
            spaces: Spaces::new(),
            disk: None,
            storage: Storage::without_directory(),
            unwritten: false,
            refused_ticks: 0,
            dropped: 0,
            quarantined: 0,
        }
    }

    /// Returns an immutable snapshot of a space, empty if the space does not exist, and marks the space as used.
    pub fn snapshot(&mut self, id: &SpaceId) -> Arc<Space> {
        match self.spaces.get_mut(id) {
            Some(stored) => {
                stored.is_requested = true;
                Arc::clone(&stored.space)
            }
            None => Arc::default(),
        }
    }

    /// Returns snapshots of all non-empty spaces, without marking them as used.
    pub fn all(&self) -> Vec<(SpaceId, Arc<Space>)> {
        let filled = self.spaces.iter().filter(|(_, stored)| !stored.space.is_empty());
        filled.map(|(id, stored)| (id.clone(), Arc::clone(&stored.space))).collect()
    }

    /// Applies groups of changes of one tick, each accepted or refused as a whole, then writes the state to disk once. A tick without
    /// changes only retries a failed open or write. An unusable directory is not an error: see [`Stats::mode`].
    ///
    /// Returns the error of each group that would exceed the bound of all spaces together, with the index of the group.
    pub fn commit_groups<G: IntoIterator<Item = (SpaceId, Changes)>>(
        &mut self,
        now_ms: u64,
        groups: impl IntoIterator<Item = G>,
    ) -> Vec<(usize, CommitError)> {
        self.open_disk();
        for stored in self.spaces.values_mut().filter(|stored| stored.is_requested) {
            (stored.is_requested, stored.used_ms) = (false, Some(now_ms));
        }
        let mut errors = Vec::new();
        for (number, changes) in groups.into_iter().enumerate() {
            if let Err(error) = self.apply(now_ms, changes) {
                errors.push((number, error));
            }
        }
        self.refused_ticks += u64::from(!errors.is_empty());
        self.write();
        errors
    }

    /// Applies changes in memory.
    fn apply(
        &mut self,
        now_ms: u64,
        changes: impl IntoIterator<Item = (SpaceId, Changes)>,
    ) -> Result<(), CommitError> {
        let mut tick: BTreeMap<SpaceId, Changes> = BTreeMap::new();
        for (id, changes) in changes {
            if !changes.is_empty() {
                tick.entry(id).or_default().merge(changes);
            }
        }
        self.make_room(now_ms, &tick)?;
        self.unwritten |= !tick.is_empty();
        for (id, changes) in tick {
            let stored = self
                .spaces
                .entry(id)
                .or_insert_with(|| StoredSpace { since_ms: now_ms, ..StoredSpace::default() });
            Arc::make_mut(&mut stored.space).apply(&changes);
            (stored.written_ms, stored.used_ms) = (now_ms, Some(now_ms));
        }
        Ok(())
    }

    /// Returns true if this store holds the lock of its directory.
    pub fn holds_directory(&self) -> bool {
        self.disk.is_some()
    }

    /// Clears the spaces for which `is_wanted` returns true, then writes the state once. Returns the number of cleared spaces that
    /// were not empty.
    pub fn clear(&mut self, now_ms: u64, is_wanted: impl Fn(&SpaceId) -> bool) -> usize {
        self.open_disk();
        let mut cleared = 0;
        for (_, stored) in self.spaces.iter_mut().filter(|(id, _)| is_wanted(id)) {
            cleared += usize::from(!stored.space.is_empty());
            // The empty space carries the current time, so that it wins over an older one in a directory that cannot be opened now.
            stored.space = Arc::default();
            (stored.since_ms, stored.written_ms) = (now_ms, now_ms);
            self.unwritten = true;
        }
        self.write();
        cleared
    }

    /// Returns the statistics of the store.
    pub fn stats(&self) -> Stats {
        let filled = self.spaces.iter().filter(|(_, stored)| !stored.space.is_empty());
        let spaces = filled.map(|(id, stored)| SpaceStats {
            id: id.clone(),
            bytes: stored.space.bytes(),
            keys: stored.space.len(),
            since_ms: stored.since_ms,
            written_ms: stored.written_ms,
        });
        Stats {
            spaces: spaces.collect(),
            bytes: self.bytes(),
            max_bytes: self.max_bytes,
            refused_ticks: self.refused_ticks,
            dropped: self.dropped,
            quarantined: self.quarantined,
            mode: self.storage.mode(),
        }
    }

    fn bytes(&self) -> u64 {
        self.spaces.iter().map(|(id, stored)| bytes(id, stored)).sum()
    }

    /// Makes sure that the changes fit, and drops unused spaces if necessary: those not used for an hour, and those not used since
    /// the store was opened.
    fn make_room(&mut self, now_ms: u64, tick: &BTreeMap<SpaceId, Changes>) -> Result<(), CommitError> {
        let before = self.bytes();
        let mut after = before;
        let mut sizes = BTreeMap::new();
        for (id, changes) in tick {
            let empty = StoredSpace::default();
            let stored = self.spaces.get(id).unwrap_or(&empty);
            let new = id.bytes() + stored.space.bytes_with(changes);
            after = after - bytes(id, stored) + new;
            sizes.insert(id, new);
        }
        if after <= self.max_bytes || after <= before {
            return Ok(());
        }
        let is_unused = |stored: &StoredSpace| {
            stored.used_ms.is_none_or(|used_ms| now_ms.saturating_sub(used_ms) >= UNUSED_MS)
        };
        let mut unused: Vec<_> = self
            .spaces
            .iter()
            .filter(|(id, stored)| is_unused(stored) && !stored.is_requested && !tick.contains_key(id))
            .collect();
        unused.sort_by_key(|(_, stored)| stored.written_ms);
        let mut dropped = Vec::new();
        for (id, stored) in unused {
            if after <= self.max_bytes {
                break;
            }
            after -= bytes(id, stored);
            dropped.push(id.clone());
        }
        if after > self.max_bytes {
            let stored = self.spaces.iter().filter(|(id, _)| !tick.contains_key(id));
            let all = stored.map(|(id, stored)| (id, bytes(id, stored))).chain(sizes);
            let largest = all.max_by_key(|(_, bytes)| *bytes).map(|(id, _)| id.clone());
            let largest = largest.unwrap_or_else(|| SpaceId::new("", "", ""));
            return Err(CommitError::Full { bytes: after, max_bytes: self.max_bytes, largest });
        }
        for id in dropped {
            tracing::warn!(space = %id, "state: unused space dropped to make room");
            self.spaces.remove(&id);
            self.dropped += 1;
        }
        Ok(())
    }

    /// Opens the directory unless it is open, and merges its spaces: the version written later wins.
    fn open_disk(&mut self) {
        let Some(settings) = self.settings.as_ref().filter(|_| self.disk.is_none()) else { return };
        match Disk::open(settings) {
            Ok((disk, found)) => {
                self.quarantined += found.quarantined;
                self.unwritten |= !self.spaces.is_empty();
                for (id, stored) in found.spaces {
                    let ours = self.spaces.entry(id).or_insert_with(|| stored.clone());
                    if stored.written_ms > ours.written_ms {
                        let (used_ms, is_requested) = (ours.used_ms, ours.is_requested);
                        *ours = StoredSpace { used_ms, is_requested, ..stored };
                    }
                }
                self.disk = Some(disk);
                self.update_storage(None);
            }
            Err(error) => self.update_storage(Some(&error)),
        }
    }

    fn write(&mut self) {
        let Some(disk) = self.disk.as_mut().filter(|_| self.unwritten) else { return };
        let result = disk.write(&self.spaces);
        match &result {
            Ok(()) => self.unwritten = false,
            // The directory or its lock belongs to someone else; the next commit opens the path again.
            Err(DirError::Replaced { .. } | DirError::InUse { .. }) => self.disk = None,
            Err(_) => {}
        }
        self.update_storage(result.err().as_ref());
    }

    /// Takes the result of the last use of the directory, and logs a change.
    fn update_storage(&mut self, error: Option<&DirError>) {
        match self.storage.update(error) {
            Some(StorageChange::Lost) => {
                let error = self.storage.reason();
                tracing::warn!(%error, "cannot use the state directory; state is kept in memory only");
            }
            Some(StorageChange::Restored) => tracing::info!("state is kept on disk again"),
            None => {}
        }
    }
}

/// Returns the bytes that a space counts toward the bound: id, keys and values; 0 if it is empty.
fn bytes(id: &SpaceId, stored: &StoredSpace) -> u64 {
    if stored.space.is_empty() { 0 } else { id.bytes() + stored.space.bytes() }
}
