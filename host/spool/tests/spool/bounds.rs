use insightd_spool::{AppendError, Cause, NewBlock, Order, ReadError};
use tempfile::tempdir;

use crate::common::{NOW, append, block, bytes_on_disk, drain, new, open, settings};

const STEP_MS: u64 = 5 * 60_000;

#[test]
fn a_full_spool_drops_its_oldest_blocks_and_counts_them() {
    let directory = tempdir().unwrap();
    let mut settings = settings(directory.path());
    settings.max_bytes = 100_000;
    let mut spool = open(&settings);
    for n in 0..200 {
        append(&mut spool, &block(n, 2000));
        assert!(bytes_on_disk(directory.path()) <= settings.max_bytes);
        assert_eq!(spool.stats().disk_bytes, bytes_on_disk(directory.path()));
    }
    let (lost, pending) = (spool.stats().lost.by(Cause::DiskFull), spool.stats().pending);
    assert!(pending.bytes > 70_000, "no more than a segment too much: {pending:?}");
    assert_eq!(lost.blocks + pending.blocks, 200);
    assert_eq!(lost.events + pending.events, (1..=200).sum::<u64>());
    assert!(lost.bytes > 2000 * lost.blocks);
    let first = u32::try_from(lost.blocks).unwrap();
    assert_eq!(drain(&mut spool), (first..200).map(|n| block(n, 2000)).collect::<Vec<_>>());
}

#[test]
fn a_lowered_bound_is_enforced_at_open() {
    let directory = tempdir().unwrap();
    let mut settings = settings(directory.path());
    let mut spool = open(&settings);
    (0..50).for_each(|n| append(&mut spool, &block(n, 2000)));
    drop(spool);
    settings.max_bytes = 40_000;
    let spool = open(&settings);
    assert!(bytes_on_disk(directory.path()) <= 40_000);
    assert!(spool.stats().pending.blocks > 0);
    assert_eq!(spool.stats().lost.by(Cause::DiskFull).blocks + spool.stats().pending.blocks, 50);
}

#[test]
fn a_block_dropped_while_leased_is_lost_only_if_its_delivery_fails() {
    let directory = tempdir().unwrap();
    let mut settings = settings(directory.path());
    settings.max_bytes = 50_000;
    let mut spool = open(&settings);
    append(&mut spool, &block(0, 1000));
    append(&mut spool, &block(1, 1000));
    append(&mut spool, &block(2, 1000));
    let leases: Vec<_> = (0..3).map(|_| spool.lease(Order::Oldest, |_| false).unwrap()).collect();
    assert_eq!(spool.read(&leases[0]).unwrap(), block(0, 1000));
    (3..60).for_each(|n| append(&mut spool, &block(n, 1000)));
    let before = spool.stats();
    assert!(before.lost.by(Cause::DiskFull).blocks > 0);
    assert!(matches!(spool.read(&leases[0]), Err(ReadError::Gone)));
    let [delivered, failed, rejected] = leases.try_into().unwrap();
    spool.done(delivered);
    assert_eq!(spool.stats(), before);
    spool.release(failed);
    assert_eq!(spool.stats().lost.by(Cause::DiskFull).events, before.lost.by(Cause::DiskFull).events + 2);
    spool.discard(rejected, Cause::Rejected);
    assert_eq!(spool.stats().lost.total().events, before.lost.total().events + 5);
}

#[test]
fn a_block_larger_than_the_spool_is_refused() {
    let directory = tempdir().unwrap();
    let mut settings = settings(directory.path());
    settings.max_bytes = 10_000;
    let mut spool = open(&settings);
    append(&mut spool, &block(0, 5_000));
    let error = spool.append(&new(&block(1, 10_000))).unwrap_err();
    assert!(matches!(error, AppendError::LargerThanSpool { .. }), "{error}");
    assert_eq!(spool.stats().lost.by(Cause::Oversized).events, 2);
    assert_eq!(drain(&mut spool), [block(0, 5_000)], "nothing was dropped for it");
}

#[test]
fn blocks_older_than_the_maximum_age_are_dropped() {
    let directory = tempdir().unwrap();
    let mut settings = settings(directory.path());
    settings.max_age_ms = 3_600_000;
    let mut spool = open(&settings);
    let aged = |n: u32, age_ms: u64| NewBlock {
        time_unix_ms: NOW - age_ms,
        ..new(Box::leak(Box::new(block(n, 10))))
    };
    spool.append(&aged(0, 3_600_001)).unwrap();
    spool.append(&aged(1, 0)).unwrap();
    spool.append(&aged(2, 7_200_000)).unwrap();
    let on_lease = spool.lease(Order::Newest, |_| false).unwrap();
    spool.maintain(NOW);
    spool.maintain(NOW + STEP_MS);
    assert_eq!(spool.stats().lost.total().blocks, 0, "the clock is new");
    spool.maintain(NOW + 2 * STEP_MS);
    assert_eq!((spool.stats().lost.by(Cause::Age).events, spool.stats().lost.total().blocks), (1, 1));
    spool.release(on_lease);
    spool.maintain(NOW + 2 * STEP_MS);
    assert_eq!(spool.stats().lost.by(Cause::Age).events, 1 + 3);
    drop(spool);
    let mut spool = open(&settings);
    assert_eq!(spool.stats().pending.events, 2, "what was too old does not come back");
    for step in 0..20 {
        spool.maintain(NOW + step * STEP_MS);
    }
    assert_eq!((spool.stats().pending.blocks, spool.stats().lost.by(Cause::Age).events), (0, 2));
    assert_eq!(bytes_on_disk(directory.path()), 0);
}

#[test]
fn a_temporarily_wrong_clock_loses_no_blocks() {
    let directory = tempdir().unwrap();
    let mut settings = settings(directory.path());
    settings.max_age_ms = 3_600_000;
    let mut spool = open(&settings);
    append(&mut spool, &block(0, 10));
    let year_ms = 365 * 24 * 3_600_000;
    for step in 0..5 {
        spool.maintain(NOW + step * STEP_MS / 2);
    }
    spool.maintain(NOW + year_ms);
    spool.maintain(NOW + year_ms + STEP_MS);
    spool.maintain(NOW - year_ms);
    spool.maintain(0);
    for step in 0..5 {
        spool.maintain(NOW + step * STEP_MS);
    }
    drop(spool);
    // at boot, before the clock is set
    let mut spool = insightd_spool::Spool::open(settings, NOW + year_ms);
    spool.maintain(NOW + year_ms);
    assert_eq!(drain(&mut spool), [block(0, 10)]);
}

#[test]
fn memory_is_bounded() {
    let directory = tempdir().unwrap();
    let mut settings = settings(&directory.path().join("missing/directory"));
    settings.memory_bytes = 10_000;
    let mut spool = open(&settings);
    for n in 0..20 {
        append(&mut spool, &block(n, 1000));
        assert!(spool.stats().in_memory.bytes <= 10_000);
    }
    let lost = spool.stats().lost.by(Cause::MemoryFull);
    assert_eq!((lost.blocks, spool.stats().in_memory.blocks), (11, 9));
    assert_eq!(spool.stats().pending, spool.stats().in_memory);
    // leased blocks are not dropped to make room
    let leases: Vec<_> = std::iter::from_fn(|| spool.lease(Order::Oldest, |_| false)).collect();
    let error = spool.append(&new(&block(20, 2000))).unwrap_err();
    assert!(error.to_string().contains("missing/directory"), "{error}");
    assert_eq!(spool.stats().lost.by(Cause::MemoryFull).events, lost.events + 21);
    leases.into_iter().for_each(|lease| spool.release(lease));
    append(&mut spool, &block(21, 2000));
    let left: Vec<_> = drain(&mut spool).iter().map(|block| block.events - 1).collect();
    assert_eq!(left, [13, 14, 15, 16, 17, 18, 19, 21]);
    // too large even for an empty memory: no block is dropped for it
    append(&mut spool, &block(0, 10));
    spool.append(&new(&block(1, 10_001))).unwrap_err();
    assert_eq!(spool.stats().pending.blocks, 1);
    // blocks in memory expire as well
    (0..20).for_each(|step| spool.maintain(NOW + settings.max_age_ms + step * STEP_MS));
    assert_eq!(spool.stats().lost.by(Cause::Age).blocks, 1);
}
