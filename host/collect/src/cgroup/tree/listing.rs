//! Listings of the directories that hold pods, at every tick.
//!
//! A cgroup is new if the last complete listing of its directory did not show it. The timestamps of the cgroup's own
//! directory are unusable: the kernel sets them whenever it loads the directory into memory.

use std::collections::HashMap;

use rustix::io::Errno;

use super::{KnownCgroup, Pod, WalkedHierarchy, compare, join};
use crate::cgroup::path::{self, DirKind};
use crate::error::is_absent;
use crate::report::Problems;
use crate::root::Entry;

/// Time of the last complete listing of each directory; `None` if it failed.
pub(super) type Listed = HashMap<String, Option<u64>>;

/// One pass over all directories that hold pods.
pub(super) struct Listing<'l> {
    pub(super) walked: WalkedHierarchy<'l>,
    /// Listings of the previous tick.
    pub(super) before: &'l Listed,
    pub(super) listed: Listed,
    pub(super) pods: &'l mut Vec<Pod>,
    pub(super) now_ns: u64,
}

impl Listing<'_> {
    /// Lists a top directory and its class directories. Returns false if it is gone.
    pub(super) fn top(&mut self, top: &str, problems: &mut Problems) -> bool {
        let parent = top.rsplit('/').next().unwrap_or(top);
        let mut classes = Vec::new();
        let base_ns = self.before.get(top).copied().flatten();
        let outcome = self.directory(top, |listing, entry| match path::dir_kind(parent, entry.name) {
            DirKind::Class => classes.push(join(top, entry.name)),
            DirKind::Pod(name) => listing.record_pod(top, entry, &name, base_ns),
            DirKind::Top | DirKind::Other => {}
        });
        let gone = outcome.err().is_some_and(is_absent);
        self.finish(top, outcome, problems);
        for class in classes {
            let name = class.rsplit('/').next().unwrap_or(&class);
            // the content of a new class directory is as new as the directory
            let base_ns = self.before.get(&class).map_or(base_ns, |listed| *listed);
            let outcome = self.directory(&class, |listing, entry| {
                if let Some(pod) = path::in_class(parent, name, entry.name) {
                    listing.record_pod(&class, entry, &pod, base_ns);
                }
            });
            self.finish(&class, outcome, problems);
        }
        !gone
    }

    pub(super) fn directory(
        &mut self,
        directory: &str,
        mut visit: impl FnMut(&mut Self, Entry<'_>),
    ) -> Result<(), Errno> {
        self.walked.open(directory)?.for_each(|entry| {
            if entry.is_dir {
                visit(self, entry);
            }
        })
    }

    /// Records the outcome of a listing. After an error, the known pods below the directory are kept: they may still exist.
    fn finish(&mut self, directory: &str, outcome: Result<(), Errno>, problems: &mut Problems) {
        match outcome {
            Ok(()) => _ = self.listed.insert(directory.to_owned(), Some(self.now_ns)),
            Err(errno) if is_absent(errno) => {}
            Err(errno) => {
                let path = || format!("{}/{directory}", self.walked.point);
                problems.add("cgroup", path, std::io::Error::from(errno));
                self.listed.insert(directory.to_owned(), None);
                self.pods.iter_mut().for_each(|pod| pod.cgroup.keep_unlisted(directory));
            }
        }
    }

    fn record_pod(
        &mut self,
        directory: &str,
        entry: Entry<'_>,
        name: &path::PodName<'_>,
        base_ns: Option<u64>,
    ) {
        let Self { walked, pods, .. } = self;
        let known = pods.binary_search_by(|pod| compare(&pod.cgroup.path, directory, entry.name));
        match known {
            Ok(index) => {
                let inode = walked.inode(&pods[index].cgroup.path, entry.inode);
                pods[index].cgroup.update(inode, base_ns);
            }
            Err(index) => {
                let path = join(directory, entry.name);
                let inode = walked.inode(&path, entry.inode);
                let (uid, kind) = (name.uid(), name.kind);
                // the same pod below another root, or a renamed directory, is not new
                let known = |pod: &Pod| pod.uid == uid || inode != 0 && pod.cgroup.inode == inode;
                let born_ns = base_ns.filter(|_| !pods.iter().any(known));
                pods.insert(index, Pod::new(KnownCgroup::new(path, inode, born_ns), uid, kind));
            }
        }
    }
}
