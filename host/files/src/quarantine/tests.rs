use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn fill(path: &Path, files: &[(&str, usize)]) {
    fs::create_dir(path).unwrap();
    for (name, bytes) in files {
        fs::write(path.join(name), vec![7; *bytes]).unwrap();
    }
}

/// Quarantines a file of 10 bytes. Returns the number of deleted files.
fn quarantine(quarantine: &mut Quarantine, parent: &OwnedDir, name: &str) -> u64 {
    fs::write(parent.path_of(name), [1; 10]).unwrap();
    quarantine.take(parent, name, 10, "test").unwrap()
}

#[test]
fn the_directory_of_an_earlier_version_is_renamed_and_counts() {
    let directory = tempfile::tempdir().unwrap();
    fill(&directory.path().join("aside"), &[("00000003-a", 20), ("00000009-b", 40), ("notes", 5)]);
    let parent = OwnedDir::open(directory.path()).unwrap();
    let mut opened = Quarantine::open(&parent, "test", 60);
    assert_eq!((opened.bytes(), names(directory.path())), (60, vec!["lock".into(), "quarantine".into()]));
    assert_eq!(quarantine(&mut opened, &parent, "c"), 1, "the oldest one makes room");
    assert_eq!(names(&directory.path().join("quarantine")), ["00000009-b", "00000010-c", "notes"]);
    assert_eq!((opened.bytes(), Quarantine::open(&parent, "test", 60).bytes()), (50, 50));
}

#[test]
fn files_under_both_names_are_merged_and_none_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fill(&at("quarantine"), &[("00000001-a", 20)]);
    fill(&at("aside"), &[("00000001-a", 30), ("00000002-b", 40)]);
    let parent = OwnedDir::open(directory.path()).unwrap();
    assert_eq!(Quarantine::open(&parent, "test", 90).bytes(), 90);
    assert_eq!(names(&at("quarantine")), ["00000001-a", "00000002-a", "00000003-b"]);
    assert_eq!(fs::read(at("quarantine/00000002-a")).unwrap().len(), 30);
    assert!(!at("aside").exists());
    // A file from elsewhere stays where it is.
    fill(&at("aside"), &[("00000001-c", 50), ("notes", 5)]);
    let mut opened = Quarantine::open(&parent, "test", 90);
    assert_eq!((opened.bytes(), names(&at("aside"))), (140, vec!["notes".to_owned()]));
    assert_eq!(quarantine(&mut opened, &parent, "d"), 3, "the bound is that of all files");
    assert_eq!(names(&at("quarantine")), ["00000004-c", "00000005-d"]);
}

#[test]
fn what_only_has_the_old_name_is_left_alone() {
    let (directory, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(outside.path().join("00000001-a"), "outside").unwrap();
    symlink(outside.path(), directory.path().join("aside")).unwrap();
    let parent = OwnedDir::open(directory.path()).unwrap();
    let mut opened = Quarantine::open(&parent, "test", 90);
    assert_eq!(opened.bytes(), 0);
    quarantine(&mut opened, &parent, "b");
    assert_eq!(names(directory.path()), ["aside", "lock", "quarantine"]);
    assert_eq!(names(outside.path()), ["00000001-a"]);
}

#[test]
fn a_directory_that_cannot_be_renamed_is_used_under_its_old_name() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("quarantine"), "in the way").unwrap();
    fill(&directory.path().join("aside"), &[("00000001-a", 20)]);
    let parent = OwnedDir::open(directory.path()).unwrap();
    let mut opened = Quarantine::open(&parent, "test", 25);
    assert_eq!((opened.bytes(), opened.dir_name()), (20, "aside"));
    assert_eq!(quarantine(&mut opened, &parent, "b"), 1);
    assert_eq!(names(&directory.path().join("aside")), ["00000002-b"]);
}
