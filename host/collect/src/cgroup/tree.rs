//! The cgroups of pods and containers, from tick to tick.

mod duplicates;
mod listing;
mod search;
mod strays;

use rustix::io::Errno;

use self::listing::{Listed, Listing};
use self::search::Search;
pub(crate) use self::strays::Orphan;
use super::expected::Expected;
use super::path::{self, PodKind};
use super::reading::CachedFacts;
use super::sum::DeviceSum;
use crate::error::is_absent;
use crate::report::Problems;
use crate::root::{Dir, HostRoot};

/// State of one cgroup.
#[derive(Debug)]
pub(crate) struct KnownCgroup {
    /// Path below the hierarchy's root, without a leading slash.
    pub(crate) path: String,
    /// Inode of its directory; 0 if unknown.
    pub(crate) inode: u64,
    pub(crate) cached: Option<CachedFacts>,
    /// Ticks since the bounds were read.
    pub(crate) bounds_age: u32,
    /// Block I/O sums: bytes and requests.
    pub(crate) io_bytes: DeviceSum,
    pub(crate) io_requests: DeviceSum,
    /// Time of the last listing without it, set only at its first tick if it was created since.
    pub(crate) born_ns: Option<u64>,
    seen: bool,
}

impl KnownCgroup {
    fn new(path: String, inode: u64, born_ns: Option<u64>) -> Self {
        Self {
            path,
            inode,
            cached: None,
            bounds_age: 0,
            io_bytes: DeviceSum::default(),
            io_requests: DeviceSum::default(),
            born_ns,
            seen: true,
        }
    }

    /// Updates after the same name was listed again: the same cgroup, or a new one.
    fn update(&mut self, inode: u64, listed_ns: Option<u64>) {
        self.seen = true;
        self.born_ns = None;
        if self.inode != inode {
            // an unknown inode does not tell when the cgroup was created
            let born_ns = listed_ns.filter(|_| self.inode != 0 && inode != 0);
            *self = Self::new(std::mem::take(&mut self.path), inode, born_ns);
        }
    }

    /// Keeps the cgroup if it is below a directory that could not be listed: it may still exist.
    fn keep_unlisted(&mut self, directory: &str) {
        let is_below = self.path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'));
        if is_below && !self.seen {
            (self.seen, self.born_ns) = (true, None);
        }
    }
}

/// The cgroup of a container.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) cgroup: KnownCgroup,
    pub(crate) id: String,
    pub(crate) runtime: Option<&'static str>,
    /// `true` if its cgroup is not below its pod's.
    is_stray: bool,
}

/// The cgroup of a pod of Kubernetes or of a task of ECS, and its containers.
#[derive(Debug)]
pub(crate) struct Pod {
    pub(crate) cgroup: KnownCgroup,
    /// Uid of the pod, or id of the task.
    pub(crate) uid: String,
    pub(crate) kind: PodKind,
    /// Containers, sorted by path.
    pub(crate) containers: Vec<Container>,
    /// `true` if another cgroup represents this pod.
    pub(crate) hidden: bool,
    /// `true` if this cgroup was chosen to represent its pod.
    chosen: bool,
    /// Times of the complete listings of its containers, at this tick and at the one before.
    listed_ns: Option<u64>,
    listed_before_ns: Option<u64>,
}

/// All pods, sorted by path.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    search: Search,
    listed: Listed,
    pub(crate) pods: Vec<Pod>,
    /// Containers whose pods have no cgroup.
    pub(crate) orphans: Vec<Orphan>,
}

/// The hierarchy that is walked.
#[derive(Clone, Copy)]
pub(crate) struct WalkedHierarchy<'w> {
    pub(crate) root: &'w HostRoot,
    pub(crate) point: &'w str,
    pub(crate) dir: &'w Dir,
}

impl WalkedHierarchy<'_> {
    /// Returns the identity of a directory: the listed inode on a live host, the inode in the manifest for a recording.
    fn inode(&self, path: &str, listed: u64) -> u64 {
        if self.root.is_recording() {
            self.root.recorded_inode(&format!("{}/{path}", self.point)).unwrap_or(0)
        } else {
            listed
        }
    }

    fn open(&self, path: &str) -> Result<Dir, Errno> {
        self.dir.dir(if path.is_empty() { "." } else { path })
    }
}

impl Tree {
    /// Returns true if the whole hierarchy was searched at this tick.
    pub(crate) fn was_searched(&self) -> bool {
        self.search.searched
    }

    /// Updates the list of pods. Their containers are listed by [`Pod::list`], right before they are read.
    pub(crate) fn update(
        &mut self,
        walked: WalkedHierarchy<'_>,
        now_ns: u64,
        expected: &Expected,
        problems: &mut Problems,
    ) {
        let Self { search, listed, pods, orphans } = self;
        search.update(walked, now_ns, expected, problems);
        for pod in pods.iter_mut() {
            pod.cgroup.seen = false;
            pod.listed_before_ns = pod.listed_ns.take();
            for container in pod.containers.iter_mut().filter(|container| container.is_stray) {
                container.cgroup.seen = false;
            }
        }
        orphans.iter_mut().for_each(|orphan| orphan.container.cgroup.seen = false);
        let mut listing = Listing { walked, before: listed, listed: Listed::new(), pods, now_ns };
        let mut gone = Vec::new();
        for top in &search.tops {
            if !listing.top(top, problems) {
                gone.push(top.clone());
            }
        }
        search
            .stray_parents
            .retain(|parent_path| listing.stray_parent(parent_path, orphans, expected, problems));
        *listed = listing.listed;
        search.forget(&gone, now_ns);
        pods.retain(|pod| pod.cgroup.seen);
        for pod in pods.iter_mut() {
            pod.containers.retain(|container| container.cgroup.seen || !container.is_stray);
        }
        orphans.retain(|orphan| orphan.container.cgroup.seen);
    }
}

impl Pod {
    fn new(cgroup: KnownCgroup, uid: String, kind: PodKind) -> Self {
        Self {
            cgroup,
            uid,
            kind,
            containers: Vec::new(),
            hidden: false,
            chosen: false,
            listed_ns: None,
            listed_before_ns: None,
        }
    }

    /// Updates the list of containers below this pod's cgroup; `dir` is the pod's directory in the walked hierarchy. On errors
    /// other than absence, the known containers are kept.
    pub(crate) fn list(&mut self, walked: WalkedHierarchy<'_>, dir: &Dir, now_ns: u64) -> Result<(), Errno> {
        let Self { cgroup, containers, listed_ns, listed_before_ns, .. } = self;
        for container in containers.iter_mut().filter(|container| !container.is_stray) {
            container.cgroup.seen = false;
        }
        // the content of a new pod is as new as the pod
        let base_ns = cgroup.born_ns.or(*listed_before_ns);
        let listed = dir.for_each(|entry| {
            if !entry.is_dir {
                return;
            }
            let known =
                containers.binary_search_by(|known| compare(&known.cgroup.path, &cgroup.path, entry.name));
            match known {
                Ok(index) => {
                    let inode = walked.inode(&containers[index].cgroup.path, entry.inode);
                    containers[index].cgroup.update(inode, base_ns);
                }
                Err(index) => {
                    let Some(name) = path::container(entry.name) else { return };
                    let path = join(&cgroup.path, entry.name);
                    let inode = walked.inode(&path, entry.inode);
                    let renamed = |known: &Container| inode != 0 && known.cgroup.inode == inode;
                    let born_ns = base_ns.filter(|_| !containers.iter().any(renamed));
                    let (id, runtime) = (name.id.to_owned(), name.runtime);
                    let cgroup = KnownCgroup::new(path, inode, born_ns);
                    containers.insert(index, Container { cgroup, id, runtime, is_stray: false });
                }
            }
        });
        match listed {
            Ok(()) => *listed_ns = Some(now_ns),
            Err(errno) if is_absent(errno) => {}
            Err(_) => {
                for container in containers.iter_mut().filter(|container| !container.cgroup.seen) {
                    (container.cgroup.seen, container.cgroup.born_ns) = (true, None);
                }
            }
        }
        containers.retain(|container| container.cgroup.seen);
        listed
    }
}

/// Compares `path` to the path of entry `name` in a directory, without allocating the joined path.
fn compare(path: &str, directory: &str, name: &str) -> std::cmp::Ordering {
    let (path, directory) = (path.as_bytes(), directory.as_bytes());
    let front = path.len().min(directory.len());
    path[..front].cmp(&directory[..front]).then_with(|| match path.get(directory.len()) {
        None => std::cmp::Ordering::Less,
        Some(byte) => byte.cmp(&b'/').then_with(|| path[directory.len() + 1..].cmp(name.as_bytes())),
    })
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

#[cfg(test)]
mod tests;
