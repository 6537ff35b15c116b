//! Which cgroups of pods and containers there are, from tick to tick.

use rustix::io::Errno;

use super::path::{self, Folder, Qos};
use super::reading::Remembered;
use super::sum::DeviceSum;
use crate::error::is_absent;
use crate::report::Problems;
use crate::root::{Dir, Entry, HostRoot};

/// A search through the whole hierarchy for the tops of pods is due after so long: a kubelet may start late, or a second
/// one inside a container. Below a known top, nothing is ever missed.
const SEARCH_NS: u64 = 300 * 1_000_000_000;
/// A search goes no deeper, and looks at no more folders.
const SEARCH_DEPTH: usize = 10;
const SEARCH_FOLDERS: usize = 20_000;

/// What stays known of one cgroup.
#[derive(Debug)]
pub(crate) struct Known {
    /// Path below the hierarchy's root, without a slash in front.
    pub(crate) path: String,
    /// Inode of its folder; 0 where it is not known.
    pub(crate) inode: u64,
    pub(crate) remembered: Option<Remembered>,
    /// Ticks since the bounds were read.
    pub(crate) bounds_age: u32,
    /// Bytes and requests of block I/O.
    pub(crate) io_bytes: DeviceSum,
    pub(crate) io_requests: DeviceSum,
    /// When it was not there yet, where it was born since and this is the tick of its first sight.
    pub(crate) born_ns: Option<u64>,
    seen: bool,
}

impl Known {
    fn new(path: String, inode: u64, born_ns: Option<u64>) -> Self {
        Self {
            path,
            inode,
            remembered: None,
            bounds_age: 0,
            io_bytes: DeviceSum::default(),
            io_requests: DeviceSum::default(),
            born_ns,
            seen: true,
        }
    }

    /// Its own name, without the path.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The same name again: the same cgroup, or a new one.
    fn see(&mut self, inode: u64, listed_ns: Option<u64>) {
        self.seen = true;
        self.born_ns = None;
        if self.inode != inode {
            // a number that is not known says nothing about when it was born
            let born_ns = listed_ns.filter(|_| self.inode != 0 && inode != 0);
            *self = Self::new(std::mem::take(&mut self.path), inode, born_ns);
        }
    }
}

/// The cgroup of a container.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) cgroup: Known,
    pub(crate) id: String,
    pub(crate) runtime: Option<&'static str>,
}

/// The cgroup of a pod and what lies in it.
#[derive(Debug)]
pub(crate) struct Pod {
    pub(crate) cgroup: Known,
    pub(crate) uid: String,
    pub(crate) qos: Qos,
    /// In order of name.
    pub(crate) containers: Vec<Container>,
    /// Process whose network was read last; 0 = none.
    pub(crate) process: u32,
}

/// All pods, in order of path.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    tops: Vec<String>,
    pub(crate) pods: Vec<Pod>,
    searched_ns: Option<u64>,
}

/// The hierarchy that is walked.
#[derive(Clone, Copy)]
pub(crate) struct Walked<'w> {
    pub(crate) root: &'w HostRoot,
    pub(crate) point: &'w str,
    pub(crate) dir: &'w Dir,
}

impl Walked<'_> {
    /// Identity of a folder: the inode that the listing gave, on a live host; what the manifest says, in a recording.
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
    /// Brings the list of pods up to date. Their containers are listed by [`Pod::list`], right before they are read.
    pub(crate) fn update(&mut self, walked: Walked<'_>, now_ns: u64, problems: &mut Problems) {
        let due = self.searched_ns.is_none_or(|at| now_ns.saturating_sub(at) >= SEARCH_NS);
        if due || self.tops.is_empty() {
            self.tops.clear();
            let mut left = SEARCH_FOLDERS;
            search(walked, "", SEARCH_DEPTH, &mut left, &mut self.tops);
            self.tops.sort_unstable();
            self.searched_ns = Some(now_ns);
        }
        for pod in &mut self.pods {
            pod.cgroup.seen = false;
        }
        let Self { tops, pods, .. } = self;
        for top in tops.iter() {
            if let Err(errno) = list_pods(walked, top, pods)
                && !is_absent(errno)
            {
                problems.add("cgroup", || format!("{}/{top}", walked.point), std::io::Error::from(errno));
            }
        }
        pods.retain(|pod| pod.cgroup.seen);
    }
}

/// Folders that do not hold pods are no reason to complain: they come and go, and none of them is needed.
fn search(walked: Walked<'_>, path: &str, depth: usize, left: &mut usize, tops: &mut Vec<String>) {
    let Ok(dir) = walked.open(path) else { return };
    let parent = path.rsplit('/').next().unwrap_or(path);
    let mut deeper = Vec::new();
    let listed = dir.for_each(|entry| {
        if !entry.is_dir || *left == 0 {
            return;
        }
        *left -= 1;
        match path::folder(parent, entry.name) {
            Folder::Kubepods => tops.push(join(path, entry.name)),
            Folder::Pod(_) | Folder::QosClass => {}
            Folder::Other => deeper.push(join(path, entry.name)),
        }
    });
    if listed.is_err() || depth == 0 {
        return;
    }
    for path in deeper {
        search(walked, &path, depth - 1, left, tops);
    }
}

/// The pods of a top and of the classes in it.
fn list_pods(walked: Walked<'_>, top: &str, pods: &mut Vec<Pod>) -> Result<(), Errno> {
    let mut classes = Vec::new();
    let parent = top.rsplit('/').next().unwrap_or(top);
    walked.open(top)?.for_each(|entry| {
        if !entry.is_dir {
            return;
        }
        match path::folder(parent, entry.name) {
            Folder::QosClass => classes.push(join(top, entry.name)),
            Folder::Pod(name) => see_pod(walked, pods, top, entry, &name),
            Folder::Kubepods | Folder::Other => {}
        }
    })?;
    for class in classes {
        let name = class.rsplit('/').next().unwrap_or(&class);
        let Ok(dir) = walked.open(&class) else { continue };
        dir.for_each(|entry| {
            if entry.is_dir
                && let Folder::Pod(pod) = path::folder(name, entry.name)
            {
                see_pod(walked, pods, &class, entry, &pod);
            }
        })?;
    }
    Ok(())
}

fn see_pod(
    walked: Walked<'_>,
    pods: &mut Vec<Pod>,
    folder: &str,
    entry: Entry<'_>,
    name: &path::PodName<'_>,
) {
    let known = pods.binary_search_by(|pod| compare(&pod.cgroup.path, folder, entry.name));
    match known {
        Ok(index) => {
            let inode = walked.inode(&pods[index].cgroup.path, entry.inode);
            pods[index].cgroup.see(inode, None);
        }
        Err(index) => {
            let path = join(folder, entry.name);
            let inode = walked.inode(&path, entry.inode);
            let (uid, qos) = (name.uid(), name.qos);
            let cgroup = Known::new(path, inode, None);
            pods.insert(index, Pod { cgroup, uid, qos, containers: Vec::new(), process: 0 });
        }
    }
}

impl Pod {
    /// Brings the list of containers up to date; `dir` is the pod's folder in the walked hierarchy.
    pub(crate) fn list(&mut self, walked: Walked<'_>, dir: &Dir) -> Result<(), Errno> {
        let Self { cgroup, containers, .. } = self;
        for container in containers.iter_mut() {
            container.cgroup.seen = false;
        }
        let listed = dir.for_each(|entry| {
            if !entry.is_dir {
                return;
            }
            let known =
                containers.binary_search_by(|known| compare(&known.cgroup.path, &cgroup.path, entry.name));
            match known {
                Ok(index) => {
                    let inode = walked.inode(&containers[index].cgroup.path, entry.inode);
                    containers[index].cgroup.see(inode, None);
                }
                Err(index) => {
                    let Some(name) = path::container(entry.name) else { return };
                    let path = join(&cgroup.path, entry.name);
                    let inode = walked.inode(&path, entry.inode);
                    let (id, runtime) = (name.id.to_owned(), name.runtime);
                    containers
                        .insert(index, Container { cgroup: Known::new(path, inode, None), id, runtime });
                }
            }
        });
        containers.retain(|container| container.cgroup.seen);
        listed
    }
}

/// Orders `path` against `folder/name` as if the latter had been joined.
fn compare(path: &str, folder: &str, name: &str) -> std::cmp::Ordering {
    let (path, folder) = (path.as_bytes(), folder.as_bytes());
    let front = path.len().min(folder.len());
    path[..front].cmp(&folder[..front]).then_with(|| match path.get(folder.len()) {
        None => std::cmp::Ordering::Less,
        Some(byte) => byte.cmp(&b'/').then_with(|| path[folder.len() + 1..].cmp(name.as_bytes())),
    })
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

#[cfg(test)]
mod tests;
