//! Known series with the time at which they were last present, in 16 values of the state.
//!
//! A value has 9 bytes for each series, in the order of the hashes: the hash, little-endian, and the lowest byte of the number
//! of the epoch in which the series was last present. The highest four bits of the hash select the value. A value is written
//! only if it changed, which in a steady state is once in an epoch.

use core::ops::RangeInclusive;

use insights_sdk::prelude::*;

use super::header::Header;

const PREFIX: &str = "series/";
const SHARDS: u8 = 16;
const ENTRY_BYTES: usize = 9;
/// Epochs after which an absent series is forgotten.
const MAX_AGE: u8 = 4;
/// Ages from here on are epochs that have not begun: the clock went back.
const FUTURE: u8 = 128;

/// The known series.
#[derive(Debug)]
pub(crate) struct Table {
    /// Hash and epoch, sorted by hash.
    entries: Vec<(u64, u8)>,
    epoch: u8,
    /// Shards that differ from the state, one bit each.
    changed: u16,
}

impl Table {
    /// Reads the table; leaves out the series that were absent for too long.
    pub(crate) fn read(header: &Header) -> Self {
        let epoch = (header.now_ms / header.epoch_ms) as u8;
        let mut table = Self { entries: Vec::new(), epoch, changed: 0 };
        for at in 0..SHARDS {
            if header.is_first {
                state::remove(&key(at));
                continue;
            }
            let bytes = state::get_bytes(&key(at)).unwrap_or_default();
            let before = table.entries.len();
            bytes.chunks_exact(ENTRY_BYTES).for_each(|entry| table.load(at, entry, header.is_rescaled));
            if (table.entries.len() - before) * ENTRY_BYTES != bytes.len() || header.is_rescaled {
                table.changed |= bit(at);
            }
        }
        table
    }

    fn load(&mut self, at: u8, entry: &[u8], is_rescaled: bool) {
        let Some((hash, &[epoch])) = entry.split_first_chunk::<8>() else { return };
        let hash = u64::from_le_bytes(*hash);
        let age = self.epoch.wrapping_sub(epoch);
        let is_ordered = shard(hash) == at && self.entries.last().is_none_or(|&(last, _)| last < hash);
        if is_ordered && (is_rescaled || age <= MAX_AGE || age >= FUTURE) {
            self.entries.push((hash, if is_rescaled { self.epoch } else { epoch }));
        }
    }

    /// Marks a series as present in this epoch; returns false if it is not known.
    pub(crate) fn touch(&mut self, hash: u64) -> bool {
        let Ok(at) = self.entries.binary_search_by_key(&hash, |&(known, _)| known) else { return false };
        if self.entries[at].1 != self.epoch {
            self.entries[at].1 = self.epoch;
            self.changed |= bit(shard(hash));
        }
        true
    }

    /// Writes the table with as many of the new series, in their order, as the state accepts; returns their number, and the
    /// reason if it is not all of them.
    pub(crate) fn write(&self, new: &[u64]) -> (usize, Option<String>) {
        let Err(reason) = self.try_write(new) else { return (new.len(), None) };
        let (mut stored, mut refused) = (0, new.len());
        while refused - stored > 1 {
            let middle = stored.midpoint(refused);
            match self.try_write(&new[..middle]) {
                Ok(()) => stored = middle,
                Err(_) => refused = middle,
            }
        }
        // Without new series, each value is as long as the one in the state or shorter, so that it is accepted.
        _ = self.try_write(&new[..stored]);
        (stored, Some(reason))
    }

    /// Writes the table with the new series, or without them if the state does not accept all.
    fn try_write(&self, new: &[u64]) -> Result<(), String> {
        let mut new = new.to_vec();
        new.sort_unstable();
        new.dedup();
        for at in 0..SHARDS {
            let old = part(&self.entries, at, |&(hash, _)| hash);
            let new = part(&new, at, |&hash| hash);
            if new.is_empty() && self.changed & bit(at) == 0 {
                continue;
            }
            if let Err(reason) = put(at, &self.merged(old, new)) {
                self.put_old(0..=at)?;
                return Err(reason);
            }
        }
        Ok(())
    }

    /// Merges two sorted lists. A general sort for this type would make the component 8 KiB larger.
    fn merged(&self, mut old: &[(u64, u8)], new: &[u64]) -> Vec<(u64, u8)> {
        let mut all = Vec::with_capacity(old.len() + new.len());
        for &hash in new {
            let (before, behind) = old.split_at(old.partition_point(|&(known, _)| known < hash));
            all.extend_from_slice(before);
            all.push((hash, self.epoch));
            old = behind;
        }
        all.extend_from_slice(old);
        all
    }

    /// Writes shards without new series.
    fn put_old(&self, mut shards: RangeInclusive<u8>) -> Result<(), String> {
        shards.try_for_each(|at| put(at, part(&self.entries, at, |&(hash, _)| hash)))
    }
}

fn put(at: u8, entries: &[(u64, u8)]) -> Result<(), String> {
    if entries.is_empty() {
        state::remove(&key(at));
        return Ok(());
    }
    let mut bytes = Vec::with_capacity(entries.len() * ENTRY_BYTES);
    for (hash, epoch) in entries {
        bytes.extend_from_slice(&hash.to_le_bytes());
        bytes.push(*epoch);
    }
    state::put_bytes(&key(at), &bytes)
}

/// Returns the part of a sorted list that belongs to a shard.
fn part<T>(sorted: &[T], at: u8, hash: impl Fn(&T) -> u64) -> &[T] {
    let from = sorted.partition_point(|item| shard(hash(item)) < at);
    let to = sorted.partition_point(|item| shard(hash(item)) <= at);
    &sorted[from..to]
}

fn shard(hash: u64) -> u8 {
    (hash >> 60) as u8
}

fn bit(shard: u8) -> u16 {
    1 << shard
}

fn key(shard: u8) -> String {
    [PREFIX, &json::integer_text(u64::from(shard))].concat()
}
