use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

use super::*;

/// Returns false, with a message, unless this process may change the owner of a file.
fn may_chown() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        let _ = writeln!(io::stderr(), "SKIPPED: only root may change the owner of a file");
    }
    is_root
}

#[test]
fn a_directory_loses_write_permission_of_other_users() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("open");
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
    OwnedDir::open(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o755);
}

#[test]
fn a_directory_of_another_user_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    if !may_chown() {
        return;
    }
    chown(directory.path(), Some(1234), None).unwrap();
    assert!(matches!(OwnedDir::open(directory.path()), Err(DirError::Foreign { owner: 1234, .. })));
    assert!(!directory.path().join(LOCK).exists(), "nothing is created in it");
}

#[test]
fn only_regular_files_of_trusted_users_are_opened() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let dir = OwnedDir::open(directory.path()).unwrap();
    fs::write(at("file"), "content").unwrap();
    symlink(at("file"), at("link")).unwrap();
    rustix::fs::mknodat(CWD, at("pipe"), FileType::Fifo, PRIVATE_FILE, 0).unwrap();
    assert!(dir.open_to_read("file").is_ok() && dir.open_to_write("file").is_ok());
    assert!(dir.open_to_read("none").unwrap_err().is_missing());
    for name in ["link", "pipe"] {
        for error in [dir.open_to_read(name).unwrap_err(), dir.open_to_write(name).unwrap_err()] {
            assert!(matches!(error, DirError::Unusable { .. }), "{name}: {error}");
        }
    }
    if may_chown() {
        chown(at("file"), Some(1234), None).unwrap();
        assert!(matches!(dir.open_to_read("file"), Err(DirError::Unusable { .. })));
    }
}
