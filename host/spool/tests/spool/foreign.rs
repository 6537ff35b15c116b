use std::fs;
use std::os::unix::fs::symlink;

use insightd_spool::StorageMode;
use tempfile::tempdir;

use crate::common::{append, block, drain, files, open, segments, settings};

#[test]
fn files_of_another_version_or_origin_are_quarantined() {
    let directory = tempdir().unwrap();
    append(&mut open(&settings(directory.path())), &block(0, 10));
    let ours = segments(directory.path()).remove(0);
    let mut newer = fs::read(&ours).unwrap();
    newer[8] = 2;
    let at = |name: &str| directory.path().join(name);
    fs::write(at("0000000000000005.blocks"), &newer).unwrap();
    fs::write(at("0000000000000006.blocks"), b"somebody's diary, in which there is nothing to see").unwrap();
    fs::write(at("0000000000000007.blocks"), b"short").unwrap();
    let mut spool = open(&settings(directory.path()));
    assert_eq!(spool.stats().damage.quarantined, 3);
    assert_eq!(spool.stats().damage.unreadable_bytes, 0, "nothing of them was damaged");
    append(&mut spool, &block(1, 10));
    assert_eq!(segments(directory.path()), [ours, at("0000000000000008.blocks")]);
    assert_eq!(drain(&mut spool), [block(0, 10), block(1, 10)]);
    assert_eq!(fs::read(at("quarantine/00000001-0000000000000005.blocks")).unwrap(), newer);
    assert_eq!(files(&at("quarantine")).len(), 3);
}

#[test]
fn unknown_files_are_left_alone() {
    let directory = tempdir().unwrap();
    let names = [
        "README",
        "1.blocks",
        "000000000000000A.blocks",
        "+000000000000001.blocks",
        "ffffffffffffffff.blocks",
    ];
    for name in names {
        fs::write(directory.path().join(name), b"content").unwrap();
    }
    fs::create_dir(directory.path().join("0000000000000002.blocks")).unwrap();
    fs::create_dir(directory.path().join("sub")).unwrap();
    let mut spool = open(&settings(directory.path()));
    append(&mut spool, &block(0, 10));
    assert!(directory.path().join("0000000000000003.blocks").exists());
    assert_eq!(drain(&mut spool), [block(0, 10)]);
    drop(spool);
    for name in names {
        assert_eq!(fs::read(directory.path().join(name)).unwrap(), b"content");
    }
}

#[test]
fn links_and_pipes_in_place_of_files_are_not_followed() {
    let (directory, outside) = (tempdir().unwrap(), tempdir().unwrap());
    append(&mut open(&settings(outside.path())), &block(7, 10));
    let target = segments(outside.path()).remove(0);
    let before = fs::read(&target).unwrap();
    symlink(&target, directory.path().join("0000000000000001.blocks")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        directory.path().join("0000000000000002.blocks"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    symlink(outside.path(), directory.path().join("quarantine")).unwrap();
    fs::write(directory.path().join("0000000000000003.blocks"), b"foreign, but there is no place to keep it")
        .unwrap();
    let mut spool = open(&settings(directory.path()));
    assert_eq!(spool.stats().pending.blocks, 0);
    append(&mut spool, &block(0, 10));
    assert_eq!(drain(&mut spool), [block(0, 10)]);
    assert_eq!(fs::read(&target).unwrap(), before);
    assert_eq!(files(outside.path()).len(), 2, "nothing came in");
    assert!(directory.path().join("0000000000000003.blocks").exists());
}

#[test]
fn a_link_in_place_of_the_lock_is_not_followed() {
    let (directory, outside) = (tempdir().unwrap(), tempdir().unwrap());
    symlink(outside.path().join("made"), directory.path().join("lock")).unwrap();
    let spool = open(&settings(directory.path()));
    assert!(matches!(spool.stats().mode, StorageMode::Memory { .. }));
    assert_eq!(files(outside.path()), []);
}

/// Earlier versions named the quarantine `aside`.
#[test]
fn the_quarantine_of_an_earlier_version_counts() {
    let directory = tempdir().unwrap();
    fs::create_dir(directory.path().join("aside")).unwrap();
    fs::write(directory.path().join("aside/00000001-0000000000000005.blocks"), [7; 100]).unwrap();
    let spool = open(&settings(directory.path()));
    assert_eq!(spool.stats().disk_bytes, 100);
    assert!(directory.path().join("quarantine/00000001-0000000000000005.blocks").exists());
}
