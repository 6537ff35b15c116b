//! Real cgroups of this machine, of either version. Tests and benchmarks include this file.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cgroups_rs::{Cgroup, hierarchies};

/// Controllers whose files the collector reads on a machine with cgroup v1.
pub(crate) const V1_CONTROLLERS: [&str; 5] = ["cpuacct", "memory", "cpu", "blkio", "pids"];
/// Controllers that are enabled for the cgroups of a test on a machine with cgroup v2.
const V2_CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];

/// Creates a cgroup below the roots of all hierarchies of this machine. Returns `None` if this user may not, or a controller is
/// missing.
pub(crate) fn create(path: &str) -> Option<Cgroup> {
    let hierarchy = hierarchies::auto();
    let controllers: &[&str] = if hierarchy.v2() { &V2_CONTROLLERS } else { &V1_CONTROLLERS };
    let names = controllers.iter().map(|name| (*name).to_owned()).collect();
    let cgroup = Cgroup::new_with_specified_controllers(hierarchy, path, Some(names)).ok()?;
    // In v1 the crate only logs a directory that cannot be created; in v2 it ignores a controller that cannot be enabled.
    let exists = |controller: &&str| {
        let file = if cgroup.v2() { format!("{controller}.max") } else { "cgroup.procs".to_owned() };
        directory(&cgroup, controller).is_some_and(|directory| directory.join(file).exists())
    };
    controllers.iter().all(exists).then_some(cgroup)
}

/// Returns the directory of a cgroup that has the files of this controller.
pub(crate) fn directory(cgroup: &Cgroup, controller: &str) -> Option<PathBuf> {
    let subsystem = cgroup.subsystems().iter().find(|subsystem| subsystem.controller_name() == controller)?;
    Some(subsystem.to_controller().path().to_owned())
}

/// Returns the directories of a cgroup, one per hierarchy.
pub(crate) fn directories(cgroup: &Cgroup) -> Vec<PathBuf> {
    let paths = cgroup.subsystems().iter().map(|subsystem| subsystem.to_controller().path().to_owned());
    let mut directories: Vec<_> = paths.collect();
    directories.sort();
    directories.dedup();
    directories
}

/// Removes a cgroup tree from the bottom up; the files in a cgroup go with it. A dead process leaves its cgroup with a delay.
///
/// `Cgroup::delete` removes only cgroups without children.
pub(crate) fn remove_tree(directory: &Path) {
    let below = fs::read_dir(directory).into_iter().flatten().flatten();
    below.map(|entry| entry.path()).filter(|path| path.is_dir()).for_each(|path| remove_tree(&path));
    for _ in 0..200 {
        if fs::remove_dir(directory).is_ok() || !directory.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
