//! Helpers shared by the tests.

use std::path::{Path, PathBuf};

use insightd_spool::{Amount, Block, NewBlock, Order, Settings, Spool, StorageMode};

/// A time at which no block is too old.
pub(crate) const NOW: u64 = 1_800_000_000_000;

pub(crate) fn settings(directory: &Path) -> Settings {
    Settings {
        max_bytes: 1 << 20,
        segment_bytes: 16 << 10,
        memory_bytes: 64 << 10,
        ..Settings::new(directory)
    }
}

pub(crate) fn open(settings: &Settings) -> Spool {
    Spool::open(settings.clone(), NOW)
}

/// Builds block n, distinct from all others, with n + 1 events.
pub(crate) fn block(n: u32, bytes: usize) -> Block {
    let mut random = fastrand::Rng::with_seed(n.into());
    let mut body = format!("body {n} ").into_bytes();
    let start = body.len();
    body.resize(start + bytes, 0);
    random.fill(&mut body[start..]);
    Block { events: n + 1, time_unix_ms: NOW + u64::from(n), key: format!("key {n}").into_bytes(), body }
}

pub(crate) fn new(block: &Block) -> NewBlock<'_> {
    NewBlock { key: &block.key, events: block.events, time_unix_ms: block.time_unix_ms, body: &block.body }
}

pub(crate) fn append(spool: &mut Spool, block: &Block) {
    spool.append(&new(block)).unwrap();
}

/// Delivers the next block.
pub(crate) fn deliver(spool: &mut Spool, order: Order) -> Option<Block> {
    let lease = spool.lease(order, |_| false)?;
    let block = spool.read(&lease).unwrap();
    assert_eq!(
        lease.amount(),
        Amount { blocks: 1, events: block.events.into(), bytes: (block.key.len() + block.body.len()) as u64 }
    );
    assert_eq!(lease.time_unix_ms(), block.time_unix_ms);
    spool.done(lease);
    Some(block)
}

/// Delivers every block that can be read.
pub(crate) fn drain(spool: &mut Spool) -> Vec<Block> {
    let mut blocks = Vec::new();
    while let Some(lease) = spool.lease(Order::Oldest, |_| false) {
        blocks.extend(spool.read(&lease).ok());
        spool.done(lease);
    }
    blocks
}

/// Returns all files below a directory with their lengths, sorted by path.
pub(crate) fn files(directory: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path, metadata.len()));
        }
    }
    found.sort();
    found
}

/// Returns the paths of the segments in the directory.
pub(crate) fn segments(directory: &Path) -> Vec<PathBuf> {
    let top =
        files(directory).into_iter().map(|(path, _)| path).filter(|path| path.parent() == Some(directory));
    top.filter(|path| path.extension().is_some_and(|extension| extension == "blocks")).collect()
}

pub(crate) fn bytes_on_disk(directory: &Path) -> u64 {
    files(directory).iter().map(|(_, bytes)| bytes).sum()
}

pub(crate) fn reason(spool: &Spool) -> String {
    match spool.stats().mode {
        StorageMode::Memory { reason } => reason,
        StorageMode::Disk => String::new(),
    }
}
