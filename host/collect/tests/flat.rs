//! Checks that a collector's memory and open files depend on the workload, not on the uptime. Runs in a process of its own,
//! because other tests open files too.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "shared/memory.rs"]
mod memory;

use std::fs;
use std::path::Path;

use insightd_collect::{Collector, HostRoot, Settings};
use insights_batch::Builder;
use memory::anonymous_kib;

const CONTAINER: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// Number of pods at any time.
const KEPT: usize = 5;

fn pod(host: &Path, tick: usize) -> std::path::PathBuf {
    host.join(format!("sys/fs/cgroup/kubepods/pod{tick}"))
}

#[test]
fn memory_and_files_stay_flat_while_pods_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let host = dir.path();
    for directory in ["proc/1/net", "sys/fs/cgroup/kubepods"] {
        fs::create_dir_all(host.join(directory)).unwrap();
    }
    fs::write(host.join("proc/meminfo"), "MemTotal: 4 kB\n").unwrap();
    fs::write(host.join("proc/cpuinfo"), "processor : 0\n").unwrap();
    fs::write(host.join("proc/1/net/dev"), "").unwrap();
    fs::write(host.join("proc/1/mountinfo"), "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
        .unwrap();
    let settings = Settings {
        node_name: "n1".to_owned(),
        forget_after: std::time::Duration::ZERO,
        ..Settings::default()
    };
    let mut collector = Collector::new(HostRoot::open(host).unwrap(), settings).unwrap();
    let mut tick = |tick: usize| {
        let made = pod(host, tick);
        for directory in [made.clone(), made.join(CONTAINER)] {
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("cpu.stat"), "usage_usec 5\n").unwrap();
            fs::write(directory.join("memory.stat"), "anon 5\nfile 6\n").unwrap();
        }
        if tick >= KEPT {
            fs::remove_dir_all(pod(host, tick - KEPT)).unwrap();
        }
        let mut builder = Builder::new("node", "n1", tick as u64, 1000);
        let report = collector.sample(&mut builder);
        assert_eq!(report.problems, []);
        assert_eq!(report.cgroups, 2 * (tick + 1).min(KEPT));
    };
    let files = || fs::read_dir("/proc/self/fd").unwrap().count();
    (0..300).for_each(&mut tick);
    let before = (files(), anonymous_kib());
    (300..1300).for_each(&mut tick);
    let after = (files(), anonymous_kib());
    assert_eq!(after.0, before.0, "open files");
    assert!(after.1 <= before.1 + 64, "{} KiB before, {} KiB after 1000 ticks", before.1, after.1);
}
