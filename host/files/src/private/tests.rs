use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn files_and_directories_are_accessible_to_their_owner_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("one/two");
    let dir = PrivateDir::make(&path).unwrap();
    dir.make_subdir("inner").unwrap().write("file", b"content").unwrap();
    assert_eq!(
        [mode(&path), mode(&path.join("inner")), mode(&path.join("inner/file"))],
        [0o700, 0o700, 0o600]
    );
    let inner = dir.subdir("inner").unwrap();
    assert_eq!(inner.read("file", 7).unwrap().as_deref(), Some(b"content".as_slice()));
    assert_eq!(inner.read("none", 7).unwrap(), None);
    assert!(inner.read("file", 6).is_err());
    inner.write("file", b"other").unwrap();
    assert_eq!(inner.names().unwrap(), ["file"]);
    dir.remove_all("inner").unwrap();
    dir.remove_all("inner").unwrap();
    assert!(dir.names().unwrap().is_empty());
}

#[test]
fn only_regular_files_are_read_and_opening_never_blocks() {
    let directory = tempfile::tempdir().unwrap();
    let dir = PrivateDir::open(directory.path()).unwrap();
    let at = |name: &str| directory.path().join(name);
    rustix::fs::mknodat(CWD, at("pipe"), FileType::Fifo, PRIVATE_FILE, 0).unwrap();
    fs::write(at("target"), "mine").unwrap();
    symlink(at("target"), at("link")).unwrap();
    fs::create_dir(at("dir")).unwrap();
    symlink(at("dir"), at("dir-link")).unwrap();
    let sparse = File::create(at("sparse")).unwrap();
    sparse.set_len(6 << 30).unwrap();
    for name in ["pipe", "link", "dir", "sparse"] {
        assert!(dir.read(name, 1 << 20).is_err(), "{name}");
    }
    assert!(dir.subdir("dir-link").is_err() && dir.make_subdir("dir-link").is_err());
    // The temporary name is occupied by a link to a file elsewhere.
    symlink(at("target"), at("failed.new")).unwrap();
    dir.write("failed", b"ids").unwrap();
    dir.write("link", b"no longer a link").unwrap();
    dir.remove_all("dir-link").unwrap();
    assert_eq!(fs::read_to_string(at("target")).unwrap(), "mine");
    assert!(at("dir").is_dir());
}

#[test]
fn files_that_others_may_change_are_rejected() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("open");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("file"), "x").unwrap();
    fs::set_permissions(path.join("file"), fs::Permissions::from_mode(0o666)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
    let dir = PrivateDir::open(&path).unwrap();
    assert_eq!(mode(&path), 0o755);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o1777)).unwrap();
    PrivateDir::open(&path).unwrap();
    assert_eq!(mode(&path), 0o777, "a directory for everybody stays one");
    assert!(dir.read("file", 10).is_err());
    if !rustix::process::geteuid().is_root() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: only root may change the owner of a file");
        return;
    }
    fs::set_permissions(path.join("file"), fs::Permissions::from_mode(0o600)).unwrap();
    assert!(dir.read("file", 10).unwrap().is_some());
    std::os::unix::fs::chown(path.join("file"), Some(1234), None).unwrap();
    assert!(dir.read("file", 10).is_err());
    std::os::unix::fs::chown(&path, Some(1234), None).unwrap();
    assert!(matches!(PrivateDir::open(&path), Err(DirError::Foreign { owner: 1234, .. })));
}
