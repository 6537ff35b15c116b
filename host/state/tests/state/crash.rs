use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use insightd_state::{SpaceId, StorageMode};
use tempfile::tempdir;

use crate::common::{NOW, changes, commit, get, id, open};

const DIRECTORY: &str = "INSIGHTD_STATE_TEST_CRASH";

fn spaces() -> [SpaceId; 3] {
    [id("a"), id("b"), SpaceId::new("a", "cluster", "c")]
}

/// Returns values large enough that some kills interrupt a write.
fn padding(n: u64) -> String {
    char::from(b'a' + (n % 26) as u8).to_string().repeat(60_000)
}

/// Not a test by itself: the child process that the next test kills. It prints each committed tick.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let mut store = open(Path::new(&directory));
    let first: u64 = get(&mut store, &id("a"), "n").map_or(0, |n| n.parse().unwrap());
    for n in first + 1.. {
        let (number, padding) = (n.to_string(), padding(n));
        let tick = spaces().map(|space| {
            let mut keys = vec![("n", Some(&*number))];
            let names: Vec<String> = (0..10).map(|k| format!("padding {k}")).collect();
            keys.extend(names.iter().map(|name| (&**name, Some(&*padding))));
            // a key that exists in every other tick
            keys.push(("odd", (n % 2 == 1).then_some("odd")));
            let changes = changes(&mut store, &space, &keys);
            (space, changes)
        });
        commit(&mut store, NOW + n, tick).unwrap();
        assert_eq!(store.stats().mode, StorageMode::Disk);
        let mut out = std::io::stdout().lock();
        let _ = write!(out, "\nC {n}\n").and_then(|()| out.flush());
    }
}

#[test]
fn a_killed_process_leaves_complete_ticks() {
    let directory = tempdir().unwrap();
    let (mut committed, mut unfinished, mut unheard) = (0, 0, 0);
    for round in 0..60 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["crash::child", "--exact", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut hear = |line: &str| {
            let n = line.strip_prefix("C ").and_then(|n| n.parse().ok());
            committed = n.unwrap_or(committed);
            n.is_some()
        };
        let mut left = fastrand::usize(1..8);
        while left > 0 {
            left -= usize::from(hear(&lines.next().expect("the child runs until it is killed")));
        }
        // anywhere between two lines, and during a write
        std::thread::sleep(std::time::Duration::from_micros(fastrand::u64(..8_000)));
        child.kill().unwrap();
        lines.for_each(|line| _ = hear(&line));
        child.wait().unwrap();

        unfinished += u32::from(directory.path().join("state.new").exists());
        let mut store = open(directory.path());
        assert_eq!((store.stats().mode, store.stats().quarantined), (StorageMode::Disk, 0));
        let found: u64 = get(&mut store, &id("a"), "n").unwrap().parse().unwrap();
        assert!(
            found == committed || found == committed + 1,
            "round {round}: tick {committed} was committed, {found} is there"
        );
        unheard += found - committed;
        for space in spaces() {
            let held = store.snapshot(&space);
            assert_eq!(held.get("n").unwrap()[..], *found.to_string().as_bytes(), "round {round}: {space}");
            assert_eq!(held.get("odd").is_some(), found % 2 == 1, "round {round}: {space}");
            for k in 0..10 {
                assert!(held.get(&format!("padding {k}")).unwrap()[..] == *padding(found).as_bytes());
            }
        }
        committed = found;
    }
    assert!(committed >= 60, "there was something to find");
    eprintln!("{committed} ticks, {unfinished} interrupted writes, {unheard} committed but not reported");
}
