use std::sync::Arc;

use insightd_state::{CommitError, Settings, SpaceId, SpaceStats, StorageMode, Store};
use tempfile::tempdir;

use crate::common::{NOW, changes, commit, get, id, open, put, reason};

#[test]
fn committed_changes_survive_a_restart() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("state");
    let (a, b) = (id("a"), SpaceId::new("a", "cluster", "n1"));
    let mut store = open(&path);
    let tick = [
        (a.clone(), changes(&mut store, &a, &[("k", Some("1")), ("l", Some("2"))])),
        (b.clone(), changes(&mut store, &b, &[("k", Some("other"))])),
    ];
    commit(&mut store, NOW, tick).unwrap();
    let tick = changes(&mut store, &a, &[("k", Some("3")), ("l", None)]);
    commit(&mut store, NOW + 60_000, [(a.clone(), tick)]).unwrap();
    drop(store);

    let mut store = open(&path);
    assert_eq!((get(&mut store, &a, "k"), get(&mut store, &a, "l")), (Some("3".into()), None));
    assert_eq!(get(&mut store, &b, "k").as_deref(), Some("other"));
    let stats = store.stats();
    assert_eq!((&stats.mode, stats.quarantined), (&StorageMode::Disk, 0));
    let space = |id: SpaceId, bytes, written_ms| SpaceStats { id, bytes, keys: 1, since_ms: NOW, written_ms };
    assert_eq!(stats.spaces, [space(b, 6, NOW), space(a, 2, NOW + 60_000)]);
    // ids count as well: `a` and `cluster/n1`, `a` and `node/n1`
    assert_eq!(stats.bytes, (1 + 10 + 6) + (1 + 7 + 2));
}

#[test]
fn uncommitted_changes_are_lost_and_snapshots_are_immutable() {
    let directory = tempdir().unwrap();
    let mut store = open(directory.path());
    let a = id("a");
    put(&mut store, &a, NOW, "k", "1");
    let before = store.snapshot(&a);
    let shadow = changes(&mut store, &a, &[("k", Some("shadow"))]);
    drop(shadow);
    assert_eq!(get(&mut store, &a, "k").as_deref(), Some("1"));
    put(&mut store, &a, NOW, "k", "2");
    assert_eq!(before.get("k").map(Arc::clone).as_deref(), Some(&b"1"[..]));
}

#[test]
fn a_tick_without_changes_writes_nothing() {
    let directory = tempdir().unwrap();
    let mut store = open(directory.path());
    let a = id("a");
    commit(&mut store, NOW, [(a.clone(), Default::default())]).unwrap();
    assert!(!directory.path().join("state").exists());
    put(&mut store, &a, NOW, "k", "1");
    let modified = || directory.path().join("state").metadata().unwrap().modified().unwrap();
    let before = modified();
    let same = changes(&mut store, &a, &[("k", Some("1"))]);
    commit(&mut store, NOW, [(a, same)]).unwrap();
    assert_eq!(modified(), before);
}

#[test]
fn a_tick_beyond_the_bound_is_refused_as_a_whole() {
    let directory = tempdir().unwrap();
    let settings = Settings { max_bytes: 100, ..Settings::new(directory.path()) };
    let mut store = Store::open(settings.clone());
    let (a, b) = (id("a"), id("b"));
    put(&mut store, &a, NOW, "k", &"x".repeat(51));
    // 8 bytes for each id; 60 bytes are in use
    let tick = |store: &mut Store, bytes: usize| {
        let a_changes = changes(store, &a, &[("k", Some(&"y".repeat(51)))]);
        let b_changes = changes(store, &b, &[("k", Some(&"x".repeat(bytes)))]);
        commit(store, NOW, [(a.clone(), a_changes), (b.clone(), b_changes)])
    };
    let error = tick(&mut store, 32).unwrap_err();
    assert_eq!(error, CommitError::Full { bytes: 101, max_bytes: 100, largest: a.clone() });
    assert!(error.to_string().contains("the largest is that of `a node/n1`"), "{error}");
    assert_eq!(get(&mut store, &a, "k"), Some("x".repeat(51)), "the other half of the tick");
    assert_eq!((store.stats().refused_ticks, store.stats().bytes), (1, 60));
    tick(&mut store, 31).unwrap();
    assert_eq!(store.stats().bytes, 100);
    // a bound lowered below the size still accepts changes that shrink the state
    let mut store = {
        drop(store);
        Store::open(Settings { max_bytes: 20, ..settings })
    };
    assert_eq!(get(&mut store, &b, "k"), Some("x".repeat(31)));
    put(&mut store, &a, NOW, "k", &"z".repeat(50));
    assert_eq!(store.stats().bytes, 99);
}

#[test]
fn unused_spaces_make_room_oldest_first() {
    let directory = tempdir().unwrap();
    let settings = Settings { max_bytes: 100, ..Settings::new(directory.path()) };
    let mut store = Store::open(settings.clone());
    for (at, transform) in ["old", "young", "used"].into_iter().enumerate() {
        put(&mut store, &id(transform), NOW + at as u64, "k", "0123456789");
    }
    drop(store);
    let mut store = Store::open(settings);
    assert!(get(&mut store, &id("used"), "k").is_some());
    put(&mut store, &id("new"), NOW + 9, "k", &"x".repeat(30));
    let left: Vec<_> = store.stats().spaces.into_iter().map(|space| space.id.transform).collect();
    assert_eq!(left, ["new", "used", "young"]);
    assert_eq!(store.stats().dropped, 1);
    let refused = changes(&mut store, &id("new"), &[("l", Some(&"x".repeat(40)))]);
    assert!(commit(&mut store, NOW, [(id("new"), refused)]).is_err());
    assert_eq!(store.stats().spaces.len(), 3, "nothing is dropped in vain");
}

#[test]
fn a_space_unused_for_an_hour_makes_room() {
    const HOUR_MS: u64 = 60 * 60 * 1000;
    let mut store = Store::in_memory(100);
    let (gone, read, new) = (id("gone"), id("read"), id("new"));
    put(&mut store, &gone, NOW, "k", &"x".repeat(20));
    put(&mut store, &read, NOW, "k", &"x".repeat(20));
    let mut grow = |now_ms: u64| {
        assert!(get(&mut store, &read, "k").is_some(), "a read is a use, too");
        let grown = changes(&mut store, &new, &[("k", Some(&"x".repeat(40)))]);
        let committed = commit(&mut store, now_ms, [(new.clone(), grown)]);
        (committed.is_ok(), store.stats().dropped)
    };
    assert_eq!(grow(NOW + HOUR_MS - 1), (false, 0));
    assert_eq!(grow(NOW + HOUR_MS), (true, 1));
    let left: Vec<_> = store.stats().spaces.into_iter().map(|space| space.id).collect();
    assert_eq!(left, [new, read]);
}

#[test]
fn a_tick_with_several_refused_groups_counts_once() {
    let mut store = Store::in_memory(100);
    let large = |store: &mut Store, name: &str| {
        let changes = changes(store, &id(name), &[("k", Some(&"x".repeat(200)))]);
        [(id(name), changes)]
    };
    let groups = [large(&mut store, "a"), large(&mut store, "b")];
    assert_eq!(store.commit_groups(NOW, groups).len(), 2);
    assert_eq!(store.stats().refused_ticks, 1);
}

#[test]
fn cleared_spaces_stay_cleared_after_a_restart() {
    let directory = tempdir().unwrap();
    let mut store = open(directory.path());
    let (a, b) = (id("a"), id("b"));
    put(&mut store, &a, NOW, "k", "1");
    put(&mut store, &b, NOW, "k", "2");
    assert_eq!(store.clear(NOW, |id| *id == a), 1);
    assert_eq!(store.clear(NOW, |id| *id == a), 0, "there is nothing any more");
    assert_eq!(store.stats().spaces.len(), 1);
    drop(store);
    let mut store = open(directory.path());
    assert_eq!((get(&mut store, &a, "k"), get(&mut store, &b, "k")), (None, Some("2".into())));
    assert_eq!(store.clear(NOW, |_| true), 1);
    drop(store);
    assert_eq!(open(directory.path()).stats().spaces, []);
}

#[test]
fn a_store_without_a_directory_is_in_memory() {
    let mut store = Store::in_memory(1000);
    put(&mut store, &id("a"), NOW, "k", "1");
    assert_eq!(get(&mut store, &id("a"), "k").as_deref(), Some("1"));
    assert_eq!(reason(&store), "no directory is configured");
}
