use std::fs;
use std::os::unix::fs::symlink;

use insightd_state::StorageMode;
use tempfile::tempdir;

use crate::common::{NOW, commit, get, id, open, put, reason};
use crate::tmpfs::Tmpfs;

#[test]
fn damaged_truncated_and_foreign_files_are_quarantined() {
    let later = {
        let mut bytes = b"insstate".to_vec();
        bytes.extend([2, 0, 0, 0, 7, 7, 7]);
        bytes
    };
    let good = {
        let directory = tempdir().unwrap();
        put(&mut open(directory.path()), &id("a"), NOW, "k", "1");
        fs::read(directory.path().join("state")).unwrap()
    };
    let (mut flipped, cut) = (good.clone(), good[..good.len() - 1].to_vec());
    flipped[30] ^= 1;
    for bad in [flipped, cut, later, Vec::new(), vec![0; 100]] {
        let directory = tempdir().unwrap();
        fs::write(directory.path().join("state"), &bad).unwrap();
        let mut store = open(directory.path());
        let stats = store.stats();
        assert_eq!(stats.quarantined, 1);
        assert_eq!((stats.mode, stats.spaces), (StorageMode::Disk, vec![]));
        assert_eq!(
            fs::read(directory.path().join("quarantine/00000001-state")).unwrap(),
            bad,
            "kept as it was"
        );
        put(&mut store, &id("a"), NOW, "k", "1");
        drop(store);
        let mut store = open(directory.path());
        assert_eq!((get(&mut store, &id("a"), "k").as_deref(), store.stats().quarantined), (Some("1"), 0));
    }
}

/// The partial file of a process killed during a write is ignored, even if its content is valid.
#[test]
fn a_partially_written_file_is_ignored() {
    let directory = tempdir().unwrap();
    let mut store = open(directory.path());
    put(&mut store, &id("a"), NOW, "k", "1");
    let first = fs::read(directory.path().join("state")).unwrap();
    put(&mut store, &id("a"), NOW, "k", "2");
    drop(store);
    for unfinished in [&first[..], &first[..20], &[]] {
        fs::write(directory.path().join("state.new"), unfinished).unwrap();
        let mut store = open(directory.path());
        assert_eq!((get(&mut store, &id("a"), "k").as_deref(), store.stats().quarantined), (Some("2"), 0));
        assert!(!directory.path().join("state.new").exists());
    }
}

#[test]
fn a_missing_directory_is_used_once_it_can_be_created() {
    let parent = tempdir().unwrap();
    let directory = parent.path().join("later/state");
    let mut store = open(&directory);
    let said = reason(&store);
    assert!(
        said.contains("later/state") && said.contains("No such file") && said.contains("parent"),
        "{said}"
    );
    put(&mut store, &id("a"), NOW, "k", "1");
    assert!(matches!(store.stats().mode, StorageMode::Memory { .. }));
    fs::create_dir(parent.path().join("later")).unwrap();
    commit(&mut store, NOW, []).unwrap();
    assert_eq!(store.stats().mode, StorageMode::Disk);
    drop(store);
    assert_eq!(get(&mut open(&directory), &id("a"), "k").as_deref(), Some("1"));
}

/// Another process owns the directory at first: once it ends, the version of each space that was written later is used.
#[test]
fn a_directory_is_taken_over_when_its_owner_ends() {
    let directory = tempdir().unwrap();
    let mut first = open(directory.path());
    for transform in ["both", "first", "cleared"] {
        put(&mut first, &id(transform), NOW, "k", "first");
    }
    let mut second = open(directory.path());
    assert!(reason(&second).contains("in use by another process"), "{}", reason(&second));
    put(&mut second, &id("both"), NOW + 1, "k", "second");
    put(&mut second, &id("older"), NOW + 1, "k", "second");
    put(&mut second, &id("cleared"), NOW + 1, "k", "second");
    assert_eq!(second.clear(NOW + 1, |space| *space == id("cleared")), 1);
    put(&mut first, &id("older"), NOW + 2, "k", "first");
    drop(first);
    commit(&mut second, NOW + 3, []).unwrap();
    assert_eq!(second.stats().mode, StorageMode::Disk);
    drop(second);
    let mut store = open(directory.path());
    let mut of = |transform: &str| get(&mut store, &id(transform), "k");
    assert_eq!(of("both").as_deref(), Some("second"));
    assert_eq!((of("first").as_deref(), of("older").as_deref()), (Some("first"), Some("first")));
    assert_eq!(of("cleared"), None);
}

#[test]
fn a_replaced_directory_is_opened_again() {
    let parent = tempdir().unwrap();
    let (directory, moved) = (parent.path().join("state"), parent.path().join("moved"));
    let mut store = open(&directory);
    put(&mut store, &id("a"), NOW, "k", "1");
    fs::rename(&directory, &moved).unwrap();
    put(&mut store, &id("a"), NOW, "k", "2");
    assert!(reason(&store).contains("deleted, moved or replaced"), "{}", reason(&store));
    put(&mut store, &id("b"), NOW, "k", "3");
    assert_eq!(store.stats().mode, StorageMode::Disk);
    drop(store);
    let mut store = open(&directory);
    assert_eq!(get(&mut store, &id("a"), "k").as_deref(), Some("2"));
    assert_eq!(get(&mut store, &id("b"), "k").as_deref(), Some("3"));
    assert_eq!(get(&mut open(&moved), &id("a"), "k").as_deref(), Some("1"));
}

#[test]
fn no_symbolic_link_is_followed() {
    let (directory, elsewhere) = (tempdir().unwrap(), tempdir().unwrap());
    put(&mut open(elsewhere.path()), &id("a"), NOW, "k", "secret");
    symlink(elsewhere.path().join("state"), directory.path().join("state")).unwrap();
    let mut store = open(directory.path());
    assert_eq!(get(&mut store, &id("a"), "k"), None);
    assert!(reason(&store).contains("state is a symbolic link"), "{}", reason(&store));
    let target = elsewhere.path().join("precious");
    fs::write(&target, "precious").unwrap();
    fs::remove_file(directory.path().join("state")).unwrap();
    symlink(&target, directory.path().join("state.new")).unwrap();
    put(&mut store, &id("a"), NOW, "k", "1");
    assert_eq!(store.stats().mode, StorageMode::Disk);
    assert_eq!(fs::read_to_string(target).unwrap(), "precious");
}

#[test]
fn a_full_disk_keeps_the_last_complete_tick() {
    let Some(disk) = Tmpfs::mount("32k") else { return };
    let mut store = open(disk.path());
    put(&mut store, &id("a"), NOW, "k", "1");
    put(&mut store, &id("a"), NOW, "l", &"x".repeat(60_000));
    let said = reason(&store);
    assert!(said.contains("No space left") && said.contains("state.new"), "{said}");
    assert!(!disk.path().join("state.new").exists(), "room for others again");
    // the last complete tick is on disk
    let copy = tempdir().unwrap();
    fs::copy(disk.path().join("state"), copy.path().join("state")).unwrap();
    let mut restarted = open(copy.path());
    assert_eq!(
        (get(&mut restarted, &id("a"), "k").as_deref(), get(&mut restarted, &id("a"), "l")),
        (Some("1"), None)
    );
    put(&mut store, &id("a"), NOW, "l", "short");
    assert_eq!(store.stats().mode, StorageMode::Disk);
    drop(store);
    assert_eq!(get(&mut open(disk.path()), &id("a"), "l").as_deref(), Some("short"));
}

#[test]
fn a_read_only_disk_is_used_once_it_is_writable() {
    let Some(disk) = Tmpfs::mount("1m") else { return };
    put(&mut open(disk.path()), &id("a"), NOW, "k", "1");
    disk.remount("ro");
    let mut store = open(disk.path());
    assert!(reason(&store).contains("mount it writable"), "{}", reason(&store));
    put(&mut store, &id("b"), NOW, "k", "2");
    disk.remount("rw");
    commit(&mut store, NOW, []).unwrap();
    assert_eq!(store.stats().mode, StorageMode::Disk);
    assert_eq!(get(&mut store, &id("a"), "k").as_deref(), Some("1"), "found when it could be");
    drop(store);
    assert_eq!(get(&mut open(disk.path()), &id("b"), "k").as_deref(), Some("2"));
}
