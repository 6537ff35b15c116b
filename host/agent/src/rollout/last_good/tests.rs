use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use super::*;
use crate::config::Config;

const TEXT: &str = "pipelines: [{name: p, scope: node, transforms: [{use: 'file:a'}], outputs: [{formatter: {use: 'builtin:emf'}, sink: stdout}]}]\ntransforms_dir: /nowhere\n";

fn snapshot(content: &[u8]) -> Snapshot {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("a.wasm"), content).unwrap();
    let config = Config::parse(TEXT, None, &Environment::default()).unwrap();
    Snapshot::new(TEXT.into(), config, Some(directory.path()))
}

#[test]
fn what_is_kept_is_read_again_and_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let store = LastGoodStore::new(&directory.path().join("state"));
    assert!(store.read(&Environment::default()).is_none());
    for content in [b"one", b"two"] {
        let snapshot = snapshot(content);
        store.write_taken(&snapshot, &[], |_, _| true).unwrap();
        assert_ne!(store.read(&Environment::default()).map(|read| read.id), Some(snapshot.id));
        store.keep(snapshot.id, &[]).unwrap();
        let read = store.read(&Environment::default()).unwrap();
        assert_eq!((read.id, &read.files), (snapshot.id, &snapshot.files));
    }
}

#[test]
fn half_a_bundle_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let store = LastGoodStore::new(directory.path());
    let snapshot = snapshot(b"one");
    store.write_taken(&snapshot, &[], |_, _| true).unwrap();
    store.keep(snapshot.id, &[]).unwrap();
    fs::write(directory.path().join("last-good/a.wasm"), b"another").unwrap();
    assert!(store.read(&Environment::default()).is_none());
    fs::remove_file(directory.path().join("last-good/id")).unwrap();
    assert!(store.read(&Environment::default()).is_none());
}

#[test]
fn sets_on_trial_are_written_down_beside_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let store = LastGoodStore::new(directory.path());
    let [one, two, three] = [b"one".as_slice(), b"two", b"three"].map(snapshot);
    store.write_taken(&one, &[], |_, _| true).unwrap();
    store.write_taken(&two, &[one.id], |_, _| true).unwrap();
    store.write_taken(&three, &[two.id], |_, _| true).unwrap();
    assert!(store.keep(one.id, &[]).is_err());
    assert!(store.read(&Environment::default()).is_none());
    store.keep(two.id, &[three.id]).unwrap();
    store.keep(three.id, &[]).unwrap();
    assert_eq!(store.read(&Environment::default()).unwrap().id, three.id);
}

#[test]
fn the_latest_failures_are_remembered() {
    let directory = tempfile::tempdir().unwrap();
    let store = LastGoodStore::new(&directory.path().join("state"));
    let id = |number: u8| Generation(Sha256([number; 32]));
    for number in 0..30 {
        assert!(!store.failed().iter().any(|(failed, _)| *failed == id(number)));
        store.remember_failed(id(number), "because\nof it").unwrap();
    }
    assert_eq!(
        store.failed(),
        (10..30).map(|number| (id(number), "because of it".to_owned())).collect::<Vec<_>>()
    );
}

#[test]
fn a_failed_bundle_goes_and_the_one_before_it_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let store = LastGoodStore::new(&directory.path().join("state"));
    let [one, two] = [b"one".as_slice(), b"two"].map(snapshot);
    store.write_taken(&one, &[], |_, _| true).unwrap();
    store.write_taken(&two, &[one.id], |_, _| true).unwrap();
    store.remember_failed(two.id, "").unwrap();
    assert!(!directory.path().join("state").join(taken(two.id)).exists());
    assert_eq!(store.read_taken(two.id, &Environment::default()).unwrap().id, one.id);
    store.remember_failed(one.id, "").unwrap();
    assert!(store.read_taken(two.id, &Environment::default()).is_none());
}

#[test]
fn what_is_no_component_is_not_written_down() {
    let directory = tempfile::tempdir().unwrap();
    let store = LastGoodStore::new(&directory.path().join("state"));
    let secret = snapshot(b"root:x:0:0");
    store.write_taken(&secret, &[], |_, _| false).unwrap();
    let taken = directory.path().join("state").join(taken(secret.id));
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&taken), mode(&taken.join("id"))), (0o700, 0o600));
    assert!(!taken.join("a.wasm").exists());
    let read = store.read_taken(snapshot(b"another").id, &Environment::default()).unwrap();
    assert!(read.id == secret.id && read.files["a.wasm"].is_err());
    assert!(store.read_taken(secret.id, &Environment::default()).is_none());
}

#[test]
fn a_pipe_or_a_link_in_its_place_is_not_followed() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let directory = tempfile::tempdir().unwrap();
    let store = LastGoodStore::new(directory.path());
    let at = |name: &str| directory.path().join(name);
    fs::create_dir(at("last-good")).unwrap();
    mknodat(CWD, at("last-good/id"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    assert!(store.read(&Environment::default()).is_none());
    fs::write(at("victim"), "mine").unwrap();
    symlink(at("victim"), at("failed.new")).unwrap();
    store.remember_failed(Generation(Sha256([1; 32])), "it trapped").unwrap();
    assert_eq!(fs::read_to_string(at("victim")).unwrap(), "mine");
    assert_eq!(store.failed(), [(Generation(Sha256([1; 32])), "it trapped".to_owned())]);
}

#[test]
fn what_is_left_of_bundles_that_were_replaced_goes_and_the_first_is_the_way_back() {
    let directory = tempfile::tempdir().unwrap();
    let store = LastGoodStore::new(directory.path());
    let bundles = [b"one".as_slice(), b"two", b"three", b"four"].map(snapshot);
    let ids = bundles.each_ref().map(|bundle| bundle.id);
    for (index, bundle) in bundles.iter().enumerate() {
        store.write_taken(bundle, &ids[..index], |_, _| true).unwrap();
        // Later than the one before, even on a coarse clock.
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000 + index as u64);
        fs::File::open(directory.path().join(taken(bundle.id))).unwrap().set_modified(at).unwrap();
    }
    assert_eq!(store.read_taken(ids[3], &Environment::default()).unwrap().id, ids[0]);
    store.keep(ids[1], &ids[3..]).unwrap();
    let names = PrivateDir::open(directory.path()).unwrap().names().unwrap();
    let mut expected = [GOOD.to_owned(), taken(ids[3])];
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn files_that_are_no_bundle_take_no_memory_and_no_time() {
    let directory = tempfile::tempdir().unwrap();
    let store = LastGoodStore::new(directory.path());
    let bundle = snapshot(b"one");
    store.write_taken(&bundle, &[], |_, _| true).unwrap();
    store.keep(bundle.id, &[]).unwrap();
    for name in ["a.wasm", "insightd.yaml", "id"] {
        let path = directory.path().join("last-good").join(name);
        let before = fs::read(&path).unwrap();
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(20 << 30).unwrap();
        assert!(store.read(&Environment::default()).is_none(), "{name}");
        fs::write(&path, before).unwrap();
    }
    assert!(store.read(&Environment::default()).is_some());
    let failed = fs::File::create(directory.path().join("failed")).unwrap();
    failed.set_len(20 << 30).unwrap();
    assert!(store.failed().is_empty());
}

#[test]
fn texts_of_a_bundle_are_kept_with_it() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("team.rhai"), "remove(node());").unwrap();
    let text = "pipelines: [{name: p, scope: node, transforms: [{use: 'builtin:script', config_files: {program: team.rhai}}], outputs: [{formatter: {use: 'builtin:emf'}, sink: stdout}]}]\ntransforms_dir: /nowhere\n";
    let config = Config::parse(text, None, &Environment::default()).unwrap();
    let snapshot = Snapshot::new(text.into(), config, Some(directory.path()));
    let store = LastGoodStore::new(&directory.path().join("state"));
    store.write_taken(&snapshot, &[], |_, _| true).unwrap();
    store.keep(snapshot.id, &[]).unwrap();
    fs::remove_file(directory.path().join("team.rhai")).unwrap();
    let read = store.read(&Environment::default()).unwrap();
    assert_eq!(read.id, snapshot.id);
    let settings = &read.config.pipelines[0].transforms[0].component.config;
    assert_eq!(settings.text, r#"{"program":"remove(node());"}"#);
}
