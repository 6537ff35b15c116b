use std::os::unix::fs::PermissionsExt;

use insightd_spool::{
    AppendError, Block, Cause, MAX_BODY_BYTES, MAX_KEY_BYTES, NewBlock, Order, StorageMode, Sync,
};
use tempfile::tempdir;

use crate::common::{append, block, bytes_on_disk, deliver, drain, files, new, open, segments, settings};

#[test]
fn blocks_are_leased_in_either_order() {
    let directory = tempdir().unwrap();
    let blocks: Vec<_> = (0..20).map(|n| block(n, 3000)).collect();
    for sync in [Sync::Never, Sync::Always] {
        let mut settings = settings(directory.path());
        settings.sync = sync;
        let mut spool = open(&settings);
        assert_eq!(spool.stats().mode, StorageMode::Disk);
        blocks.iter().for_each(|block| append(&mut spool, block));
        assert!(segments(directory.path()).len() > 2, "more than one segment");
        assert_eq!(spool.stats().pending.events, (1..=20).sum::<u64>());
        assert_eq!(spool.stats().oldest_time_unix_ms, Some(blocks[0].time_unix_ms));
        assert_eq!(deliver(&mut spool, Order::Newest).as_ref(), blocks.last());
        assert_eq!(deliver(&mut spool, Order::Oldest).as_ref(), blocks.first());
        assert_eq!(drain(&mut spool), blocks[1..19]);
        assert_eq!(spool.stats().pending.blocks, 0);
        assert_eq!(spool.stats().lost.total().blocks, 0);
        assert_eq!(
            (spool.stats().disk_bytes, bytes_on_disk(directory.path())),
            (0, 0),
            "an idle spool keeps nothing"
        );
    }
}

#[test]
fn blocks_of_the_smallest_and_largest_sizes_are_accepted() {
    let directory = tempdir().unwrap();
    let mut settings = settings(directory.path());
    settings.max_bytes = 64 << 20;
    let mut spool = open(&settings);
    let (key, body) = (vec![7; MAX_KEY_BYTES], vec![9; MAX_BODY_BYTES]);
    let largest = NewBlock { key: &key, events: u32::MAX, time_unix_ms: u64::MAX, body: &body };
    let smallest = NewBlock { key: b"", events: 0, time_unix_ms: 0, body: b"" };
    spool.append(&largest).unwrap();
    spool.append(&smallest).unwrap();
    for (key_more, body_more) in [(1, 0), (0, 1)] {
        let (key, body) = (vec![7; MAX_KEY_BYTES + key_more], vec![9; MAX_BODY_BYTES + body_more]);
        let error =
            spool.append(&NewBlock { key: &key, events: 5, time_unix_ms: 0, body: &body }).unwrap_err();
        assert!(matches!(error, AppendError::Oversized { .. }), "{error}");
    }
    assert_eq!(spool.stats().lost.by(Cause::Oversized).events, 10);
    drop(spool);
    let blocks = drain(&mut open(&settings));
    let is = |at: usize, new: &NewBlock<'_>| {
        let block = &blocks[at];
        (block.key == new.key && block.body == new.body)
            && (block.events, block.time_unix_ms) == (new.events, new.time_unix_ms)
    };
    assert!(blocks.len() == 2 && is(0, &largest) && is(1, &smallest));
}

#[test]
fn blocks_done_out_of_order_stay_done_after_a_restart() {
    let directory = tempdir().unwrap();
    let settings = settings(directory.path());
    let blocks: Vec<_> = (0..24).map(|n| block(n, 2000)).collect();
    let mut spool = open(&settings);
    blocks.iter().for_each(|block| append(&mut spool, block));
    let mut leases: Vec<_> = std::iter::from_fn(|| spool.lease(Order::Oldest, |_| false)).collect();
    assert_eq!(leases.len(), 24);
    // complete every third block, in scattered order; the rest stays on lease when the process ends
    for n in [21, 0, 12, 3, 18, 9, 6, 15] {
        let at = leases.iter().position(|lease| lease.time_unix_ms() == blocks[n].time_unix_ms).unwrap();
        spool.done(leases.swap_remove(at));
    }
    drop(spool);
    let rest: Vec<_> = (0..24).filter(|n| n % 3 != 0).map(|n| blocks[n].clone()).collect();
    let mut spool = open(&settings);
    assert_eq!(spool.stats().pending.blocks, 16);
    assert_eq!(drain(&mut spool), rest);
    drop(spool);
    assert_eq!(drain(&mut open(&settings)), []);
    assert_eq!(bytes_on_disk(directory.path()), 0);
}

#[test]
fn a_restarted_spool_appends_to_the_same_segment() {
    let directory = tempdir().unwrap();
    let settings = settings(directory.path());
    let blocks: Vec<_> = (0..5).map(|n| block(n, 100)).collect();
    for block in &blocks {
        append(&mut open(&settings), block);
    }
    assert_eq!(segments(directory.path()).len(), 1);
    assert_eq!(drain(&mut open(&settings)), blocks);
}

#[test]
fn a_leased_or_skipped_block_is_not_leased_again() {
    let directory = tempdir().unwrap();
    let mut spool = open(&settings(directory.path()));
    let ids: Vec<_> = (0..3).map(|n| spool.append(&new(&block(n, 10))).unwrap()).collect();
    let first = spool.lease(Order::Oldest, |_| false).unwrap();
    assert_eq!(first.id(), ids[0]);
    let third = spool.lease(Order::Oldest, |block| block.id == ids[1]).unwrap();
    assert_eq!(third.id(), ids[2]);
    assert!(spool.lease(Order::Newest, |block| block.id == ids[1]).is_none());
    spool.release(first);
    spool.discard(third, Cause::Rejected);
    assert_eq!(spool.stats().lost.by(Cause::Rejected).events, 3);
    assert_eq!(drain(&mut spool), [block(0, 10), block(1, 10)]);
}

#[test]
fn files_are_private() {
    let parent = tempdir().unwrap();
    let directory = parent.path().join("made");
    append(&mut open(&settings(&directory)), &block(0, 10));
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&directory), 0o700);
    let files = files(&directory);
    assert_eq!(files.len(), 2);
    files.iter().for_each(|(path, _)| assert_eq!(mode(path), 0o600, "{}", path.display()));
}

#[test]
fn destinations_are_known_without_reading_blocks() {
    let directory = tempdir().unwrap();
    let settings = settings(directory.path());
    let mut spool = open(&settings);
    let to = |key: &str, n: u32| Block { key: key.into(), ..block(n, 100) };
    let blocks = [to("a", 0), to("b", 1), to("a", 2), to("c", 3)];
    blocks.iter().for_each(|block| append(&mut spool, block));
    drop(spool);
    // A successor does not read bodies when it opens: a damaged one is detected when it is read.
    let file = &segments(directory.path())[0];
    let mut bytes = std::fs::read(file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(file, bytes).unwrap();
    let mut spool = open(&settings);
    let first = spool.lease(Order::Oldest, |_| false).unwrap();
    let other = spool.lease(Order::Oldest, |block| block.key == first.key()).unwrap();
    assert_eq!(spool.read(&other).unwrap(), blocks[1]);
    let last = spool.lease(Order::Oldest, |block| [first.key(), other.key()].contains(&block.key)).unwrap();
    assert!(spool.read(&last).is_err(), "the body is broken");
    // A new block gets the key id of an equal key loaded from disk.
    append(&mut spool, &to("a", 4));
    let newest = spool.lease(Order::Newest, |_| false).unwrap();
    assert_eq!(newest.key(), first.key());
}
