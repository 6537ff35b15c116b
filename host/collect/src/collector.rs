//! One sample of a host, from the first file to the last.

mod cgroups;
mod interfaces;
mod mounts;
mod node;
mod optional;

use insights_batch::{Builder, EntityId};
use mounts::MountList;
use optional::HighestTimes;

use crate::cgroup::expected::Expected;
use crate::cgroup::layout::Layout;
use crate::cgroup::path::PodKind;
use crate::cgroup::reading::Reading;
use crate::cgroup::tree::Tree;
use crate::counter_cache::CounterCache;
use crate::disks::{BlockDevice, Disks};
use crate::emit::Emitter;
use crate::filesystems::{self, Filesystem, Sizes};
use crate::network::{Interfaces, Processes};
use crate::optional::{Group, OptionalFacts};
use crate::report::{Problems, Report};
use crate::root::{FsStat, HostRoot, ReadBuffer};
use crate::settings::Settings;
use crate::statfs::Prober;

/// Reasons why a host cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// `/proc` is missing below the root.
    #[error("cannot read {path}/proc/meminfo: {problem}; check that the host's /proc is mounted there")]
    NoProc {
        /// The host root.
        path: String,
        /// Error text.
        problem: String,
    },
    /// A setting has an invalid value.
    #[error("invalid setting {name}: {problem}")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// Error text.
        problem: &'static str,
    },
}

/// Reads one host, tick after tick. Holds the state that is carried from tick to tick; its size depends on the workload of
/// the host, not on how long it has been running.
#[derive(Debug)]
pub struct Collector {
    root: HostRoot,
    settings: Settings,
    buffer: ReadBuffer,
    counter_cache: CounterCache,
    tree: Tree,
    expected: Expected,
    reading: Reading,
    root_io_groups: u8,
    disks: Disks,
    node_interfaces: Interfaces,
    processes: Processes,
    prober: Prober<Result<Option<(usize, FsStat)>, rustix::io::Errno>>,
    processors: Processors,
    layout: Option<Layout>,
    wanted: OptionalFacts,
    highest_times: HighestTimes,
}

/// Cached processor count. `/proc/cpuinfo` is large and, on some machines, slow to generate; the count rarely changes.
#[derive(Debug, Default)]
struct Processors {
    count: Option<u64>,
    read_at_ns: Option<u64>,
}

impl Collector {
    /// Creates a collector that reads `root`.
    ///
    /// # Errors
    /// If `/proc/meminfo` below the root cannot be read, or a setting is invalid.
    pub fn new(root: HostRoot, settings: Settings) -> Result<Self, CollectError> {
        let setting = |name, problem| Err(CollectError::Setting { name, problem });
        if settings.node_name.is_empty() {
            return setting("node_name", "must not be empty; set it to the name of the node");
        }
        if settings.bounds_every == 0 {
            return setting("bounds_every", "must be at least 1, which reads bounds at every tick");
        }
        let mut buffer = ReadBuffer::default();
        let problem = match root.read("/proc/meminfo", &mut buffer) {
            Ok(Some(_)) => None,
            Ok(None) => Some("no such file".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(problem) = problem {
            let path = root.path().display().to_string();
            return Err(CollectError::NoProc { path: path.trim_end_matches('/').to_owned(), problem });
        }
        Ok(Self {
            counter_cache: CounterCache::new(settings.forget_after),
            prober: Prober::new(settings.statfs_timeout),
            tree: Tree::default(),
            expected: Expected::default(),
            reading: Reading::default(),
            root_io_groups: 0,
            disks: Disks::default(),
            node_interfaces: Interfaces::default(),
            processes: Processes::default(),
            processors: Processors::default(),
            layout: None,
            wanted: OptionalFacts::default(),
            highest_times: HighestTimes::default(),
            root,
            settings,
            buffer,
        })
    }

    /// Returns the host that is read.
    pub fn root(&self) -> &HostRoot {
        &self.root
    }

    /// Switches to another frame of a recording.
    ///
    /// # Errors
    /// If there is no such frame.
    pub fn select_frame(&mut self, index: usize) -> Result<(), crate::root::RootError> {
        self.root.select_frame(index)?;
        // its directory handles belong to the previous frame
        self.layout = None;
        Ok(())
    }

    /// Sets the groups of facts that the next samples read in addition; none at first.
    pub fn want(&mut self, facts: OptionalFacts) {
        if !facts.has(Group::CpuTime) {
            self.highest_times = HighestTimes::default();
        }
        self.wanted = facts;
    }

    /// Sets the running containers reported by the kubelet, or by the agent of ECS, each as its id and the uid of its pod or
    /// id of its task. Without this list, a cgroup outside its pod's that is named by the bare container id is not found. A
    /// listed container without a cgroup is reported. An empty list expects no containers.
    pub fn expect<'i>(&mut self, kind: PodKind, running: impl IntoIterator<Item = (&'i str, &'i str)>) {
        self.expected.set(running.into_iter(), kind, self.settings.max_cgroups);
    }

    /// Reads everything once and appends it to `builder`. Never fails as a whole: values that cannot be read are absent and
    /// reported. A file system that hangs adds up to [`Settings::statfs_timeout`] once to the time that reading takes.
    pub fn sample(&mut self, builder: &mut Builder) -> Report {
        let files_before = self.buffer.files();
        let mut problems = Problems::default();
        let start = self.root.now_ns();
        let mounts = self.mounts(&mut problems);
        if self.layout.is_none() {
            self.layout = Layout::detect(&self.root, &mounts.hierarchies, &mut problems)
                .or_else(|| Layout::at_default_mount(&self.root, &mut problems));
        }
        if self.layout.is_none() {
            let nothing = "no cgroup hierarchy found: not mounted, or not visible below the host root";
            problems.add("cgroup", || "/sys/fs/cgroup".to_owned(), nothing);
        }
        // taken out to allow calls of `&mut self` methods beside it
        let layout = self.layout.take();
        let mut emitter = Emitter::new(builder);
        let node = self.node(layout.as_ref(), &mut emitter, &mut problems);
        let namespace = self.node_interfaces(node, &mut emitter, &mut problems);
        if let Some(layout) = &layout {
            self.disks(layout, &mounts.filesystems, node, &mut emitter, &mut problems);
        }
        self.optional(node, &mut emitter, &mut problems);
        let (cgroups, containers_without_cgroup) = layout
            .as_ref()
            .map_or((0, 0), |layout| self.cgroups(layout, namespace, node, &mut emitter, &mut problems));
        self.layout = layout;
        let end = self.root.now_ns();
        self.filesystems(&mounts.filesystems, node, &mut emitter, &mut problems);
        self.counter_cache.end_of_tick(end);
        Report {
            node,
            devices: emitter.devices,
            spread_ns: end.saturating_sub(start),
            cgroups,
            containers_without_cgroup,
            files_read: self.buffer.files() - files_before,
            problems: problems.listed,
            more_problems: problems.more,
        }
    }

    /// Returns the block devices seen by the last sample, including excluded ones.
    pub fn block_devices(&self) -> impl Iterator<Item = BlockDevice<'_>> {
        self.disks.iter()
    }

    fn mounts(&mut self, problems: &mut Problems) -> MountList {
        let mut list = mounts::read(&self.root, &mut self.buffer, problems);
        if list.left_out > 0 {
            let error = format!("{} mounts skipped: too many file systems", list.left_out);
            problems.add("statfs", || "/proc/1/mountinfo".to_owned(), error);
        }
        self.name(&mut list.filesystems);
        list.filesystems.retain(|filesystem| {
            !filesystem.read_only || !filesystems::is_image(&self.root, filesystem, &mut self.buffer)
        });
        list
    }

    /// Resolves `/dev/root`: early in boot, the kernel mounts its root under this name, which no device has.
    fn name(&self, filesystems: &mut [Filesystem]) {
        for filesystem in filesystems.iter_mut().filter(|filesystem| filesystem.device == "/dev/root") {
            let link = self.root.link(&format!("/sys/dev/block/{}", filesystem.number));
            if let Ok(Some(target)) = link
                && let Some(name) = target.rsplit('/').next()
            {
                filesystem.device = format!("/dev/{name}");
            }
        }
    }

    fn filesystems(
        &mut self,
        filesystems: &[Filesystem],
        node: EntityId,
        emitter: &mut Emitter<'_>,
        problems: &mut Problems,
    ) {
        filesystems::measure(
            &self.root,
            filesystems,
            &mut self.prober,
            problems,
            |filesystem, point, sizes| {
                if *sizes == Sizes::default() {
                    return;
                }
                let entity = emitter.builder.entity("filesystem", &filesystem.device, Some(node));
                emitter.builder.attribute(entity, "device", &filesystem.device);
                emitter.builder.attribute(entity, "mount.point", point);
                emitter.builder.attribute(entity, "fs.type", &filesystem.fs_type);
                emitter.filesystem(entity, sizes);
                emitter.devices.push(entity);
            },
        );
    }
}
