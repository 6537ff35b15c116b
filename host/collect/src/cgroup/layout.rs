//! The mounted cgroup hierarchies.

use super::reading::{CachedFacts, Reader, Reading};
use super::{v1, v2};
use crate::error::is_absent;
use crate::proc::mountinfo::Mount;
use crate::report::Problems;
use crate::root::{Dir, HostRoot};

/// Directory where systemd, and every container runtime after it, mounts the hierarchies.
const DEFAULT_MOUNT: &str = "/sys/fs/cgroup";

/// Hierarchies in the mount list.
#[derive(Debug, Default)]
pub(crate) struct Mounts {
    /// Mount points of v1 hierarchies by controller; the first of each.
    v1: [Option<String>; CONTROLLERS.len()],
    v2: Option<String>,
}

/// Controllers whose files are read.
const CONTROLLERS: [&str; 5] = ["cpuacct", "memory", "cpu", "blkio", "pids"];

impl Mounts {
    pub(crate) fn add(&mut self, mount: &Mount<'_>) {
        match mount.fs_type {
            "cgroup" => {
                for (controller, mount_point) in CONTROLLERS.iter().zip(&mut self.v1) {
                    if mount_point.is_none() && mount.has_option(controller) {
                        *mount_point = Some(mount.point.clone().into_owned());
                    }
                }
            }
            // a hybrid host has its v2 hierarchy elsewhere, without controllers
            "cgroup2" if self.v2.is_none() || mount.point == DEFAULT_MOUNT => {
                self.v2 = Some(mount.point.clone().into_owned());
            }
            _ => {}
        }
    }
}

/// One mounted hierarchy.
#[derive(Debug)]
pub(crate) struct Hierarchy {
    pub(crate) point: String,
    pub(crate) dir: Dir,
}

/// Index of the hierarchy that serves each controller.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Controllers {
    pub(crate) cpuacct: Option<usize>,
    pub(crate) memory: Option<usize>,
    pub(crate) cpu: Option<usize>,
    pub(crate) blkio: Option<usize>,
    pub(crate) pids: Option<usize>,
}

/// The cgroup version of the host, with its open hierarchies.
#[derive(Debug)]
pub(crate) enum Layout {
    /// One hierarchy per controller or group of controllers.
    V1 { hierarchies: Vec<Hierarchy>, controllers: Controllers },
    /// One hierarchy for all controllers.
    V2 { hierarchy: Hierarchy },
}

impl Layout {
    /// Opens the mounted hierarchies. Returns `None` if none is mounted, or none can be reached below this root.
    pub(crate) fn detect(root: &HostRoot, mounts: &Mounts, problems: &mut Problems) -> Option<Self> {
        let mut open = |point: &str| match root.dir(point) {
            Ok(dir) => Some(Hierarchy { point: point.to_owned(), dir }),
            Err(errno) => {
                if !is_absent(errno) {
                    problems.add("cgroup", || point.to_owned(), std::io::Error::from(errno));
                }
                None
            }
        };
        let is_v2_at_default = mounts.v2.as_deref() == Some(DEFAULT_MOUNT);
        let any_v1 = mounts.v1.iter().any(Option::is_some);
        if let Some(point) = mounts.v2.as_deref().filter(|_| is_v2_at_default || !any_v1) {
            return open(point).map(|hierarchy| Self::V2 { hierarchy });
        }
        let mut hierarchies: Vec<Hierarchy> = Vec::new();
        let found = mounts.v1.each_ref().map(|point| {
            let point = point.as_deref()?;
            if let Some(index) = hierarchies.iter().position(|hierarchy| hierarchy.point == point) {
                return Some(index);
            }
            hierarchies.push(open(point)?);
            Some(hierarchies.len() - 1)
        });
        let [cpuacct, memory, cpu, blkio, pids] = found;
        let controllers = Controllers { cpuacct, memory, cpu, blkio, pids };
        (!hierarchies.is_empty()).then_some(Self::V1 { hierarchies, controllers })
    }

    /// Opens the hierarchies at the usual mount point, for a mount list without them: it cannot be read, or belongs to another
    /// mount namespace. Reports that as a problem.
    pub(crate) fn at_default_mount(root: &HostRoot, problems: &mut Problems) -> Option<Self> {
        let dir = root.dir(DEFAULT_MOUNT).ok()?;
        let mut mounts = Mounts::default();
        // the directory above the v1 hierarchies is a file system without files
        if [c"cgroup.controllers", c"cgroup.procs", c"cpu.stat"].iter().any(|name| dir.file(name).is_ok()) {
            mounts.v2 = Some(DEFAULT_MOUNT.to_owned());
        } else {
            let mut found = Vec::new();
            dir.for_each(|entry| found.extend(entry.is_dir.then(|| entry.name.to_owned()))).ok()?;
            // a directory without a mount is empty
            found.retain(|name| {
                let mut entries = 0;
                dir.dir(name).is_ok_and(|dir| dir.for_each(|_| entries += 1).is_ok()) && entries > 0
            });
            found.sort_unstable();
            for (controller, mount_point) in CONTROLLERS.iter().zip(&mut mounts.v1) {
                let name = found.iter().find(|name| name.split(',').any(|part| part == *controller));
                *mount_point = name.map(|name| format!("{DEFAULT_MOUNT}/{name}"));
            }
        }
        let layout = Self::detect(root, &mounts, problems)?;
        let error = "no cgroup hierarchy in the mount list; using those found in this directory";
        problems.add("cgroup", || DEFAULT_MOUNT.to_owned(), error);
        Some(layout)
    }

    /// Returns the cgroup version, `1` or `2`.
    pub(crate) fn version(&self) -> &'static str {
        match self {
            Self::V1 { .. } => "1",
            Self::V2 { .. } => "2",
        }
    }

    /// Returns the hierarchies; the first one is walked to find cgroups.
    pub(crate) fn hierarchies(&self) -> &[Hierarchy] {
        match self {
            Self::V1 { hierarchies, .. } => hierarchies,
            Self::V2 { hierarchy } => std::slice::from_ref(hierarchy),
        }
    }

    /// Opens the directories of one cgroup. Returns `None` if it does not exist (any more) in any hierarchy.
    pub(crate) fn open(&self, path: &str, reader: &mut Reader<'_>) -> Option<CgroupDirs> {
        let mut dirs = [const { None }; CONTROLLERS.len()];
        for (hierarchy, dir) in self.hierarchies().iter().zip(&mut dirs) {
            match hierarchy.dir.dir(path) {
                Ok(found) => *dir = Some(found),
                Err(errno) if is_absent(errno) => {}
                Err(errno) => {
                    let path = || format!("{}/{path}", hierarchy.point);
                    reader.problems.add("cgroup", path, std::io::Error::from(errno));
                }
            }
        }
        dirs.iter().any(Option::is_some).then_some(CgroupDirs { by_hierarchy: dirs })
    }

    /// Reads the values that change from tick to tick. `io_settled`: the v1 block I/O file groups to read, `None` for all.
    pub(crate) fn read(
        &self,
        dirs: &CgroupDirs,
        reader: &mut Reader<'_>,
        known: &CachedFacts,
        io_settled: Option<u8>,
        into: &mut Reading,
    ) {
        match self {
            Self::V1 { controllers, .. } => {
                v1::read(&dirs.with_controllers(*controllers), reader, known, io_settled, into)
            }
            Self::V2 { .. } => {
                if let [Some(dir), ..] = &dirs.by_hierarchy {
                    v2::read(dir, reader, into);
                }
            }
        }
    }

    /// Reads the values that rarely change.
    pub(crate) fn read_cached_facts(&self, dirs: &CgroupDirs, reader: &mut Reader<'_>) -> CachedFacts {
        match self {
            Self::V1 { controllers, .. } => {
                v1::read_cached_facts(&dirs.with_controllers(*controllers), reader)
            }
            Self::V2 { .. } => match &dirs.by_hierarchy {
                [Some(dir), ..] => v2::read_cached_facts(dir, reader),
                _ => CachedFacts::default(),
            },
        }
    }

    /// Reads the CPU time of one cgroup, nanoseconds.
    pub(crate) fn cpu_usage(&self, path: &str, reader: &mut Reader<'_>) -> Option<u64> {
        let dirs = self.open(path, reader)?;
        match self {
            Self::V1 { controllers, .. } => v1::cpu_usage(&dirs.with_controllers(*controllers), reader),
            Self::V2 { .. } => v2::cpu_usage(dirs.by_hierarchy.first()?.as_ref()?, reader),
        }
    }

    /// Reads the root cgroup, which represents the whole machine.
    pub(crate) fn read_root(&self, reader: &mut Reader<'_>, into: &mut Reading) {
        // opens each directory again instead of using the hierarchy's handle; there are few
        if let Some(dirs) = self.open(".", reader) {
            let known = self.read_cached_facts(&dirs, reader);
            self.read(&dirs, reader, &known, None, into);
            // the root of v2 has no `memory.current`: use anonymous memory plus page cache
            if matches!(self, Self::V2 { .. }) && into.memory_usage.is_none() {
                let stat = &into.memory.value;
                into.memory_usage = stat.rss.zip(stat.cache).map(|(anon, file)| anon.saturating_add(file));
            }
        }
    }
}

/// The directories of one cgroup, in the order of the hierarchies.
#[derive(Debug)]
pub(crate) struct CgroupDirs {
    by_hierarchy: [Option<Dir>; CONTROLLERS.len()],
}

impl CgroupDirs {
    fn with_controllers(&self, controllers: Controllers) -> v1::ControllerDirs<'_> {
        v1::ControllerDirs { by_hierarchy: &self.by_hierarchy, controllers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::mountinfo;

    fn mounts(text: &str) -> Mounts {
        let mut mounts = Mounts::default();
        assert_eq!(mountinfo::each(text.as_bytes(), |mount| mounts.add(&mount)), None);
        mounts
    }

    fn detect(root: &HostRoot, text: &str) -> Option<Layout> {
        Layout::detect(root, &mounts(text), &mut Problems::default())
    }

    fn tree(directories: &[&str]) -> (tempfile::TempDir, HostRoot) {
        let dir = tempfile::tempdir().unwrap();
        for directory in directories {
            std::fs::create_dir_all(dir.path().join(directory)).unwrap();
        }
        let root = HostRoot::open(dir.path()).unwrap();
        (dir, root)
    }

    const HYBRID: &str = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
        35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
        36 31 0:32 / /var/lib/other rw - cgroup cgroup rw,memory\n\
        40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

    #[test]
    fn a_hybrid_host_is_v1() {
        let (_dir, root) =
            tree(&["sys/fs/cgroup/cpu,cpuacct", "sys/fs/cgroup/memory", "sys/fs/cgroup/unified"]);
        let layout = detect(&root, HYBRID).unwrap();
        assert_eq!(layout.version(), "1");
        let Layout::V1 { hierarchies, controllers } = layout else { panic!() };
        assert_eq!(hierarchies.len(), 2);
        assert_eq!(controllers.cpu, controllers.cpuacct);
        assert_eq!(hierarchies[controllers.memory.unwrap()].point, "/sys/fs/cgroup/memory");
        assert_eq!(controllers.blkio, None);
    }

    #[test]
    fn a_unified_host_is_v2() {
        let (_dir, root) = tree(&["sys/fs/cgroup"]);
        let text = "41 31 0:38 / /run/other rw - cgroup2 cgroup2 rw\n31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        assert_eq!(detect(&root, text).unwrap().version(), "2");
    }

    #[test]
    fn no_hierarchy_is_detected_without_mounts() {
        let (_dir, root) = tree(&["sys"]);
        assert!(detect(&root, "").is_none());
        assert!(detect(&root, HYBRID).is_none(), "none of the points can be reached");
    }

    #[test]
    fn hierarchies_are_found_at_the_default_mount_point() {
        let detect = |directories: &[&str]| {
            let (_dir, root) = tree(directories);
            let mut problems = Problems::default();
            let layout = Layout::at_default_mount(&root, &mut problems);
            (layout, problems.listed)
        };
        let (layout, problems) = detect(&["sys/fs/cgroup/cgroup.controllers", "sys/fs/cgroup/kubepods"]);
        assert_eq!(layout.unwrap().version(), "2");
        assert_eq!(problems.len(), 1, "said");
        let v1 = [
            "sys/fs/cgroup/cpu,cpuacct/tasks",
            "sys/fs/cgroup/memory/tasks",
            "sys/fs/cgroup/unified/cgroup.procs",
            // nothing is mounted there
            "sys/fs/cgroup/pids",
        ];
        let Some(Layout::V1 { hierarchies, controllers }) = detect(&v1).0 else { panic!() };
        assert_eq!(hierarchies.len(), 2);
        assert_eq!(hierarchies[controllers.cpu.unwrap()].point, "/sys/fs/cgroup/cpu,cpuacct");
        assert_eq!(controllers.pids, None);
        let (layout, problems) = detect(&["sys/fs/cgroup/systemd/x"]);
        assert!(layout.is_none() && problems.is_empty());
        assert!(detect(&["sys"]).0.is_none());
    }
}
