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

/// The state of all transforms.
#[derive(Debug)]
pub struct Store {
    /// `None` if no directory is configured.
    settings: Option<Settings>,
    max_bytes: u64,
    spaces: Spaces,
    disk: Option<Disk>,
    /// Place of the state.
    storage: Storage,
    /// `true` while memory has changes that the file lacks.
    unwritten: bool,
    /// `true` if the spaces in a directory opened later must be discarded.
    cleared: bool,
    commits: u64,
    refused: u64,
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
            cleared: false,
            commits: 0,
            refused: 0,
            dropped: 0,
            quarantined: 0,
        }
    }

    /// Returns an immutable snapshot of a space, empty if the space does not exist, and marks the space as used.
    pub fn snapshot(&mut self, id: &SpaceId) -> Arc<Space> {
        match self.spaces.get_mut(id) {
            Some(stored) => {
                stored.used = true;
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

    /// Applies the changes of one tick to all its spaces, then writes the state to disk. Empty changes only retry a failed open or
    /// write.
    ///
    /// # Errors
    /// Fails if all spaces together would exceed their bound. An unusable directory is not an error: see [`Stats::mode`].
    pub fn commit(
        &mut self,
        now_ms: u64,
        changes: impl IntoIterator<Item = (SpaceId, Changes)>,
    ) -> Result<(), CommitError> {
        self.open_disk();
        self.apply(now_ms, changes)?;
        self.write();
        Ok(())
    }

    /// Applies groups of changes of one tick, each accepted or refused on its own, then writes the state once; otherwise like
    /// [`Store::commit`]. Returns each error with the index of its group.
    pub fn commit_groups<G: IntoIterator<Item = (SpaceId, Changes)>>(
        &mut self,
        now_ms: u64,
        groups: impl IntoIterator<Item = G>,
    ) -> Vec<(usize, CommitError)> {
        self.open_disk();
        let mut errors = Vec::new();
        for (number, changes) in groups.into_iter().enumerate() {
            if let Err(error) = self.apply(now_ms, changes) {
                errors.push((number, error));
            }
        }
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
        if let Err(error) = self.make_room(&tick) {
            self.refused += 1;
            return Err(error);
        }
        self.unwritten |= !tick.is_empty();
        self.commits += u64::from(!tick.is_empty());
        for (id, changes) in tick {
            let stored = self
                .spaces
                .entry(id)
                .or_insert_with(|| StoredSpace { since_ms: now_ms, ..StoredSpace::default() });
            Arc::make_mut(&mut stored.space).apply(&changes);
            (stored.written_ms, stored.used) = (now_ms, true);
        }
        Ok(())
    }

    /// Clears one space, or all of them if `which` is `None`. Returns true if any key was removed.
    pub fn clear(&mut self, now_ms: u64, which: Option<&SpaceId>) -> bool {
        self.open_disk();
        let mut found = false;
        for (id, stored) in &mut self.spaces {
            if which.is_none_or(|which| which == id) {
                found |= !stored.space.is_empty();
                // The empty space carries the current time, so that it wins over an older one in a directory that cannot be opened now.
                *stored = StoredSpace {
                    since_ms: now_ms,
                    written_ms: now_ms,
                    used: stored.used,
                    ..StoredSpace::default()
                };
            }
        }
        if let Some(which) = which.filter(|which| self.disk.is_none() && !self.spaces.contains_key(which)) {
            let empty = StoredSpace { since_ms: now_ms, written_ms: now_ms, ..StoredSpace::default() };
            self.spaces.insert(which.clone(), empty);
        }
        self.cleared |= which.is_none() && self.disk.is_none();
        self.unwritten = true;
        self.write();
        found
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
            commits: self.commits,
            refused: self.refused,
            dropped: self.dropped,
            quarantined: self.quarantined,
            quarantine_bytes: self.disk.as_ref().map_or(0, Disk::quarantine_bytes),
            mode: self.storage.mode(),
        }
    }

    fn bytes(&self) -> u64 {
        self.spaces.iter().map(|(id, stored)| bytes(id, stored)).sum()
    }

    /// Makes sure that the changes fit, and drops unused spaces if necessary.
    fn make_room(&mut self, tick: &BTreeMap<SpaceId, Changes>) -> Result<(), CommitError> {
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
        let mut unused: Vec<_> =
            self.spaces.iter().filter(|(id, stored)| !stored.used && !tick.contains_key(id)).collect();
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
                self.unwritten |= !self.spaces.is_empty() || self.cleared;
                if !std::mem::take(&mut self.cleared) {
                    for (id, stored) in found.spaces {
                        let ours = self.spaces.entry(id).or_insert_with(|| stored.clone());
                        if stored.written_ms > ours.written_ms {
                            *ours = StoredSpace { used: ours.used, ..stored };
                        }
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
