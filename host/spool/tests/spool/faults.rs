use std::fs;
use std::io::Write as _;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use insightd_spool::{Cause, Order, Spool, StorageMode, Sync};
use tempfile::tempdir;

use crate::common::{NOW, append, block, deliver, drain, files, open, reason, segments, settings};
use crate::tmpfs::Tmpfs;

#[test]
fn a_full_disk_loses_nothing() {
    let Some(disk) = Tmpfs::mount("256k") else { return };
    let directory = disk.path().join("spool");
    let mut settings = settings(&directory);
    settings.segment_bytes = 64 << 10;
    settings.sync = Sync::Always;
    let mut spool = open(&settings);
    let blocks: Vec<_> = (0..40).map(|n| block(n, 10_000)).collect();
    let mut held = 0;
    for block in &blocks {
        append(&mut spool, block);
        if spool.stats().in_memory.blocks == 4 {
            held = block.events as usize - 4;
            break;
        }
    }
    assert!(held > 15, "most of the disk was used: {held}");
    let said = reason(&spool);
    assert!(
        said.contains("No space left") && said.contains("max_bytes") && said.contains("/spool/"),
        "{said}"
    );
    spool.maintain(NOW);
    assert_eq!(spool.stats().in_memory.blocks, 4, "still full");
    // blocks are marked as done even on a full disk, and stay so for a successor
    assert_eq!(deliver(&mut spool, Order::Oldest).unwrap(), blocks[0]);
    assert_eq!(deliver(&mut spool, Order::Newest).unwrap(), blocks[held + 3]);
    // no partial record is left behind
    let length: u64 = files(&directory).iter().map(|(_, bytes)| bytes).sum();
    assert_eq!(spool.stats().disk_bytes, length);
    // after a segment's worth of deliveries there is room again
    for expected in &blocks[1..8] {
        assert_eq!(&deliver(&mut spool, Order::Oldest).unwrap(), expected);
    }
    // A child process that another test starts may hold the deleted segment open until `execve`, which delays its free space.
    let patience = Instant::now() + Duration::from_secs(30);
    while spool.stats().in_memory.blocks > 0 && Instant::now() < patience {
        spool.maintain(NOW);
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!((spool.stats().mode, spool.stats().in_memory.blocks), (StorageMode::Disk, 0));
    drop(spool);
    let mut spool = open(&settings);
    assert_eq!(spool.stats().damage, insightd_spool::Damage::default());
    assert_eq!(drain(&mut spool), blocks[8..held + 3]);
}

#[test]
fn a_disk_too_full_for_a_new_segment_falls_back_to_memory() {
    let Some(disk) = Tmpfs::mount("16k") else { return };
    let settings = settings(&disk.path().join("spool"));
    let filler = disk.path().join("filler");
    let mut spool = open(&settings);
    fs::write(&filler, vec![1; 64 << 10]).unwrap_err();
    for n in 0..3 {
        append(&mut spool, &block(n, 100));
    }
    assert_eq!(spool.stats().in_memory.blocks, 3);
    assert!(reason(&spool).contains("No space left"), "{}", reason(&spool));
    fs::remove_file(filler).unwrap();
    spool.maintain(NOW);
    assert_eq!((spool.stats().mode, spool.stats().in_memory.blocks), (StorageMode::Disk, 0));
    drop(spool);
    assert_eq!(drain(&mut open(&settings)), [block(0, 100), block(1, 100), block(2, 100)]);
}

#[test]
fn a_read_only_disk_falls_back_to_memory_until_it_is_writable() {
    let Some(disk) = Tmpfs::mount("1m") else { return };
    let settings = settings(disk.path());
    let mut spool = open(&settings);
    (0..4).for_each(|n| append(&mut spool, &block(n, 100)));
    assert_eq!(deliver(&mut spool, Order::Oldest).unwrap(), block(0, 100));
    drop(spool);
    disk.remount("ro");
    // a block that could not be marked as done is not delivered
    let mut spool = open(&settings);
    assert!(
        reason(&spool).contains("Read-only") && reason(&spool).contains("mount it writable"),
        "{}",
        reason(&spool)
    );
    append(&mut spool, &block(4, 100));
    spool.maintain(NOW);
    assert_eq!(spool.stats().pending.blocks, 1);
    let held = spool.lease(Order::Oldest, |_| false).unwrap();
    disk.remount("rw");
    spool.maintain(NOW);
    assert_eq!(spool.stats().mode, StorageMode::Disk);
    assert_eq!(
        (spool.stats().pending.blocks, spool.stats().in_memory.blocks),
        (4, 1),
        "on lease, it stays where it is"
    );
    spool.release(held);
    spool.maintain(NOW);
    assert_eq!((spool.stats().pending.blocks, spool.stats().in_memory.blocks), (4, 0));
    drop(spool);
    let rest: Vec<_> = [1, 2, 3, 4].map(|n| block(n, 100)).into();
    assert_eq!(drain(&mut open(&settings)), rest);
}

/// An inode attribute set on a file, or on a directory with all its files, until this is dropped.
struct Attribute<'a> {
    path: &'a Path,
    letter: char,
}

impl<'a> Attribute<'a> {
    /// Makes a directory and its files immutable. On some file systems, files that are already open stay writable.
    fn immutable(path: &'a Path) -> Option<Self> {
        Self::set(path, 'i')
    }

    /// Makes a file append-only: it cannot be truncated, not even by a process that opened it before.
    fn append_only(path: &'a Path) -> Option<Self> {
        Self::set(path, 'a')
    }

    /// Returns `None`, with a note on stderr, if the attribute cannot be set.
    fn set(path: &'a Path, letter: char) -> Option<Self> {
        let attribute = Self { path, letter };
        if attribute.change('+') {
            return Some(attribute);
        }
        let _ = writeln!(std::io::stderr(), "SKIPPED: chattr +{letter} does not work here (run as root)");
        None
    }

    fn change(&self, sign: char) -> bool {
        let flag = format!("{sign}{}", self.letter);
        let output = Command::new("chattr").args(["-R", &flag]).arg(self.path).output();
        output.is_ok_and(|output| output.status.success())
    }
}

impl Drop for Attribute<'_> {
    fn drop(&mut self) {
        self.change('-');
    }
}

/// A disk that is full in the middle of a record, and a file that cannot be truncated.
#[test]
fn a_partial_record_that_cannot_be_cut_off_is_cut_off_later() {
    let Some(disk) = Tmpfs::mount("48k") else { return };
    let mut settings = settings(&disk.path().join("spool"));
    settings.segment_bytes = 64 << 10;
    let mut spool = open(&settings);
    append(&mut spool, &block(0, 100));
    let segment = segments(&settings.directory).remove(0);
    let length = fs::metadata(&segment).unwrap().len();
    let Some(append_only) = Attribute::append_only(&segment) else { return };
    append(&mut spool, &block(1, 60_000));
    let partial = fs::metadata(&segment).unwrap().len();
    assert!(partial > length, "{partial}");
    assert_eq!((spool.stats().in_memory.blocks, spool.stats().pending.blocks), (1, 2));
    // a restarted agent reads the records before it
    let copy = tempdir().unwrap();
    let name = segment.file_name().unwrap();
    fs::copy(&segment, copy.path().join(name)).unwrap();
    fs::write(copy.path().join("00000000000000ff.blocks"), b"").unwrap();
    let mut restarted = open(&crate::common::settings(copy.path()));
    assert_eq!(drain(&mut restarted), [block(0, 100)]);
    spool.maintain(NOW);
    assert_eq!(fs::metadata(&segment).unwrap().len(), partial, "still append-only");
    drop(append_only);
    spool.maintain(NOW);
    assert_eq!(fs::metadata(&segment).unwrap().len(), length);
    assert_eq!(drain(&mut spool), [block(0, 100), block(1, 60_000)]);
    assert_eq!(spool.stats().lost.total().blocks, 0);
}

#[test]
fn done_marks_that_cannot_be_written_are_retried() {
    let directory = tempdir().unwrap();
    let mut settings = settings(directory.path());
    settings.segment_bytes = 500;
    let mut spool = open(&settings);
    (0..6).for_each(|n| append(&mut spool, &block(n, 100)));
    let Some(frozen) = Attribute::immutable(directory.path()) else { return };
    for n in 0..4 {
        assert_eq!(deliver(&mut spool, Order::Oldest).unwrap(), block(n, 100));
    }
    append(&mut spool, &block(6, 600));
    let said = reason(&spool);
    let before = files(directory.path());
    spool.maintain(NOW);
    let after = files(directory.path());
    drop(frozen);
    assert!(said.contains("not permitted") && said.contains("give the agent access"), "{said}");
    assert_eq!(before, after);
    assert_eq!((spool.stats().pending.blocks, spool.stats().in_memory.blocks), (3, 1));
    spool.maintain(NOW);
    assert_eq!((spool.stats().mode, spool.stats().in_memory.blocks), (StorageMode::Disk, 0));
    drop(spool);
    assert_eq!(drain(&mut open(&settings)), [block(4, 100), block(5, 100), block(6, 600)]);
}

#[test]
fn a_missing_directory_is_used_once_it_can_be_created() {
    let parent = tempdir().unwrap();
    let directory = parent.path().join("later/spool");
    let settings = settings(&directory);
    let mut spool = open(&settings);
    let said = reason(&spool);
    assert!(
        said.contains("later/spool") && said.contains("No such file") && said.contains("parent"),
        "{said}"
    );
    (0..3).for_each(|n| append(&mut spool, &block(n, 100)));
    assert_eq!(deliver(&mut spool, Order::Newest).unwrap(), block(2, 100));
    spool.maintain(NOW);
    assert_eq!(reason(&spool), said);
    fs::create_dir(parent.path().join("later")).unwrap();
    spool.maintain(NOW);
    assert_eq!((spool.stats().mode, spool.stats().in_memory.blocks), (StorageMode::Disk, 0));
    drop(spool);
    assert_eq!(drain(&mut open(&settings)), [block(0, 100), block(1, 100)]);
}

#[test]
fn a_file_in_place_of_the_directory_is_reported() {
    let parent = tempdir().unwrap();
    let directory = parent.path().join("spool");
    fs::write(&directory, b"x").unwrap();
    let spool = open(&settings(&directory));
    assert!(reason(&spool).contains("configure a directory"), "{}", reason(&spool));
    assert_eq!(fs::read(&directory).unwrap(), b"x");
}

#[test]
fn a_deleted_directory_is_created_again() {
    let parent = tempdir().unwrap();
    let directory = parent.path().join("spool");
    let mut spool = open(&settings(&directory));
    append(&mut spool, &block(0, 100));
    append(&mut spool, &block(1, 100));
    let lease = spool.lease(Order::Oldest, |_| false).unwrap();
    fs::remove_dir_all(&directory).unwrap();
    append(&mut spool, &block(2, 100));
    assert!(matches!(spool.stats().mode, StorageMode::Memory { .. }));
    spool.maintain(NOW);
    assert_eq!(spool.stats().mode, StorageMode::Disk);
    assert_eq!(spool.stats().lost.by(Cause::Damaged).events, 2, "{:?}", spool.stats());
    spool.done(lease);
    assert_eq!(spool.stats().lost.by(Cause::Damaged).events, 2, "the other one was delivered");
    drop(spool);
    assert_eq!(drain(&mut open(&settings(&directory))), [block(2, 100)]);
}

#[test]
fn a_deleted_lock_file_is_locked_again() {
    let directory = tempdir().unwrap();
    let settings = settings(directory.path());
    let mut spool = open(&settings);
    append(&mut spool, &block(0, 100));
    let lease = spool.lease(Order::Oldest, |_| false).unwrap();
    fs::remove_file(directory.path().join("lock")).unwrap();
    spool.maintain(NOW);
    assert_eq!((spool.stats().mode, spool.stats().pending.blocks), (StorageMode::Disk, 1));
    assert!(reason(&open(&settings)).contains("another process"));
    fs::remove_file(directory.path().join("lock")).unwrap();
    let thief = open(&settings);
    assert_eq!(thief.stats().mode, StorageMode::Disk);
    spool.maintain(NOW);
    assert!(reason(&spool).contains("another process"));
    spool.done(lease);
    assert_eq!(spool.stats().lost.total().blocks, 0, "the other owner delivers it");
}

const OWNER: &str = "INSIGHTD_SPOOL_TEST_OWNER";

/// Not a test by itself: the other process of the next test.
#[test]
fn owner() {
    let Some(directory) = std::env::var_os(OWNER) else { return };
    let mut spool = open(&settings(Path::new(&directory)));
    (0..3).for_each(|n| append(&mut spool, &block(n, 100)));
    assert_eq!(deliver(&mut spool, Order::Newest).unwrap(), block(2, 100));
    println!("\nREADY");
    let _ = std::io::stdin().lines().next();
    std::process::abort();
}

#[test]
fn a_successor_waits_for_the_lock_and_delivers_the_remaining_blocks() {
    let directory = tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["faults::owner", "--exact", "--nocapture"])
        .env(OWNER, directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "READY"));
    let mut spool: Spool = open(&settings(directory.path()));
    let said = reason(&spool);
    assert!(said.contains(directory.path().to_str().unwrap()) && said.contains("another process"), "{said}");
    append(&mut spool, &block(10, 100));
    append(&mut spool, &block(11, 100));
    assert_eq!(deliver(&mut spool, Order::Newest).unwrap(), block(11, 100));
    spool.maintain(NOW);
    assert_eq!(reason(&spool), said);
    child.kill().unwrap();
    child.wait().unwrap();
    spool.maintain(NOW);
    assert_eq!((spool.stats().mode, spool.stats().in_memory.blocks), (StorageMode::Disk, 0));
    assert_eq!(drain(&mut spool), [block(0, 100), block(1, 100), block(10, 100)]);
}
