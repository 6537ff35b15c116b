//! Reads and emits pods and containers one after the other, a pod and its containers close together in time.

use insights_batch::EntityId;

use super::Collector;
use crate::cgroup::layout::Layout;
use crate::cgroup::path::PodKind;
use crate::cgroup::reading::{CachedFacts, Reader, Reading};
use crate::cgroup::sum::Part;
use crate::cgroup::tree::{Container, KnownCgroup, Pod, Tree, WalkedHierarchy};
use crate::counter_cache::CounterCache;
use crate::emit::Emitter;
use crate::error::is_absent;
use crate::report::Problems;
use crate::root::{HostRoot, ReadBuffer};

impl Collector {
    /// Reads and emits all cgroups. Returns the number of cgroups read and of expected containers without one.
    pub(super) fn cgroups(
        &mut self,
        layout: &Layout,
        node_namespace: Option<u64>,
        node: EntityId,
        emitter: &mut Emitter<'_>,
        problems: &mut Problems,
    ) -> (usize, usize) {
        let Some(hierarchy) = layout.hierarchies().first() else { return (0, 0) };
        let now = self.root.now_ns();
        self.tree.update(walked_hierarchy(&self.root, layout), now, &self.expected, problems);
        self.processes.start_of_tick();
        let mut read = 0;
        let mut left_out = 0;
        // taken out to allow calls of `&mut self` methods beside it
        let mut tree: Tree = std::mem::take(&mut self.tree);
        tree.hide_duplicates(|path| self.cgroup_context(layout, problems).is_used(path));
        for pod in tree.pods.iter_mut().filter(|pod| !pod.hidden) {
            if read >= self.settings.max_cgroups {
                left_out += 1;
                continue;
            }
            match hierarchy.dir.dir(&pod.cgroup.path) {
                Ok(dir) => {
                    read += self.pod(layout, (pod, &dir), now, (node, node_namespace), emitter, problems)
                }
                // it was removed after it was listed
                Err(errno) if is_absent(errno) => {}
                Err(errno) => {
                    let path = || format!("{}/{}", hierarchy.point, pod.cgroup.path);
                    problems.add("cgroup", path, std::io::Error::from(errno));
                }
            }
        }
        for orphan in &mut tree.orphans {
            if read >= self.settings.max_cgroups {
                left_out += 1;
                continue;
            }
            let mut context = self.cgroup_context(layout, problems);
            if context.read(&mut orphan.container.cgroup, None).is_some() {
                let owner = (orphan.uid.as_str(), orphan.kind);
                orphan.entity = Some(context.emit_container(&mut orphan.container, owner, node, emitter));
                read += 1;
            }
        }
        if self.settings.pod_network {
            let top = &hierarchy.dir;
            for task in tree.tasks_without_cgroup() {
                self.task_interfaces(task, top, node_namespace, emitter, problems);
            }
        }
        // containers of left-out pods were not listed; all of them would count as missing
        let missing = if left_out == 0 { self.missing(&tree, &hierarchy.point, problems) } else { 0 };
        self.tree = tree;
        if left_out > 0 {
            let error = format!("{left_out} pods skipped: more than {} cgroups", self.settings.max_cgroups);
            problems.add("cgroup", || hierarchy.point.clone(), error);
        }
        (read, missing)
    }

    fn missing(&mut self, tree: &Tree, point: &str, problems: &mut Problems) -> usize {
        let in_pods = tree.pods.iter().flat_map(|pod| &pod.containers);
        let containers = in_pods.chain(tree.orphans.iter().map(|orphan| &orphan.container));
        let (missing, unreported) =
            self.expected.update(containers.map(|container| container.id.as_str()), tree.was_searched());
        if let Some((count, id, owner)) = unreported {
            let error = format!("{count} running containers without a cgroup, such as {id} of {owner}");
            problems.add("cgroup", || point.to_owned(), error);
        }
        missing
    }

    fn pod(
        &mut self,
        layout: &Layout,
        (pod, dir): (&mut Pod, &crate::root::Dir),
        now_ns: u64,
        (node, node_namespace): (EntityId, Option<u64>),
        emitter: &mut Emitter<'_>,
        problems: &mut Problems,
    ) -> usize {
        if let Err(errno) = pod.list(walked_hierarchy(&self.root, layout), dir, now_ns)
            && !is_absent(errno)
        {
            let path = || format!("{}/{}", layout.hierarchies()[0].point, pod.cgroup.path);
            problems.add("cgroup", path, std::io::Error::from(errno));
        }
        let mut context = self.cgroup_context(layout, problems);
        let Some(io) = context.read(&mut pod.cgroup, None) else { return 0 };
        let entity = context.emit(&mut pod.cgroup, pod.kind.role(), (&pod.uid, pod.kind), node, emitter);
        let mut entities = Vec::with_capacity(pod.containers.len());
        for container in &mut pod.containers {
            let is_read = context.read(&mut container.cgroup, Some(io)).is_some();
            let owner = (pod.uid.as_str(), pod.kind);
            entities.push(is_read.then(|| context.emit_container(container, owner, entity, emitter)));
        }
        let read = 1 + entities.iter().flatten().count();
        if self.settings.pod_network {
            let top = &layout.hierarchies()[0].dir;
            match pod.kind {
                PodKind::Pod(_) => self.pod_interfaces((pod, top), entity, node_namespace, emitter, problems),
                PodKind::Task => {
                    let containers = std::iter::zip(&pod.containers, entities);
                    let emitted = containers.filter_map(|(container, entity)| Some((container, entity?)));
                    let task = (pod.uid.as_str(), emitted.collect());
                    self.task_interfaces(task, top, node_namespace, emitter, problems);
                }
            }
        }
        read
    }

    fn cgroup_context<'c>(&'c mut self, layout: &'c Layout, problems: &'c mut Problems) -> CgroupContext<'c> {
        let Self { root, buffer, reading, counter_cache, settings, root_io_groups, .. } = self;
        let (bounds_every, root_groups) = (settings.bounds_every, *root_io_groups);
        CgroupContext { layout, root, buffer, reading, counter_cache, problems, bounds_every, root_groups }
    }
}

fn walked_hierarchy<'w>(root: &'w HostRoot, layout: &'w Layout) -> WalkedHierarchy<'w> {
    let hierarchy = &layout.hierarchies()[0];
    WalkedHierarchy { root, point: &hierarchy.point, dir: &hierarchy.dir }
}

/// The state needed to read and emit one cgroup.
struct CgroupContext<'c> {
    layout: &'c Layout,
    root: &'c HostRoot,
    buffer: &'c mut ReadBuffer,
    reading: &'c mut Reading,
    counter_cache: &'c mut CounterCache,
    problems: &'c mut Problems,
    bounds_every: u32,
    /// Bit set of v1 block I/O file groups that name a device in the root cgroup.
    root_groups: u8,
}

impl CgroupContext<'_> {
    /// Returns true if a process ever ran in the cgroup at `path`: its CPU time is above 0.
    fn is_used(&mut self, path: &str) -> bool {
        let Self { layout, root, buffer, problems, .. } = self;
        let mut reader = Reader::new((root, buffer), problems, layout.hierarchies(), path);
        layout.cpu_usage(path, &mut reader).is_some_and(|usage_ns| usage_ns > 0)
    }

    /// Reads the cgroup into the current reading. `above`: the block I/O file groups settled by the parent cgroup.
    /// Returns the groups that are settled for the child cgroups, or `None` if the cgroup is gone.
    fn read(&mut self, cgroup: &mut KnownCgroup, above: Option<u8>) -> Option<u8> {
        let Self { layout, root, buffer, reading, problems, .. } = self;
        reading.clear();
        let path = &cgroup.path;
        let mut reader = Reader::new((root, buffer), problems, layout.hierarchies(), path);
        let dirs = layout.open(path, &mut reader)?;
        let before = cgroup.cached.unwrap_or_default();
        let current = cgroup.cached.filter(|_| cgroup.bounds_age + 1 < self.bounds_every);
        let mut known = match current {
            Some(known) => {
                cgroup.bounds_age += 1;
                known
            }
            None => {
                cgroup.bounds_age = 0;
                CachedFacts { io_groups: before.io_groups, ..layout.read_cached_facts(&dirs, &mut reader) }
            }
        };
        // a disk with another scheduler may come into use at any time, so all groups are re-read as often as the bounds
        let settled = above.or_else(|| {
            (current.is_some() && known.io_groups != 0).then_some(known.io_groups | self.root_groups)
        });
        layout.read(&dirs, &mut reader, &known, settled, reading);
        let io = &reading.io;
        let whole = settled.is_none() && io.broken == 0;
        known.io_groups = if whole { io.named } else { known.io_groups | io.named };
        let below = io.named | io.broken | if io.broken == 0 { 0 } else { known.io_groups };
        cgroup.cached = Some(known);
        Some(below)
    }

    fn emit_container(
        &mut self,
        container: &mut Container,
        pod: (&str, PodKind),
        parent: EntityId,
        emitter: &mut Emitter<'_>,
    ) -> EntityId {
        let entity = self.emit(&mut container.cgroup, "container", pod, parent, emitter);
        emitter.builder.attribute(entity, "container.id", &container.id);
        if let Some(runtime) = container.runtime {
            emitter.builder.attribute(entity, "container.runtime", runtime);
        }
        entity
    }

    fn emit(
        &mut self,
        cgroup: &mut KnownCgroup,
        role: &'static str,
        (uid, kind): (&str, PodKind),
        parent: EntityId,
        emitter: &mut Emitter<'_>,
    ) -> EntityId {
        let builder = &mut emitter.builder;
        let entity = builder.entity("cgroup", &cgroup.path, Some(parent));
        builder.attribute(entity, "cgroup.role", role);
        builder.attribute(entity, kind.id_attribute(), uid);
        if let PodKind::Pod(Some(qos)) = kind {
            builder.attribute(entity, "pod.qos", qos.as_str());
        }
        if self.reading.is_unused() {
            return entity;
        }
        let key = self.counter_cache.key("cgroup", &cgroup.path);
        let mut counters = self.counter_cache.owner(key, cgroup.inode).zero_at(cgroup.born_ns);
        emitter.reading(entity, &mut counters, self.reading);
        emitter.cgroup_only(entity, &mut counters, self.reading);
        if let Some(known) = &cgroup.cached {
            emitter.bounds(entity, &known.bounds);
        }
        self.emit_io(cgroup, entity, emitter);
        entity
    }

    /// Emits the sums over all devices.
    fn emit_io(&mut self, cgroup: &mut KnownCgroup, entity: EntityId, emitter: &mut Emitter<'_>) {
        let Self { counter_cache, reading, .. } = self;
        let (io, born_ns) = (&reading.io, cgroup.born_ns);
        let sum = io.sum();
        let identity = |generation: u64| cgroup.inode.rotate_left(8) ^ generation;
        let parts = io.devices.iter();
        if let Some(at) = io.bytes_at_ns {
            let parts = parts.clone().filter_map(|io| Part::new(io.device, io.group, &io.bytes));
            let next = cgroup.io_bytes.advance(parts, io.bytes_clean, at, born_ns);
            let key = counter_cache.key("cgroup io", &cgroup.path);
            let counters = counter_cache.owner(key, identity(next.generation));
            emitter.io_bytes(entity, &mut counters.zero_at(next.zero_at_ns), &sum.bytes, at);
        }
        if let Some(at) = io.requests_at_ns.filter(|_| io.requests_whole) {
            let parts = parts.filter_map(|io| Part::new(io.device, io.group, &io.requests));
            let next = cgroup.io_requests.advance(parts, io.requests_clean, at, born_ns);
            let key = counter_cache.key("cgroup io requests", &cgroup.path);
            let counters = counter_cache.owner(key, identity(next.generation));
            emitter.io_requests(entity, &mut counters.zero_at(next.zero_at_ns), &sum.requests, at);
        }
    }
}
