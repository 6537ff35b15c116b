//! The spool: appends and leases blocks.

use insightd_files::{DirError, Storage, StorageChange};

use crate::age::Clock;
use crate::block::{Block, BlockId, Candidate, Lease, NewBlock, Order};
use crate::disk::{Disk, record_bytes};
use crate::error::{AppendError, ReadError};
use crate::format::{FILE_HEADER_BYTES, MAX_BODY_BYTES, MAX_KEY_BYTES};
use crate::ledger::Ledger;
use crate::memory::Memory;
use crate::settings::Settings;
use crate::stats::{Amount, Cause, Stats};

/// A queue of blocks that wait for delivery.
#[derive(Debug)]
pub struct Spool {
    settings: Settings,
    disk: Option<Disk>,
    memory: Memory,
    ledger: Ledger,
    /// Storage mode and its changes.
    storage: Storage,
    /// `true` if a directory is configured.
    has_directory: bool,
    /// `true` if the next append may try the disk although it failed before: once after each `maintain`.
    may_retry_disk: bool,
    clock: Clock,
}

impl Spool {
    /// Opens the directory. If that fails, blocks are held in memory until `maintain` can open it.
    pub fn open(settings: Settings, now_ms: u64) -> Self {
        let mut spool = Self::without_disk(settings, now_ms);
        spool.has_directory = true;
        spool.storage = Storage::default();
        spool.open_disk();
        spool
    }

    /// Creates a spool that holds all blocks in memory and never uses a directory.
    pub fn in_memory(settings: Settings, now_ms: u64) -> Self {
        Self::without_disk(settings, now_ms)
    }

    fn without_disk(settings: Settings, now_ms: u64) -> Self {
        Self {
            memory: Memory::new(settings.memory_bytes),
            settings,
            disk: None,
            ledger: Ledger::default(),
            storage: Storage::without_directory(),
            has_directory: false,
            may_retry_disk: false,
            clock: Clock::new(now_ms),
        }
    }

    /// Appends a block to the disk, or to memory if the disk is unusable.
    ///
    /// # Errors
    /// Fails if the block is too large or neither has room. The block is counted as lost.
    pub fn append(&mut self, block: &NewBlock<'_>) -> Result<BlockId, AppendError> {
        if let Err(error) = self.check_size(block) {
            self.lose_new(block, Cause::Oversized);
            return Err(error);
        }
        let id = self.ledger.next_id();
        if let Some(disk) = self.disk.as_mut().filter(|_| self.storage.is_on_disk() || self.may_retry_disk) {
            let result = disk.append(id, block, &mut self.ledger);
            let on_disk = result.is_ok();
            self.update_storage(result.err().as_ref());
            if on_disk {
                return Ok(id);
            }
        }
        if self.memory.push(id, block, &mut self.ledger) {
            return Ok(id);
        }
        self.lose_new(block, Cause::MemoryFull);
        let reason = self.storage.reason().to_owned();
        Err(AppendError::NoRoom { bytes: block.key.len() + block.body.len(), reason })
    }

    /// Leases the next block that is not on lease and for which `skip` returns false.
    pub fn lease(&mut self, order: Order, mut skip: impl FnMut(&Candidate) -> bool) -> Option<Lease> {
        if order == Order::Newest {
            return self.lease_in_memory(order, &mut skip).or_else(|| self.lease_on_disk(order, &mut skip));
        }
        self.lease_on_disk(order, &mut skip).or_else(|| self.lease_in_memory(order, &mut skip))
    }

    /// Reads the block of a lease.
    ///
    /// # Errors
    /// Fails if the block was dropped, is damaged, or its file cannot be opened now: see [`ReadError`].
    pub fn read(&mut self, lease: &Lease) -> Result<Block, ReadError> {
        match lease.segment {
            None => self.memory.find(lease.id).map(|held| held.block.clone()).ok_or(ReadError::Gone),
            Some(segment) => {
                let disk = self.disk.as_mut().ok_or(ReadError::Gone)?;
                disk.read(segment, lease.id, &mut self.ledger)
            }
        }
    }

    /// Ends a lease: the block was delivered.
    pub fn done(&mut self, lease: Lease) {
        if self.finish(&lease).is_none() {
            self.ledger.end_dropped(lease.id, true);
        }
    }

    /// Ends a lease: the block waits again.
    pub fn release(&mut self, lease: Lease) {
        let found = match (lease.segment, &mut self.disk) {
            (None, _) => self.memory.find(lease.id).map(|held| held.leased = false).is_some(),
            (Some(segment), Some(disk)) => disk.release(segment, lease.id),
            (Some(_), None) => false,
        };
        if !found {
            self.ledger.end_dropped(lease.id, false);
        }
    }

    /// Ends a lease: the block is counted as lost for this cause.
    pub fn discard(&mut self, lease: Lease, cause: Cause) {
        match self.finish(&lease) {
            Some(amount) => self.ledger.lose(amount, cause),
            None => self.ledger.end_dropped(lease.id, false),
        }
    }

    /// Retries failed opens, writes and deletions, and drops blocks that are too old. To be called regularly.
    pub fn maintain(&mut self, now_ms: u64) {
        match self.disk.as_mut().map(Disk::check_ownership) {
            Some(Err(error @ DirError::Replaced { .. })) => {
                if let Some(disk) = self.disk.take() {
                    disk.abandon(&mut self.ledger);
                }
                self.update_storage(Some(&error));
            }
            // the new owner delivers the waiting blocks
            Some(Err(error @ DirError::InUse { .. })) => {
                self.disk = None;
                self.update_storage(Some(&error));
            }
            _ => {}
        }
        if self.disk.is_none() && self.has_directory {
            self.open_disk();
        }
        if let Some(disk) = &mut self.disk {
            disk.retry_failed(&mut self.ledger);
        }
        self.move_memory_to_disk();
        if self.clock.is_steady(now_ms) {
            let oldest_ms = now_ms.saturating_sub(self.settings.max_age_ms);
            self.memory.expire(oldest_ms, &mut self.ledger);
            if let Some(disk) = &mut self.disk {
                disk.expire(oldest_ms, &mut self.ledger);
            }
        }
    }

    /// Returns the bound on bytes held in memory.
    pub fn memory_bytes(&self) -> u64 {
        self.settings.memory_bytes
    }

    /// Moves blocks from memory to the disk and closes the directory. Returns the amount that is lost with the process.
    pub fn close(mut self) -> Amount {
        self.save_memory();
        let mut left = Amount::default();
        self.memory.blocks.iter().for_each(|held| left += held.amount());
        left
    }

    /// Returns the statistics of the spool.
    pub fn stats(&self) -> Stats {
        let (mut pending, mut in_memory, mut oldest) = (Amount::default(), Amount::default(), None);
        let mut add = |amount: Amount, time: u64| {
            pending += amount;
            oldest = Some(oldest.map_or(time, |oldest: u64| oldest.min(time)));
        };
        for held in &self.memory.blocks {
            in_memory += held.amount();
            add(held.amount(), held.block.time_unix_ms);
        }
        let segments = self.disk.iter().flat_map(|disk| &disk.segments);
        segments
            .flat_map(|segment| &segment.waiting)
            .for_each(|entry| add(entry.amount(), entry.time_unix_ms));
        Stats {
            pending,
            in_memory,
            oldest_time_unix_ms: oldest,
            disk_bytes: self.disk.as_ref().map_or(0, Disk::bytes),
            lost: self.ledger.lost,
            damage: self.ledger.damage,
            mode: self.storage.mode(),
        }
    }

    fn check_size(&self, block: &NewBlock<'_>) -> Result<(), AppendError> {
        let (key_bytes, body_bytes) = (block.key.len(), block.body.len());
        if key_bytes > MAX_KEY_BYTES || body_bytes > MAX_BODY_BYTES {
            return Err(AppendError::Oversized { key_bytes, body_bytes });
        }
        let (bytes, max_bytes) = (FILE_HEADER_BYTES + record_bytes(block), self.settings.max_bytes);
        if bytes > max_bytes { Err(AppendError::LargerThanSpool { bytes, max_bytes }) } else { Ok(()) }
    }

    fn lose_new(&mut self, block: &NewBlock<'_>, cause: Cause) {
        self.ledger.lose(Amount::block(block.events, block.key.len() + block.body.len()), cause);
    }

    fn open_disk(&mut self) {
        match Disk::open(&self.settings, &mut self.ledger) {
            Ok(disk) => {
                self.disk = Some(disk);
                self.update_storage(None);
            }
            Err(error) => self.update_storage(Some(&error)),
        }
    }

    /// Takes the result of the last use of the directory, and logs a change.
    fn update_storage(&mut self, error: Option<&DirError>) {
        self.may_retry_disk = false;
        match self.storage.update(error) {
            Some(StorageChange::Lost) => {
                let error = self.storage.reason();
                tracing::warn!(%error, "cannot use the spool directory; blocks are kept in memory");
            }
            Some(StorageChange::Restored) => {
                let directory = self.settings.directory.display();
                tracing::info!(%directory, "spool: blocks are kept on disk again");
            }
            None => {}
        }
    }

    fn lease_on_disk(&mut self, order: Order, skip: &mut dyn FnMut(&Candidate) -> bool) -> Option<Lease> {
        let segments = self.disk.iter_mut().flat_map(|disk| &mut disk.segments);
        let mut entries = segments.flat_map(|segment| {
            let number = segment.number;
            segment.waiting.iter_mut().map(move |entry| (number, entry))
        });
        let mut free =
            |(_, entry): &(u64, &mut crate::entry::Entry)| !entry.leased && !skip(&entry.candidate());
        let (segment, entry) = match order {
            Order::Oldest => entries.find(free),
            Order::Newest => entries.rfind(&mut free),
        }?;
        entry.leased = true;
        let (amount, time_unix_ms) = (entry.amount(), entry.time_unix_ms);
        Some(Lease { id: entry.id, key: entry.key, segment: Some(segment), amount, time_unix_ms })
    }

    fn lease_in_memory(&mut self, order: Order, skip: &mut dyn FnMut(&Candidate) -> bool) -> Option<Lease> {
        let mut free = |held: &&mut crate::memory::MemoryBlock| !held.leased && !skip(&held.candidate());
        let held = match order {
            Order::Oldest => self.memory.blocks.iter_mut().find(free),
            Order::Newest => self.memory.blocks.iter_mut().rfind(&mut free),
        }?;
        held.leased = true;
        let (amount, time_unix_ms) = (held.amount(), held.block.time_unix_ms);
        Some(Lease { id: held.id, key: held.key, segment: None, amount, time_unix_ms })
    }

    fn finish(&mut self, lease: &Lease) -> Option<Amount> {
        match (lease.segment, &mut self.disk) {
            (None, _) => self.memory.remove(lease.id).map(|held| held.amount()),
            (Some(segment), Some(disk)) => {
                disk.finish(segment, lease.id, &mut self.ledger).map(|entry| entry.amount())
            }
            (Some(_), None) => None,
        }
    }

    /// Tries the disk a last time. Leased blocks are included, because the end of their leases will not be known.
    fn save_memory(&mut self) {
        self.memory.blocks.iter_mut().for_each(|held| held.leased = false);
        self.move_memory_to_disk();
    }

    /// Moves blocks that are not on lease from memory to the disk.
    fn move_memory_to_disk(&mut self) {
        if self.disk.is_none() {
            return;
        }
        self.may_retry_disk = true;
        while let Some(at) = self.memory.blocks.iter().position(|held| !held.leased) {
            let (held, Some(disk)) = (&self.memory.blocks[at], &mut self.disk) else { return };
            let result = disk.append(held.id, &held.block.as_new(), &mut self.ledger);
            if result.is_ok() {
                self.memory.remove_at(at);
            }
            let failed = result.is_err();
            self.update_storage(result.err().as_ref());
            if failed {
                return;
            }
        }
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.save_memory();
        let events: u64 = self.memory.blocks.iter().map(|held| held.amount().events).sum();
        if events > 0 {
            let reason = self.storage.reason();
            tracing::warn!(events, reason, "spool: events in memory lost");
        }
    }
}
