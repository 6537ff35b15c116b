use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use insightd_spool::{Order, Settings, Spool};
use tempfile::tempdir;

use crate::common::{append, block, open, settings};

const DIRECTORY: &str = "INSIGHTD_SPOOL_TEST_CRASH";
const FIRST: &str = "INSIGHTD_SPOOL_TEST_FIRST";

fn roomy(directory: &Path) -> Settings {
    Settings { max_bytes: 1 << 30, segment_bytes: 100_000, ..settings(directory) }
}

/// Returns sizes large enough that some kills interrupt a write.
fn bytes(n: u32) -> usize {
    fastrand::Rng::with_seed(u64::from(n) ^ 0x5eed)
        .usize(..if n.is_multiple_of(3) { 2_000_000 } else { 20_000 })
}

/// Not a test by itself: the child process that the next test kills. It prints its progress: A, accepted; D, about to be
/// done; F, done.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let first: u32 = std::env::var(FIRST).unwrap().parse().unwrap();
    let say = |what: char, n: u32| {
        let mut out = std::io::stdout().lock();
        let _ = write!(out, "\n{what} {n}\n").and_then(|()| out.flush());
    };
    let mut spool = open(&roomy(Path::new(&directory)));
    for n in first.. {
        append(&mut spool, &block(n, bytes(n)));
        say('A', n);
        let order = if n % 2 == 0 { Order::Oldest } else { Order::Newest };
        while spool.stats().pending.blocks > 6 {
            let lease = spool.lease(order, |_| false).unwrap();
            let delivered = spool.read(&lease).unwrap().events - 1;
            say('D', delivered);
            spool.done(lease);
            say('F', delivered);
        }
    }
}

#[derive(Default)]
struct Heard {
    accepted: BTreeSet<u32>,
    begun: BTreeSet<u32>,
    finished: BTreeSet<u32>,
}

impl Heard {
    fn take(&mut self, line: &str) -> bool {
        let Some((what, n)) = line.split_once(' ') else { return false };
        let Ok(n) = n.parse() else { return false };
        match what {
            "A" => self.accepted.insert(n),
            "D" => self.begun.insert(n),
            "F" => self.finished.insert(n),
            _ => false,
        }
    }
}

#[test]
fn a_killed_process_leaves_exactly_its_accepted_and_unfinished_blocks() {
    let directory = tempdir().unwrap();
    let mut heard = Heard::default();
    let (mut torn, mut most) = (0, 0);
    for round in 0..50 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["crash::child", "--exact", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .env(FIRST, (round * 100_000).to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut left = fastrand::usize(1..60);
        while left > 0 {
            left -= usize::from(heard.take(&lines.next().expect("the child runs until it is killed")));
        }
        // anywhere between two lines, and during a write
        std::thread::sleep(std::time::Duration::from_micros(fastrand::u64(..5_000)));
        child.kill().unwrap();
        lines.for_each(|line| _ = heard.take(&line));
        child.wait().unwrap();

        let mut spool: Spool = open(&roomy(directory.path()));
        let stats = spool.stats();
        assert_eq!(
            (stats.lost.total().blocks, stats.damage.unreadable_bytes, stats.damage.quarantined),
            (0, 0, 0)
        );
        torn += stats.damage.torn;
        let mut there = BTreeMap::new();
        while let Some(lease) = spool.lease(Order::Oldest, |_| false) {
            let found = spool.read(&lease).unwrap();
            let n = found.events - 1;
            assert!(found == block(n, bytes(n)), "block {n} is another");
            assert!(there.insert(n, lease).is_none(), "block {n} is there twice");
        }
        for n in &heard.accepted {
            if heard.finished.contains(n) {
                assert!(!there.contains_key(n), "round {round}: block {n} was done and is back");
            } else if !heard.begun.contains(n) {
                assert!(there.contains_key(n), "round {round}: block {n} was accepted and is gone");
            }
        }
        // accepted, but killed before it was printed
        let unheard = there.keys().filter(|n| !heard.accepted.contains(n)).count();
        assert!(unheard <= 1, "round {round}: {unheard} blocks that nobody appended");
        heard.accepted.extend(there.keys());
        heard.begun.retain(|n| !there.contains_key(n));
        // begun, not printed as finished, and gone: it was finished
        let settled: Vec<u32> = heard.begun.iter().copied().collect();
        heard.finished.extend(settled);
        most = most.max(there.len());
    }
    assert!(most > 3, "there was something to find");
    eprintln!("{} blocks accepted, {} done, {torn} torn records", heard.accepted.len(), heard.finished.len());
}
