//! The network namespace of each pod.
//!
//! A process of a pod may be in a namespace of its own: one started inside a container (docker-in-docker), or an exporter
//! that called `unshare`. So the topmost processes of all containers vote, and the namespace of most containers is the
//! pod's; the sandbox, whose network is always the pod's, breaks ties. The choice is kept while the pod has the same
//! containers.

mod search;

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::os::fd::OwnedFd;

use self::search::{Search, belongs_to};
use crate::cgroup::files::processes;
use crate::cgroup::tree::{Container, Pod};
use crate::error::FileError;
use crate::root::{Dir, HostRoot, ReadBuffer};

/// Levels below a container's cgroup that are searched for processes: an init system moves all of them into child cgroups.
const DEPTH: usize = 3;
/// Maximum number of directories searched per level of one container.
const MAX_DIRECTORIES: usize = 64;
/// Maximum number of processes of one container that vote.
const MAX_PROCESSES: usize = 8;

/// The process that represents a pod's network.
#[derive(Clone, Copy, Debug)]
struct Choice {
    process: u32,
    namespace: Option<u64>,
    /// Hash of the containers that voted.
    containers: u64,
    /// `true` if the pod was seen at this tick.
    is_used: bool,
}

impl Choice {
    /// Opens the process again. Returns `None` if it no longer represents the pod: it ended, its pid was reused, or it moved to another namespace.
    fn reopen(self, root: &HostRoot, uid: &str, buffer: &mut ReadBuffer) -> Option<PodProcess> {
        let found = open_process(root, self.process, buffer).ok().flatten()?;
        (found.namespace == self.namespace && belongs_to(root, self.process, uid, buffer)).then_some(found)
    }
}

/// A live process of a pod.
#[derive(Debug)]
pub(crate) struct PodProcess {
    pub(crate) process: u32,
    pub(crate) namespace: Option<u64>,
    /// Interface list of the process.
    pub(crate) file: OwnedFd,
}

/// Finds processes of pods.
///
/// Uses `cgroup.procs` if the agent shares the host's pid namespace (`hostPID`). In another pid namespace the kernel writes
/// zeros there (cgroup v2) or omits the processes (v1), and the agent's own container is listed with pids of the agent's
/// namespace; then the host's `/proc`, which has the host's pids, is searched instead.
#[derive(Debug, Default)]
pub(crate) struct Processes {
    /// Choices by uid of the pod.
    chosen: HashMap<String, Choice>,
    search: Search,
    /// `true` if the host's `/proc` belongs to another pid namespace than the agent; `None` until it is first checked.
    other_pid_namespace: Option<bool>,
}

#[derive(Debug, Default)]
struct CgroupProcesses {
    processes: Vec<u32>,
    /// `true` if there are processes without a pid in the agent's pid namespace.
    hidden: bool,
}

/// Path and error of a file that exists and cannot be read.
pub(crate) type Failed = (String, FileError);

/// Namespaces and their numbers of votes, in the order of their first vote.
#[derive(Debug, Default)]
struct Votes {
    found: Vec<(PodProcess, usize)>,
    failed: Option<Failed>,
}

impl Votes {
    fn add(&mut self, found: PodProcess) {
        match self.found.iter_mut().find(|(known, _)| known.namespace == found.namespace) {
            Some((_, count)) => *count += 1,
            None => self.found.push((found, 1)),
        }
    }

    /// Returns the namespace with the most votes, the first one in case of a tie.
    fn winner(self) -> (Option<PodProcess>, Option<Failed>) {
        let most = self.found.into_iter().rev().max_by_key(|(_, count)| *count);
        (most.map(|(found, _)| found), self.failed)
    }

    /// Adds one vote for the namespace of most of these processes. A process that has ended does not count.
    fn add_container(&mut self, root: &HostRoot, processes: &[u32], buffer: &mut ReadBuffer) {
        let mut votes = Self::default();
        for &process in processes.iter().take(MAX_PROCESSES) {
            match open_process(root, process, buffer) {
                Ok(Some(found)) => votes.add(found),
                Ok(None) => {}
                Err(error) => {
                    votes.failed.get_or_insert_with(|| (format!("/proc/{process}/net/dev"), error));
                }
            }
        }
        let (most, failed) = votes.winner();
        self.failed = self.failed.take().or(failed);
        if let Some(found) = most {
            self.add(found);
        }
    }
}

impl Processes {
    /// Drops the choices of pods not seen in the last tick. Call it at the start of each tick.
    pub(crate) fn start_of_tick(&mut self) {
        self.search.start_of_tick();
        self.chosen.retain(|_, choice| std::mem::take(&mut choice.is_used));
    }

    /// Returns a live process in the pod's own network namespace; `top` is the root of the walked hierarchy.
    ///
    /// # Errors
    /// If there are processes and none can be read; holds the first file that failed.
    pub(crate) fn find(
        &mut self,
        root: &HostRoot,
        pod: &Pod,
        top: &Dir,
        buffer: &mut ReadBuffer,
    ) -> Result<Option<PodProcess>, Failed> {
        let containers = containers_hash(pod);
        let before = self.chosen.get(&pod.uid).copied();
        let kept = before.and_then(|choice| choice.reopen(root, &pod.uid, buffer));
        let found = match kept {
            Some(found) if before.is_some_and(|choice| choice.containers == containers) => Some(found),
            Some(found) => self.vote(root, pod, top, buffer).ok().flatten().or(Some(found)),
            None => self.vote(root, pod, top, buffer)?,
        };
        if let Some(PodProcess { process, namespace, .. }) = found {
            let choice = Choice { process, namespace, containers, is_used: true };
            match self.chosen.get_mut(&pod.uid) {
                Some(known) => *known = choice,
                None => _ = self.chosen.insert(pod.uid.clone(), choice),
            }
        }
        Ok(found)
    }

    /// Returns a live process in the network namespace of most processes at the top level of a container of the pod `uid`;
    /// `top` is the root of the walked hierarchy.
    ///
    /// # Errors
    /// If there are processes and none can be read; holds the first file that failed.
    pub(crate) fn find_in_container(
        &mut self,
        root: &HostRoot,
        (uid, container): (&str, &Container),
        top: &Dir,
        buffer: &mut ReadBuffer,
    ) -> Result<Option<PodProcess>, Failed> {
        let mut hidden = *self.other_pid_namespace.get_or_insert_with(|| is_other_pid_namespace(root));
        let mut votes = Votes::default();
        if !hidden {
            let seen = shallowest(top, &container.cgroup.path, DEPTH, buffer);
            hidden |= seen.hidden;
            votes.add_container(root, &seen.processes, buffer);
        }
        if hidden && votes.found.is_empty() {
            let found = self.search.pod(root, uid, buffer)?;
            if let Some(shallowest) = found.iter().find(|shallowest| shallowest.container == container.id) {
                votes.add_container(root, &shallowest.processes, buffer);
            }
        }
        match votes.winner() {
            (None, Some(failed)) => Err(failed),
            (found, _) => Ok(found),
        }
    }

    fn vote(
        &mut self,
        root: &HostRoot,
        pod: &Pod,
        top: &Dir,
        buffer: &mut ReadBuffer,
    ) -> Result<Option<PodProcess>, Failed> {
        // inode numbers increase: the oldest cgroup is the sandbox's
        let mut order: Vec<_> = pod.containers.iter().collect();
        order.sort_by_key(|container| container.cgroup.inode);
        let mut votes = Votes::default();
        let mut hidden = *self.other_pid_namespace.get_or_insert_with(|| is_other_pid_namespace(root));
        // the list of the agent's own container has pids that mean other processes on the host
        if !hidden {
            for container in &order {
                let seen = shallowest(top, &container.cgroup.path, DEPTH, buffer);
                hidden |= seen.hidden;
                votes.add_container(root, &seen.processes, buffer);
            }
            // a runtime that runs the whole pod in one virtual machine keeps all processes in the pod's own cgroup
            if votes.found.is_empty() {
                let seen = shallowest(top, &pod.cgroup.path, 0, buffer);
                hidden |= seen.hidden;
                votes.add_container(root, &seen.processes, buffer);
            }
        }
        if hidden && votes.found.is_empty() {
            let found = self.search.pod(root, &pod.uid, buffer)?;
            let by_container = |id: &str| found.iter().find(|shallowest| shallowest.container == id);
            for container in &order {
                if let Some(shallowest) = by_container(&container.id) {
                    votes.add_container(root, &shallowest.processes, buffer);
                }
            }
            // then containers created since the cgroups were listed, and last the pod's own cgroup
            if votes.found.is_empty() {
                for shallowest in found.iter().filter(|shallowest| !shallowest.container.is_empty()) {
                    votes.add_container(root, &shallowest.processes, buffer);
                }
            }
            if votes.found.is_empty()
                && let Some(own) = by_container("")
            {
                votes.add_container(root, &own.processes, buffer);
            }
        }
        match votes.winner() {
            (None, Some(failed)) => Err(failed),
            (found, _) => Ok(found),
        }
    }
}

/// Opens the interface list of a process. Returns `None` if the process has ended.
fn open_process(
    root: &HostRoot,
    process: u32,
    buffer: &mut ReadBuffer,
) -> Result<Option<PodProcess>, FileError> {
    let Some(file) = super::open(root, process)? else { return Ok(None) };
    let namespace = super::namespace(root, process, &file, buffer);
    Ok(Some(PodProcess { process, namespace, file }))
}

fn containers_hash(pod: &Pod) -> u64 {
    let mut hasher = DefaultHasher::new();
    for container in &pod.containers {
        (&container.id, container.cgroup.inode).hash(&mut hasher);
    }
    hasher.finish()
}

/// Returns true if this process is in another pid namespace than the host's `/proc`, which then has another pid for it.
fn is_other_pid_namespace(root: &HostRoot) -> bool {
    let number = std::process::id().to_string();
    !root.is_recording() && root.link("/proc/self").is_ok_and(|link| link.is_some_and(|link| link != number))
}

/// Returns the processes of a cgroup or, if it has none of its own, of the nearest level below it that has any.
fn shallowest(top: &Dir, path: &str, depth: usize, buffer: &mut ReadBuffer) -> CgroupProcesses {
    let mut seen = CgroupProcesses::default();
    let Ok(dir) = top.dir(path) else { return seen };
    let mut level = vec![dir];
    for depth in (0..=depth).rev() {
        let mut below = Vec::new();
        for dir in &level {
            if let Ok(Some(text)) = dir.read(c"cgroup.procs", buffer) {
                seen.hidden |= text.starts_with(b"0");
                let left = MAX_PROCESSES.saturating_sub(seen.processes.len());
                seen.processes.extend(processes(text).take(left));
            }
        }
        if depth == 0 || !seen.processes.is_empty() {
            break;
        }
        for dir in &level {
            let mut names = Vec::new();
            // after an error, the entries listed so far count
            let _ = dir.for_each(|entry| names.extend(entry.is_dir.then(|| entry.name.to_owned())));
            let left = MAX_DIRECTORIES.saturating_sub(below.len());
            below.extend(names.iter().take(left).filter_map(|name| dir.dir(name).ok()));
        }
        level = below;
    }
    seen
}
