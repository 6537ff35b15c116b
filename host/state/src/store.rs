//! All spaces: asked for, changed a tick at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use insightd_folder::Trouble;
use insights_sdk::state::{Changes, Space};

use crate::disk::Disk;
use crate::format::Spaces;
use crate::settings::Settings;
use crate::space::{Kept, SpaceId};
use crate::stats::{Mode, SpaceStats, Stats};

/// Why a commit was not taken. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// All spaces together would be too large.
    #[error(
        "the state of all transforms would have {bytes} bytes, it may have {max_bytes}; the largest is that of `{largest}`: \
         raise the bound of all, or lower `state.max_bytes` of a transform"
    )]
    Full {
        /// Bytes that it would have.
        bytes: u64,
        /// The bound.
        max_bytes: u64,
        /// The largest space.
        largest: SpaceId,
    },
}

/// What all transforms remember.
#[derive(Debug)]
pub struct Store {
    /// None where there is no folder at all.
    settings: Option<Settings>,
    max_bytes: u64,
    spaces: Spaces,
    disk: Option<Disk>,
    /// Why it is in memory alone.
    trouble: Option<String>,
    /// The file does not have everything.
    unwritten: bool,
    /// What a folder has that can be opened later is to be forgotten.
    cleared: bool,
    commits: u64,
    refused: u64,
    dropped: u64,
    set_aside: u64,
}

impl Store {
    /// Opens the folder, or holds everything in memory until it can be opened.
    pub fn open(settings: Settings) -> Self {
        let mut store = Self::in_memory(settings.max_bytes);
        (store.settings, store.trouble) = (Some(settings), None);
        store.open_disk();
        store
    }

    /// Holds everything in memory, and looks at no folder ever.
    pub fn in_memory(max_bytes: u64) -> Self {
        Self {
            settings: None,
            max_bytes,
            spaces: Spaces::new(),
            disk: None,
            trouble: Some("no folder is configured".to_owned()),
            unwritten: false,
            cleared: false,
            commits: 0,
            refused: 0,
            dropped: 0,
            set_aside: 0,
        }
    }

    /// What is remembered in a space at this moment; empty for one that is not there. Later commits do not change it.
    pub fn snapshot(&mut self, id: &SpaceId) -> Arc<Space> {
        match self.spaces.get_mut(id) {
            Some(kept) => {
                kept.used = true;
                Arc::clone(&kept.space)
            }
            None => Arc::default(),
        }
    }

    /// What is remembered in all spaces. Nobody counts as asking for any of them.
    pub fn all(&self) -> Vec<(SpaceId, Arc<Space>)> {
        let filled = self.spaces.iter().filter(|(_, kept)| !kept.space.is_empty());
        filled.map(|(id, kept)| (id.clone(), Arc::clone(&kept.space))).collect()
    }

    /// Takes the changes of one tick in all its spaces. Without changes it does nothing, except that it tries again what could
    /// not be written.
    ///
    /// # Errors
    /// The bound of all spaces. That the folder cannot be used is none: [`Stats::mode`] says it.
    pub fn commit(
        &mut self,
        now_ms: u64,
        changes: impl IntoIterator<Item = (SpaceId, Changes)>,
    ) -> Result<(), CommitError> {
        self.open_disk();
        self.take(now_ms, changes)?;
        self.write();
        Ok(())
    }

    /// As [`Store::commit`], for changes of one tick in groups of which each is taken or not by itself. Returns the errors, by
    /// the number of the group.
    pub fn commit_groups<G: IntoIterator<Item = (SpaceId, Changes)>>(
        &mut self,
        now_ms: u64,
        groups: impl IntoIterator<Item = G>,
    ) -> Vec<(usize, CommitError)> {
        self.open_disk();
        let mut errors = Vec::new();
        for (number, changes) in groups.into_iter().enumerate() {
            if let Err(error) = self.take(now_ms, changes) {
                errors.push((number, error));
            }
        }
        self.write();
        errors
    }

    /// Takes changes into memory.
    fn take(
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
            let kept = self.spaces.entry(id).or_insert_with(|| Kept { since_ms: now_ms, ..Kept::default() });
            Arc::make_mut(&mut kept.space).apply(&changes);
            (kept.written_ms, kept.used) = (now_ms, true);
        }
        Ok(())
    }

    /// Forgets a space, or all of them. Whether there was anything.
    pub fn clear(&mut self, now_ms: u64, which: Option<&SpaceId>) -> bool {
        self.open_disk();
        let mut found = false;
        for (id, kept) in &mut self.spaces {
            if which.is_none_or(|which| which == id) {
                found |= !kept.space.is_empty();
                // Empty, and younger than what a folder has that cannot be opened now.
                *kept = Kept { since_ms: now_ms, written_ms: now_ms, used: kept.used, ..Kept::default() };
            }
        }
        if let Some(which) = which.filter(|which| self.disk.is_none() && !self.spaces.contains_key(which)) {
            let empty = Kept { since_ms: now_ms, written_ms: now_ms, ..Kept::default() };
            self.spaces.insert(which.clone(), empty);
        }
        self.cleared |= which.is_none() && self.disk.is_none();
        self.unwritten = true;
        self.write();
        found
    }

    /// What it holds.
    pub fn stats(&self) -> Stats {
        let filled = self.spaces.iter().filter(|(_, kept)| !kept.space.is_empty());
        let spaces = filled.map(|(id, kept)| SpaceStats {
            id: id.clone(),
            bytes: kept.space.bytes(),
            keys: kept.space.len(),
            since_ms: kept.since_ms,
            written_ms: kept.written_ms,
        });
        Stats {
            spaces: spaces.collect(),
            bytes: self.bytes(),
            max_bytes: self.max_bytes,
            commits: self.commits,
            refused: self.refused,
            dropped: self.dropped,
            set_aside: self.set_aside,
            aside_bytes: self.disk.as_ref().map_or(0, Disk::aside_bytes),
            mode: self.trouble.clone().map_or(Mode::Disk, |reason| Mode::Memory { reason }),
        }
    }

    fn bytes(&self) -> u64 {
        self.spaces.iter().map(|(id, kept)| bytes(id, kept)).sum()
    }

    /// Makes sure that the changes fit: without spaces that nobody asks for any more, if need be.
    fn make_room(&mut self, tick: &BTreeMap<SpaceId, Changes>) -> Result<(), CommitError> {
        let before = self.bytes();
        let mut after = before;
        let mut sizes = BTreeMap::new();
        for (id, changes) in tick {
            let empty = Kept::default();
            let kept = self.spaces.get(id).unwrap_or(&empty);
            let new = id.bytes() + kept.space.bytes_with(changes);
            after = after - bytes(id, kept) + new;
            sizes.insert(id, new);
        }
        if after <= self.max_bytes || after <= before {
            return Ok(());
        }
        let mut unused: Vec<_> =
            self.spaces.iter().filter(|(id, kept)| !kept.used && !tick.contains_key(id)).collect();
        unused.sort_by_key(|(_, kept)| kept.written_ms);
        let mut victims = Vec::new();
        for (id, kept) in unused {
            if after <= self.max_bytes {
                break;
            }
            after -= bytes(id, kept);
            victims.push(id.clone());
        }
        if after > self.max_bytes {
            let kept = self.spaces.iter().filter(|(id, _)| !tick.contains_key(id));
            let all = kept.map(|(id, kept)| (id, bytes(id, kept))).chain(sizes);
            let largest = all.max_by_key(|(_, bytes)| *bytes).map(|(id, _)| id.clone());
            let largest = largest.unwrap_or_else(|| SpaceId::new("", "", ""));
            return Err(CommitError::Full { bytes: after, max_bytes: self.max_bytes, largest });
        }
        for id in victims {
            tracing::warn!(space = %id, "state: dropped to make room: nobody has asked for it since the start");
            self.spaces.remove(&id);
            self.dropped += 1;
        }
        Ok(())
    }

    /// Opens the folder if it is not open, and takes what is in it and younger.
    fn open_disk(&mut self) {
        let Some(settings) = self.settings.as_ref().filter(|_| self.disk.is_none()) else { return };
        match Disk::open(settings) {
            Ok((disk, found)) => {
                self.set_aside += found.set_aside;
                self.unwritten |= !self.spaces.is_empty() || self.cleared;
                if !std::mem::take(&mut self.cleared) {
                    for (id, kept) in found.spaces {
                        let ours = self.spaces.entry(id).or_insert_with(|| kept.clone());
                        if kept.written_ms > ours.written_ms {
                            *ours = Kept { used: ours.used, ..kept };
                        }
                    }
                }
                self.disk = Some(disk);
                self.set_trouble(None);
            }
            Err(trouble) => self.set_trouble(Some(&trouble)),
        }
    }

    fn write(&mut self) {
        let Some(disk) = self.disk.as_mut().filter(|_| self.unwritten) else { return };
        let result = disk.write(&self.spaces);
        match &result {
            Ok(()) => self.unwritten = false,
            // It is not ours any more; another one may be there by the next commit.
            Err(Trouble::Replaced { .. } | Trouble::InUse { .. }) => self.disk = None,
            Err(_) => {}
        }
        self.set_trouble(result.err().as_ref());
    }

    /// Says it when the mode changes, not while it stays.
    fn set_trouble(&mut self, trouble: Option<&Trouble>) {
        match (&self.trouble, trouble) {
            (None, Some(trouble)) => tracing::warn!(%trouble, "state: it is held in memory alone"),
            (Some(_), None) => tracing::info!("state: it is kept on disk again"),
            _ => {}
        }
        self.trouble = trouble.map(Trouble::to_string);
    }
}

/// What a space counts.
fn bytes(id: &SpaceId, kept: &Kept) -> u64 {
    if kept.space.is_empty() { 0 } else { id.bytes() + kept.space.bytes() }
}
