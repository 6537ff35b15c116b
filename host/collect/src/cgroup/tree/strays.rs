//! Containers whose cgroups are not below their pods' cgroups.
//!
//! A runtime configured for another cgroup driver than the kubelet uses `SLICE:RUNTIME:ID` as a name and creates the
//! container below its own service. Others create containers at the top under their bare ids, which only the kubelet's list
//! distinguishes from containers without a pod. Docker creates the
//! containers of ECS tasks there if the agent of ECS does not limit tasks. The search records the directories with such containers; they are listed at
//! every tick.

use insights_batch::EntityId;

use super::listing::Listing;
use super::{Container, KnownCgroup, Tree, compare, join};
use crate::cgroup::expected::Expected;
use crate::cgroup::path::{self, ContainerName, PodKind};
use crate::error::is_absent;
use crate::report::Problems;
use crate::root::Entry;

/// A container whose pod has no cgroup.
#[derive(Debug)]
pub(crate) struct Orphan {
    pub(crate) container: Container,
    /// Uid of its pod, or id of its task.
    pub(crate) uid: String,
    pub(crate) kind: PodKind,
    /// Its entity in the batch of the current tick.
    pub(crate) entity: Option<EntityId>,
}

/// Parsed name of a container outside all pods, and its pod.
#[derive(Debug)]
pub(super) struct Stray<'n> {
    uid: String,
    kind: PodKind,
    container: ContainerName<'n>,
}

impl<'n> Stray<'n> {
    /// Parses a name. Returns `None` if it is not a container's, or the orchestrator does not list the container.
    pub(super) fn parse(name: &'n str, expected: &Expected) -> Option<Self> {
        if let Some((pod, container)) = path::stray(name) {
            return Some(Self { uid: pod.uid(), kind: pod.kind, container });
        }
        let container = path::container(name).or_else(|| path::container(name.strip_prefix("kata_")?))?;
        let (uid, kind) = expected.owner(container.id)?;
        Some(Self { uid: uid.to_owned(), kind, container })
    }
}

impl Tree {
    /// Returns the emitted containers of each task that has no cgroup, and forgets their entities.
    pub(crate) fn tasks_without_cgroup(&mut self) -> Vec<(&str, Vec<(&Container, EntityId)>)> {
        let mut tasks: Vec<(&str, Vec<(&Container, EntityId)>)> = Vec::new();
        for orphan in self.orphans.iter_mut().filter(|orphan| orphan.kind == PodKind::Task) {
            let Some(entity) = orphan.entity.take() else { continue };
            let container = (&orphan.container, entity);
            match tasks.iter_mut().find(|(id, _)| *id == orphan.uid) {
                Some((_, containers)) => containers.push(container),
                None => tasks.push((&orphan.uid, vec![container])),
            }
        }
        tasks
    }
}

impl Listing<'_> {
    /// Lists a directory that held containers of pods. Returns false if it is gone or has none any more.
    pub(super) fn stray_parent(
        &mut self,
        parent_path: &str,
        orphans: &mut Vec<Orphan>,
        expected: &Expected,
        problems: &mut Problems,
    ) -> bool {
        let base_ns = self.before.get(parent_path).copied().flatten();
        let mut any = false;
        let outcome = self.directory(parent_path, |listing, entry| {
            if let Some(stray) = Stray::parse(entry.name, expected) {
                any = true;
                listing.record_stray(parent_path, entry, stray, orphans, base_ns);
            }
        });
        match outcome {
            Ok(()) => _ = self.listed.insert(parent_path.to_owned(), Some(self.now_ns)),
            Err(errno) if is_absent(errno) => return false,
            Err(errno) => {
                problems.add(
                    "cgroup",
                    || format!("{}/{parent_path}", self.walked.point),
                    std::io::Error::from(errno),
                );
                self.listed.insert(parent_path.to_owned(), None);
                // keep the known containers below it: they may still exist
                let strays = self.pods.iter_mut().flat_map(|pod| &mut pod.containers);
                let known = strays.filter(|container| container.is_stray);
                for container in known.chain(orphans.iter_mut().map(|orphan| &mut orphan.container)) {
                    container.cgroup.keep_unlisted(parent_path);
                }
                return true;
            }
        }
        any
    }

    fn record_stray(
        &mut self,
        parent_path: &str,
        entry: Entry<'_>,
        stray: Stray<'_>,
        orphans: &mut Vec<Orphan>,
        base_ns: Option<u64>,
    ) {
        let Stray { uid, kind, container: name } = stray;
        let path = join(parent_path, entry.name);
        let inode = self.walked.inode(&path, entry.inode);
        let new = |born_ns| Container {
            cgroup: KnownCgroup::new(path.clone(), inode, born_ns),
            id: name.id.to_owned(),
            runtime: name.runtime,
            is_stray: true,
        };
        let known = orphans.iter_mut().find(|known| known.container.cgroup.path == path);
        let was_orphan = known.is_some();
        let Some(pod) = self.pods.iter_mut().find(|pod| pod.uid == uid && pod.cgroup.seen) else {
            match known {
                Some(known) => known.container.cgroup.update(inode, base_ns),
                None => orphans.push(Orphan { container: new(base_ns), uid, kind, entity: None }),
            }
            return;
        };
        // a container with a cgroup below its pod's is read there
        if pod.containers.iter().any(|known| known.id == name.id && !known.is_stray) {
            return;
        }
        match pod.containers.binary_search_by(|known| compare(&known.cgroup.path, parent_path, entry.name)) {
            Ok(index) => pod.containers[index].cgroup.update(inode, base_ns),
            Err(index) => pod.containers.insert(index, new(base_ns.filter(|_| !was_orphan))),
        }
    }
}
