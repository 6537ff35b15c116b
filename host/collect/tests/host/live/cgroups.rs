//! Cgroups of one test, and independent reads of their files.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};

use cgroups_rs::{Cgroup, CgroupPid};

use crate::cgroups::{create, directories, directory, remove_tree};
use crate::view::{EntityView, View};

/// Cgroups below a cgroup of their own; dropping the value removes them and the processes in them.
pub(super) struct TestCgroups {
    top: Cgroup,
    /// Uid of the pod, unique: a pod below several roots counts once, and other tests run on this machine at the same time.
    pub(super) uid: String,
    children: Vec<Child>,
}

impl TestCgroups {
    /// Creates the cgroup of a test. Returns `None`, with a note on stderr, if this user may not create cgroups.
    pub(super) fn new(test: &str) -> Option<Self> {
        let top = create(&format!("insightd-test-{test}-{}", std::process::id()));
        if top.is_none() {
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: {test}: needs root, and the cgroup controllers cpu, memory and pids"
            );
        }
        Some(Self { top: top?, uid: pod_uid(), children: Vec::new() })
    }

    pub(super) fn is_v2(&self) -> bool {
        self.top.v2()
    }

    /// Returns the name of the test's own cgroup.
    pub(super) fn name(&self) -> &str {
        self.top.path()
    }

    /// Creates the pod and container at that path in each hierarchy.
    pub(super) fn create(&self, path: &str) -> Cgroup {
        create(&format!("{}/{path}", self.name())).unwrap()
    }

    /// Starts a process and moves it into a cgroup.
    pub(super) fn run(&mut self, cgroup: &Cgroup, program: &str, arguments: &[&str]) -> u32 {
        let child = Command::new(program).args(arguments).spawn().unwrap();
        let process = child.id();
        cgroup.add_task_by_tgid(CgroupPid::from(&child)).unwrap();
        self.children.push(child);
        process
    }

    /// Ends all processes of the test.
    pub(super) fn end_processes(&mut self) {
        for mut child in self.children.drain(..) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Returns the entity of the cgroup at that path below the test's own: other tests have pods on this machine as well.
    pub(super) fn entity<'v>(&self, view: &'v View, path: &str) -> EntityView<'v> {
        view.find("cgroup", &format!("{}/{path}", self.name())).unwrap()
    }
}

impl Drop for TestCgroups {
    fn drop(&mut self) {
        self.end_processes();
        directories(&self.top).iter().for_each(|directory| remove_tree(directory));
    }
}

/// Returns the uid of a pod that no other test has.
pub(super) fn pod_uid() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("0a1b2c3d-{count:04x}-4000-8000-{:012x}", std::process::id())
}

/// Returns the id of a task that no other test has.
pub(super) fn task_id() -> String {
    pod_uid().replace('-', "")
}

/// Removes a cgroup in all hierarchies once its processes have left it.
pub(super) fn remove(cgroup: &Cgroup) {
    directories(cgroup).iter().for_each(|directory| remove_tree(directory));
}

/// Returns the CPU time of a cgroup, nanoseconds.
pub(super) fn cpu_usage_ns(cgroup: &Cgroup) -> u64 {
    match cgroup.v2() {
        true => keyed(file(cgroup, "cpu", "cpu.stat"), "usage_usec") * 1000,
        false => number(file(cgroup, "cpuacct", "cpuacct.usage")),
    }
}

/// Returns the memory usage of a cgroup, bytes.
pub(super) fn memory_bytes(cgroup: &Cgroup) -> u64 {
    number(file(cgroup, "memory", if cgroup.v2() { "memory.current" } else { "memory.usage_in_bytes" }))
}

/// Returns the number of page faults of a cgroup.
pub(super) fn page_faults(cgroup: &Cgroup) -> u64 {
    keyed(file(cgroup, "memory", "memory.stat"), "pgfault")
}

/// Returns the number of periods in which the CPU quota of a cgroup was used up.
pub(super) fn throttled_periods(cgroup: &Cgroup) -> u64 {
    keyed(file(cgroup, "cpu", "cpu.stat"), "nr_throttled")
}

fn file(cgroup: &Cgroup, controller: &str, name: &str) -> PathBuf {
    directory(cgroup, controller).unwrap().join(name)
}

fn number(path: PathBuf) -> u64 {
    fs::read_to_string(path).unwrap().trim().parse().unwrap()
}

/// Returns the value of a key in a file of rows `KEY VALUE`.
pub(super) fn keyed(path: PathBuf, key: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap();
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.parse().ok()).unwrap()
}
