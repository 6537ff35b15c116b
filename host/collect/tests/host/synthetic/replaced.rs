//! Files that are replaced by something else before they are read, or that change during the read.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{A, Host, container};
use crate::view::{collector, sample};

/// A name, and a function that replaces a file.
type Case<'a> = (&'a str, &'a dyn Fn(&Path));

#[test]
fn an_unreadable_file_affects_only_its_own_values() {
    let pipe = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    let directory = |path: &Path| fs::create_dir(path).unwrap();
    let link = |path: &Path| symlink("/proc/self/stat", path).unwrap();
    let endless = |path: &Path| fs::File::create(path).unwrap().set_len(1 << 40).unwrap();
    let cases: [Case<'_>; 4] =
        [("pipe", &pipe), ("directory", &directory), ("link", &link), ("endless", &endless)];
    for (name, replace) in cases {
        let host = Host::v2();
        host.file("proc/diskstats", "");
        let mut collector = collector(host.path());
        sample(&mut collector).no_problems();
        let cgroup = format!("sys/fs/cgroup/{}/memory.current", container(A));
        for path in [cgroup.as_str(), "proc/meminfo", "proc/1/net/dev"] {
            let path = host.path().join(path);
            fs::remove_file(&path).unwrap();
            replace(&path);
        }
        let view = sample(&mut collector);
        let seen = view.find("cgroup", &container(A)).unwrap();
        assert_eq!(seen.gauge("memory.usage_bytes"), None, "{name}");
        assert_eq!(seen.current("cpu.usage_ns"), Some(600_000), "{name}");
        assert_eq!(view.node().gauge("node.memory_total_bytes"), None, "{name}");
        assert_eq!(view.of_kind("interface").len(), 0, "{name}");
        assert_eq!(view.report.cgroups, 3, "{name}");
        let told = view.report.problems.iter().any(|problem| problem.path.ends_with("memory.current"));
        assert!(told, "{name}: {:?}", view.report.problems);
    }
}

/// The writer truncates, fills and replaces a file; a value is either correct or absent.
#[test]
fn a_file_changed_during_a_read_gives_correct_values_or_none() {
    let host = Host::v2();
    let dir = host.path().join("sys/fs/cgroup").join(container(A));
    let done = AtomicBool::new(false);
    let view = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let _ = fs::write(dir.join("memory.current"), "");
                let _ = fs::write(dir.join("memory.current"), "4096\n");
                let _ = fs::write(dir.join("new"), "4096\n");
                let _ = fs::rename(dir.join("new"), dir.join("memory.current"));
                let _ = fs::remove_file(dir.join("memory.current"));
            }
        });
        let mut collector = collector(host.path());
        let mut wrong = None;
        for _ in 0..300 {
            let view = sample(&mut collector);
            let seen = view.find("cgroup", &container(A)).unwrap();
            let usage = seen.gauge("memory.usage_bytes");
            if usage.is_some_and(|usage| usage != 4096.0) || seen.current("cpu.usage_ns") != Some(600_000) {
                wrong = Some(usage);
                break;
            }
        }
        done.store(true, Ordering::Relaxed);
        wrong
    });
    assert_eq!(view, None);
}
