//! Interfaces of the node and of pods.

use insights_batch::EntityId;

use super::Collector;
use crate::cgroup::tree::{Container, Pod};
use crate::emit::Emitter;
use crate::network::{self, Interfaces, MAX_INTERFACES, PodProcess};
use crate::proc::net_dev;
use crate::report::Problems;
use crate::root::Dir;
use crate::settings::matches_any;

/// Maximum number of interfaces emitted for a network namespace below a pod or container: a container with `NET_ADMIN` can create
/// thousands, and each is an entity with counters that are kept for minutes after it is gone.
const MAX_POD_INTERFACES: usize = 64;

impl Collector {
    /// Emits the node's interfaces. Returns its network namespace, if known.
    pub(super) fn node_interfaces(
        &mut self,
        node: EntityId,
        emitter: &mut Emitter<'_>,
        problems: &mut Problems,
    ) -> Option<u64> {
        let Self { root, settings, buffer, node_interfaces, .. } = self;
        node_interfaces.update(root, |name| matches_any(&settings.interface_exclude, name), buffer, problems);
        let path = || "/proc/1/net/dev".to_owned();
        let file = match network::open(&self.root, 1) {
            Ok(Some(file)) => file,
            Ok(None) => {
                problems.add("network", path, "no such file");
                return None;
            }
            Err(error) => {
                problems.add("network", path, error);
                return None;
            }
        };
        let namespace = network::namespace(&self.root, 1, &file, &mut self.buffer);
        self.interfaces(&file, 1, (node, "", 0), emitter, problems);
        namespace
    }

    /// Emits the interfaces of a pod as children of its cgroup. A pod in the node's own network has none and gets the attribute
    /// `network.host`. `top` is the root of the walked hierarchy.
    pub(super) fn pod_interfaces(
        &mut self,
        (pod, top): (&Pod, &Dir),
        entity: EntityId,
        node_namespace: Option<u64>,
        emitter: &mut Emitter<'_>,
        problems: &mut Problems,
    ) {
        let PodProcess { process, namespace, file } =
            match self.processes.find(&self.root, pod, top, &mut self.buffer) {
                Ok(Some(found)) => found,
                Ok(None) => return,
                Err((path, error)) => {
                    problems.add("network", || path, error);
                    return;
                }
            };
        if namespace.is_some() && namespace == node_namespace {
            emitter.builder.attribute(entity, "network.host", "true");
            return;
        }
        let owner = (entity, pod.cgroup.path.as_str(), namespace.unwrap_or(0));
        self.interfaces(&file, process, owner, emitter, problems);
    }

    /// Emits the interfaces of a task's containers, each network namespace once, below the oldest container in it: the pause
    /// container of a task with a network of its own, each container of a task in bridge mode. A container in the node's own
    /// network has none and gets the attribute `network.host`.
    pub(super) fn task_interfaces(
        &mut self,
        (uid, mut containers): (&str, Vec<(&Container, EntityId)>),
        top: &Dir,
        node_namespace: Option<u64>,
        emitter: &mut Emitter<'_>,
        problems: &mut Problems,
    ) {
        // inode numbers increase
        containers.sort_by_key(|(container, _)| container.cgroup.inode);
        let mut seen: Vec<Option<u64>> = Vec::new();
        for (container, entity) in containers {
            let found = self.processes.find_in_container(&self.root, (uid, container), top, &mut self.buffer);
            let PodProcess { process, namespace, file } = match found {
                Ok(Some(found)) => found,
                Ok(None) => continue,
                Err((path, error)) => {
                    problems.add("network", || path, error);
                    continue;
                }
            };
            if namespace.is_some() && namespace == node_namespace {
                emitter.builder.attribute(entity, "network.host", "true");
            } else if !seen.contains(&namespace) {
                seen.push(namespace);
                let owner = (entity, container.cgroup.path.as_str(), namespace.unwrap_or(0));
                self.interfaces(&file, process, owner, emitter, problems);
            }
        }
    }

    fn interfaces(
        &mut self,
        file: &std::os::fd::OwnedFd,
        process: u32,
        (owner, path, namespace): (EntityId, &str, u64),
        emitter: &mut Emitter<'_>,
        problems: &mut Problems,
    ) {
        let Self { root, settings, buffer, counter_cache, node_interfaces, .. } = self;
        let problem_path = || format!("/proc/{process}/net/dev");
        let text = match buffer.read_all(file) {
            Ok(Some(text)) => text,
            Ok(None) => return,
            Err(error) => {
                problems.add("network", problem_path, error);
                return;
            }
        };
        let read_at_ns = root.now_ns();
        let max = if path.is_empty() { MAX_INTERFACES } else { MAX_POD_INTERFACES };
        let (mut emitted, mut left_out) = (0, 0);
        let skipped = net_dev::each(text, |interface| {
            if matches_any(&settings.interface_exclude, interface.name) {
                return;
            }
            if emitted == max {
                left_out += 1;
                return;
            }
            emitted += 1;
            let entity = emitter.builder.entity("interface", interface.name, Some(owner));
            emitter.builder.attribute(entity, "interface", interface.name);
            // sysfs shows the node's interfaces only; a pod's interfaces come and go with its namespace
            let (kind, identity) = if path.is_empty() {
                relate(entity, interface.name, node_interfaces, emitter);
                ("interface", node_interfaces.identity(interface.name))
            } else {
                (path, namespace)
            };
            let key = counter_cache.key(kind, interface.name);
            emitter.interface(entity, &mut counter_cache.owner(key, identity), &interface, read_at_ns);
        });
        if left_out > 0 {
            let error = format_args!("{left_out} interfaces skipped: more than {max}");
            problems.add("network", problem_path, error);
        }
        if let Some(error) = skipped {
            problems.add("network", problem_path, format_args!("{error}; row skipped"));
        }
    }
}

fn relate(entity: EntityId, name: &str, interfaces: &Interfaces, emitter: &mut Emitter<'_>) {
    let relation = interfaces.relation(name);
    let over = (!relation.over.is_empty()).then(|| relation.over.join(","));
    for (key, value) in
        [("interface.kind", relation.kind), ("interface.master", relation.master), ("interface.over", over)]
    {
        if let Some(value) = value {
            emitter.builder.attribute(entity, key, &value);
        }
    }
}
