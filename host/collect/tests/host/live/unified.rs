//! Cgroup v2 on a machine whose controllers belong to v1: its v2 hierarchy, mounted into a host tree as if it were the only one.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use cgroups_rs::freezer::FreezerController;
use cgroups_rs::{Cgroup, CgroupPid, Hierarchy, Subsystem, hierarchies};

use super::cgroups::{keyed, pod_uid};
use super::{A, freeze, sample_at_rest, wait_for};
use crate::cgroups::remove_tree;
use crate::view::{collector, sample};

/// A part of a v2 hierarchy. `cgroups_rs::hierarchies::V2` is always the one at `/sys/fs/cgroup`.
#[derive(Clone, Debug)]
struct Unified(PathBuf);

impl Hierarchy for Unified {
    /// Returns the subsystem that every v2 cgroup has; processes are moved through it.
    fn subsystems(&self) -> Vec<Subsystem> {
        vec![Subsystem::Freezer(FreezerController::new(self.0.clone(), true))]
    }

    fn root(&self) -> PathBuf {
        self.0.clone()
    }

    fn root_control_group(&self) -> Cgroup {
        Cgroup::load(Box::new(self.clone()), "")
    }

    fn parent_control_group(&self, path: &str) -> Cgroup {
        let parent = Path::new(path).parent().unwrap_or(Path::new(""));
        Cgroup::load(Box::new(self.clone()), parent)
    }

    fn v2(&self) -> bool {
        true
    }
}

/// A host tree with a bind mount of one cgroup of the v2 hierarchy; dropping it removes the cgroup and its process.
struct UnifiedHost {
    tree: tempfile::TempDir,
    hierarchy: Unified,
    mount_point: PathBuf,
    child: Option<Child>,
}

impl UnifiedHost {
    /// Returns `None`, with a note on stderr, if the machine has no such hierarchy or this user may not use it.
    fn new(test: &str) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let row = mounts.lines().find(|line| line.contains(" - cgroup2 "));
        let (Some(point), false) = (row.and_then(|row| row.split(' ').nth(4)), hierarchies::auto().v2())
        else {
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: {test}: needs a cgroup v2 hierarchy beside those of v1"
            );
            return None;
        };
        let top = Path::new(point).join(format!("insightd-test-{test}-{}", std::process::id()));
        let tree = tempfile::tempdir().unwrap();
        let mount_point = tree.path().join("sys/fs/cgroup");
        fs::create_dir_all(&mount_point).unwrap();
        let mut mount = Command::new("mount");
        mount.arg("--bind").args([&top, &mount_point]);
        if fs::create_dir(&top).is_err() || !mount.status().is_ok_and(|status| status.success()) {
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: {test}: needs root to create cgroups below {point} and to mount"
            );
            return None;
        }
        let host = Self { tree, hierarchy: Unified(top), mount_point, child: None };
        fs::create_dir_all(host.path().join("proc/1/net")).unwrap();
        for file in ["meminfo", "cpuinfo", "1/net/dev"] {
            fs::copy(Path::new("/proc").join(file), host.path().join("proc").join(file)).unwrap();
        }
        let mountinfo = "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        fs::write(host.path().join("proc/1/mountinfo"), mountinfo).unwrap();
        Some(host)
    }

    fn path(&self) -> &Path {
        self.tree.path()
    }

    /// Starts a process in a new cgroup.
    fn run(&mut self, path: &str, program: &str, arguments: &[&str]) -> u32 {
        let cgroup = Cgroup::new(Box::new(self.hierarchy.clone()), path).unwrap();
        let child = self.child.insert(Command::new(program).args(arguments).spawn().unwrap());
        cgroup.add_task_by_tgid(CgroupPid::from(&*child)).unwrap();
        child.id()
    }
}

impl Drop for UnifiedHost {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = Command::new("umount").arg(&self.mount_point).status();
        remove_tree(&self.hierarchy.0);
    }
}

#[test]
fn a_busy_v2_container_has_the_values_of_its_files() {
    let Some(mut host) = UnifiedHost::new("v2") else { return };
    let uid = pod_uid();
    let slice = format!(
        "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{}.slice",
        uid.replace('-', "_")
    );
    let path = format!("{slice}/cri-containerd-{A}.scope");
    let process = host.run(&path, "sh", &["-c", "while :; do :; done"]);
    let stat = host.hierarchy.0.join(&path).join("cpu.stat");
    let mut collector = collector(host.path());
    sample(&mut collector);
    wait_for(|| keyed(stat.clone(), "user_usec") >= 1000);
    freeze(process);
    let (view, (usage, user)) = sample_at_rest(&mut collector, || {
        (keyed(stat.clone(), "usage_usec"), keyed(stat.clone(), "user_usec"))
    });
    view.no_problems();
    assert_eq!(view.node().attribute("cgroup.version"), Some("2"));
    let container = view.find("cgroup", &path).unwrap();
    assert_eq!(container.current("cpu.usage_ns"), Some(usage * 1000));
    assert_eq!(container.current("cpu.user_ns"), Some(user * 1000));
    assert_eq!(container.attribute("container.runtime"), Some("containerd"));
    assert_eq!(view.find("cgroup", &slice).unwrap().attribute("pod.uid"), Some(uid.as_str()));
    assert_eq!(container.gauge("memory.usage_bytes"), None, "the controller is not enabled here");
}
