use std::fs;
use std::path::{Path, PathBuf};

use insightd_spool::{Block, Cause, NewBlock, Order, ReadError, Spool};
use tempfile::tempdir;

use crate::common::{append, block, bytes_on_disk, deliver, drain, files, open, segments, settings};

const HEADER: usize = 24;
const RECORD: usize = 32;

/// Creates a segment of four blocks, of which `done` is done. Returns the offsets of all records and of the end as well.
fn segment(directory: &Path, done: Option<u32>) -> (PathBuf, Vec<u8>, Vec<Block>, Vec<usize>) {
    let mut spool = open(&settings(directory));
    let blocks: Vec<_> = (0..4).map(|n| block(n, 5)).collect();
    let ids: Vec<_> = blocks.iter().map(|block| spool.append(&crate::common::new(block)).unwrap()).collect();
    if let Some(done) = done {
        let lease = spool.lease(Order::Oldest, |block| block.id != ids[done as usize]).unwrap();
        spool.done(lease);
    }
    drop(spool);
    let mut places = vec![HEADER];
    for block in &blocks {
        places.push(places[places.len() - 1] + RECORD + block.key.len() + block.body.len());
    }
    let path = segments(directory).remove(0);
    let bytes = fs::read(&path).unwrap();
    assert_eq!(bytes.len(), places[4]);
    (path, bytes, blocks, places)
}

#[test]
fn a_partial_last_record_is_cut_off_at_any_length() {
    let directory = tempdir().unwrap();
    let (path, bytes, blocks, places) = segment(directory.path(), None);
    for length in 0..bytes.len() {
        fs::write(&path, &bytes[..length]).unwrap();
        let whole = places[1..].iter().filter(|end| **end <= length).count();
        let torn = u64::from(length > HEADER && !places.contains(&length));
        let mut spool = open(&settings(directory.path()));
        assert_eq!(spool.stats().damage.torn, torn, "{length}");
        assert_eq!(spool.stats().damage.unreadable_bytes, 0);
        append(&mut spool, &block(9, 5));
        drop(spool);
        let mut spool = open(&settings(directory.path()));
        let mut expected = blocks[..whole].to_vec();
        expected.push(block(9, 5));
        assert_eq!(drain(&mut spool), expected, "{length}");
        assert_eq!((spool.stats().lost.total().blocks, spool.stats().damage.torn), (0, 0));
        assert_eq!(bytes_on_disk(directory.path()), 0);
    }
}

#[test]
fn a_damaged_byte_loses_only_the_records_that_depend_on_it() {
    let original = tempdir().unwrap();
    let done = 2;
    let (path, bytes, blocks, places) = segment(original.path(), Some(done));
    let name = path.file_name().unwrap();
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff, 0x5a] {
            let directory = tempdir().unwrap();
            let mut broken = bytes.clone();
            broken[at] ^= flip;
            fs::write(directory.path().join(name), &broken).unwrap();
            let mut spool = open(&settings(directory.path()));
            let read = drain(&mut spool);
            let stats = spool.stats();
            let context = format!("byte {at} ^ {flip:#x}: {stats:?}");
            let waiting = |n: &usize| *n != done as usize;
            let record = places.iter().rposition(|begin| *begin <= at);
            let (expected, lost, unreadable) = match record {
                None if at < 12 => (vec![], 0, 0),
                None => (vec![], 0, bytes.len()),
                Some(n) if at < places[n] + 4 => ((0..4).filter(waiting).collect(), 0, 0),
                Some(n) if at < places[n] + RECORD => {
                    ((0..n).filter(waiting).collect(), 0, bytes.len() - places[n])
                }
                Some(n) => {
                    ((0..4).filter(waiting).filter(|other| *other != n).collect(), u64::from(waiting(&n)), 0)
                }
            };
            assert_eq!(read, expected.iter().map(|n| blocks[*n].clone()).collect::<Vec<_>>(), "{context}");
            assert_eq!(stats.lost.by(Cause::Damaged).blocks, lost, "{context}");
            assert_eq!(
                stats.lost.by(Cause::Damaged).events,
                lost * record.map_or(0, |n| n as u64 + 1),
                "{context}"
            );
            assert_eq!(stats.lost.total().blocks, lost, "{context}");
            assert_eq!(stats.damage.unreadable_bytes, unreadable as u64, "{context}");
            let kept = lost > 0 || unreadable > 0 || record.is_none();
            assert_eq!(stats.damage.quarantined, u64::from(kept), "{context}");
            assert_eq!(files(directory.path()).len(), 1 + usize::from(kept), "{context}");
            assert_eq!(stats.disk_bytes, bytes_on_disk(directory.path()), "{context}");
        }
    }
}

#[test]
fn a_damaged_segment_is_quarantined_after_its_readable_blocks_are_done() {
    let directory = tempdir().unwrap();
    let (path, mut bytes, blocks, places) = segment(directory.path(), None);
    bytes[places[3] + 10] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let mut spool = open(&settings(directory.path()));
    append(&mut spool, &block(4, 5));
    assert_eq!(segments(directory.path()).len(), 2, "nothing is appended to a damaged segment");
    assert_eq!(deliver(&mut spool, Order::Oldest).unwrap(), blocks[0]);
    assert_eq!(deliver(&mut spool, Order::Oldest).unwrap(), blocks[1]);
    assert!(path.exists());
    assert_eq!(deliver(&mut spool, Order::Oldest).unwrap(), blocks[2]);
    assert!(!path.exists());
    let moved = directory.path().join("quarantine/00000001-0000000000000001.blocks");
    assert!(moved.exists(), "{:?}", files(directory.path()));
    assert_eq!(spool.stats().disk_bytes, bytes_on_disk(directory.path()));
    assert_eq!(drain(&mut spool), [block(4, 5)]);
    drop(spool);
    let spool = open(&settings(directory.path()));
    assert_eq!(spool.stats().disk_bytes, bytes.len() as u64);
}

#[test]
fn a_truncated_older_segment_counts_its_missing_block_as_lost() {
    let directory = tempdir().unwrap();
    let (path, bytes, blocks, _) = segment(directory.path(), None);
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let newer = directory.path().join("0000000000000002.blocks");
    fs::write(&newer, b"").unwrap();
    let mut spool = open(&settings(directory.path()));
    assert!(!newer.exists(), "a file without its header holds nothing");
    assert_eq!(drain(&mut spool), blocks[..3]);
    assert_eq!((spool.stats().lost.by(Cause::Damaged).events, spool.stats().damage.torn), (4, 0));
    assert_eq!(spool.stats().damage.quarantined, 1);
}

#[test]
fn a_block_damaged_while_it_waits_is_counted_as_lost_on_read() {
    let directory = tempdir().unwrap();
    let mut spool = open(&settings(directory.path()));
    (0..3).for_each(|n| append(&mut spool, &block(n, 50)));
    let path = segments(directory.path()).remove(0);
    let mut bytes = fs::read(&path).unwrap();
    bytes[HEADER + RECORD + 20] ^= 4;
    fs::write(&path, &bytes).unwrap();
    let lease = spool.lease(Order::Oldest, |_| false).unwrap();
    let error = spool.read(&lease).unwrap_err();
    assert!(matches!(error, ReadError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("0000000000000001.blocks"), "{error}");
    assert!(matches!(spool.read(&lease), Err(ReadError::Gone)));
    spool.done(lease);
    assert_eq!(spool.stats().lost.by(Cause::Damaged).events, 1);
    assert_eq!(drain(&mut spool), [block(1, 50), block(2, 50)]);
    assert_eq!(spool.stats().damage.quarantined, 1);
}

#[test]
fn deleted_and_truncated_segments_are_detected() {
    let directory = tempdir().unwrap();
    let mut spool = open(&settings(directory.path()));
    append(&mut spool, &block(0, 50));
    fs::remove_file(segments(directory.path()).remove(0)).unwrap();
    append(&mut spool, &block(1, 50));
    let path = segments(directory.path()).remove(0);
    fs::OpenOptions::new().append(true).open(&path).unwrap().set_len(60).unwrap();
    append(&mut spool, &block(2, 50));
    assert_eq!(drain(&mut spool), [block(2, 50)], "what was written after is where it can be found");
    assert_eq!(spool.stats().lost.by(Cause::Damaged).events, 1 + 2);
    assert_eq!(spool.stats().pending.blocks, 0);
}

#[test]
fn a_record_is_valid_only_at_its_own_offset_and_segment() {
    let directory = tempdir().unwrap();
    let (path, bytes, _, places) = segment(directory.path(), None);
    // the same record twice, and a copy of the segment under another number
    let mut twice = bytes[..places[1]].to_vec();
    twice.extend_from_slice(&bytes[places[0]..places[1]]);
    fs::write(&path, &twice).unwrap();
    fs::write(directory.path().join("0000000000000007.blocks"), &bytes).unwrap();
    let mut spool = open(&settings(directory.path()));
    assert_eq!(drain(&mut spool).len(), 1);
    assert_eq!(spool.stats().damage.unreadable_bytes as usize, bytes.len() + places[1] - places[0]);
}

#[test]
fn the_quarantine_is_bounded() {
    let directory = tempdir().unwrap();
    let mut settings = settings(directory.path());
    settings.max_bytes = 16_000;
    for round in 1..=10 {
        let mut spool: Spool = open(&settings);
        spool.append(&NewBlock { key: b"k", events: 1, time_unix_ms: 0, body: &[1; 700] }).unwrap();
        drop(spool);
        let path = segments(directory.path()).remove(0);
        let mut bytes = fs::read(&path).unwrap();
        bytes[30] ^= 1;
        fs::write(&path, bytes).unwrap();
        let spool = open(&settings);
        let stats = spool.stats();
        let quarantined = bytes_on_disk(&directory.path().join("quarantine"));
        assert!(quarantined <= settings.max_bytes / 8);
        assert_eq!((quarantined, stats.disk_bytes), (round.min(2) * 757, bytes_on_disk(directory.path())));
        assert_eq!((stats.damage.quarantined, stats.damage.quarantine_evicted), (1, u64::from(round > 2)));
    }
    let names: Vec<_> =
        files(&directory.path().join("quarantine")).into_iter().map(|(path, _)| path).collect();
    assert!(names[0].ends_with("00000009-0000000000000001.blocks"), "the latest are kept: {names:?}");
}
