//! A process of each pod.

use std::collections::HashMap;
use std::os::fd::OwnedFd;

use crate::bytes::number;
use crate::cgroup::files::first_process;
use crate::cgroup::path;
use crate::cgroup::tree::Pod;
use crate::error::FileError;
use crate::root::{Dir, HostRoot, ReadBuffer};

/// How deep below a container's cgroup processes are looked for: an init system in a container keeps all of them below.
const DEPTH: usize = 3;
/// A search of `/proc` that found nothing for some pod is not repeated on its account for so many ticks.
const PAUSE: u32 = 10;

/// Finds processes of pods.
///
/// `cgroup.procs` is the way where the agent sees the host's processes (`hostPID`). In another pid namespace the kernel
/// writes zeros there (cgroup v2) or leaves them out (v1), and our own container has our own numbers; then the host's `/proc`
/// is searched, which knows its own, and what was found is kept.
#[derive(Debug, Default)]
pub(crate) struct Processes {
    /// By name of a pod's cgroup folder; only filled by a search.
    found: HashMap<String, u32>,
    searched: bool,
    /// By the same name, the pods that a search did not find, with the ticks until they may cause another.
    absent: HashMap<String, u32>,
    /// Whether the host counts processes otherwise than this one does; asked once.
    elsewhere: Option<bool>,
}

enum Seen {
    Process(u32),
    /// There are some, but they have no number in our pid namespace.
    Hidden,
    Nothing,
}

impl Processes {
    /// To be called at the start of each tick.
    pub(crate) fn start_of_tick(&mut self) {
        self.searched = false;
        self.absent.retain(|_, pause| {
            *pause -= 1;
            *pause > 0
        });
        self.found.clear();
    }

    /// A live process of the pod and its interface list, opened; `dir` is the pod's folder in the walked hierarchy.
    ///
    /// # Errors
    /// When there is a process and its interface list cannot be opened; with the process.
    pub(crate) fn of(
        &mut self,
        root: &HostRoot,
        pod: &Pod,
        dir: &Dir,
        buffer: &mut ReadBuffer,
    ) -> Result<Option<(u32, OwnedFd)>, (u32, FileError)> {
        let open = |process: u32| match super::open(root, process) {
            Ok(file) => Ok(file.map(|file| (process, file))),
            Err(error) => Err((process, error)),
        };
        if *self.elsewhere.get_or_insert_with(|| is_elsewhere(root)) {
            // the list of our own container has numbers, and to the host they mean other processes
            return self.search_for(root, pod, buffer).map_or(Ok(None), open);
        }
        let mut hidden = false;
        // inode numbers grow: the oldest cgroup is the sandbox's, whose network is the pod's for sure, whatever a
        // container does in namespaces of its own
        let mut order: Vec<_> = pod.containers.iter().map(|container| &container.cgroup).collect();
        order.sort_unstable_by_key(|cgroup| cgroup.inode);
        let below = order.iter().map(|cgroup| cgroup.name());
        // with a runtime that runs the whole pod in one virtual machine, all processes stand in the pod's own cgroup
        for name in below.chain(["."]) {
            let Ok(dir) = dir.dir(name) else { continue };
            match first(&dir, buffer, if name == "." { 0 } else { DEPTH }) {
                // a process may end between the list and here; another container's does as well
                Seen::Process(process) => match open(process)? {
                    None => {}
                    found => return Ok(found),
                },
                Seen::Hidden => hidden = true,
                Seen::Nothing => {}
            }
        }
        if !hidden {
            return Ok(None);
        }
        self.search_for(root, pod, buffer).map_or(Ok(None), open)
    }

    fn search_for(&mut self, root: &HostRoot, pod: &Pod, buffer: &mut ReadBuffer) -> Option<u32> {
        let name = pod.cgroup.name();
        if pod.process != 0 && is_in(root, pod.process, name, buffer) {
            return Some(pod.process);
        }
        if !self.searched {
            if self.absent.contains_key(name) {
                return None;
            }
            self.searched = true;
            self.search(root, buffer);
        }
        let process = self.found.get(name).copied();
        if process.is_none() {
            self.absent.entry(name.to_owned()).or_insert(PAUSE);
        }
        process
    }

    /// One pass over all processes of the host.
    fn search(&mut self, root: &HostRoot, buffer: &mut ReadBuffer) {
        let mut processes = Vec::new();
        let Ok(dir) = root.dir("/proc") else { return };
        let listed = dir.for_each(|entry| {
            if let Some(process) =
                number(entry.name.as_bytes()).and_then(|process| u32::try_from(process).ok())
            {
                processes.push(process);
            }
        });
        if listed.is_err() {
            return;
        }
        for process in processes {
            let Ok(Some(text)) = root.read(&format!("/proc/{process}/cgroup"), buffer) else { continue };
            let Ok(text) = std::str::from_utf8(text) else { continue };
            for line in text.lines() {
                let path = line.splitn(3, ':').nth(2).unwrap_or("");
                let mut parent = "";
                for part in path.split('/') {
                    if let path::Folder::Pod(_) = path::folder(parent, part)
                        && !self.found.contains_key(part)
                    {
                        self.found.insert(part.to_owned(), process);
                    }
                    parent = part;
                }
            }
        }
    }
}

/// Is this process in another pid namespace than the host's `/proc`, which then has another number for it?
fn is_elsewhere(root: &HostRoot) -> bool {
    let number = std::process::id().to_string();
    !root.is_recording() && root.link("/proc/self").is_ok_and(|link| link.is_some_and(|link| link != number))
}

/// Is the process still in the cgroup of that folder name? Names of pods are unique; the front of the path depends on who
/// asks.
fn is_in(root: &HostRoot, process: u32, folder: &str, buffer: &mut ReadBuffer) -> bool {
    let Ok(Some(text)) = root.read(&format!("/proc/{process}/cgroup"), buffer) else { return false };
    std::str::from_utf8(text)
        .is_ok_and(|text| text.lines().any(|line| line.split('/').any(|part| part == folder)))
}

/// First process of a cgroup or, where it has none of its own, of those below it.
fn first(dir: &Dir, buffer: &mut ReadBuffer, depth: usize) -> Seen {
    let mut seen = Seen::Nothing;
    match dir.read(c"cgroup.procs", buffer) {
        Ok(Some(text)) => match first_process(text) {
            Some(process) => return Seen::Process(process),
            None if text.starts_with(b"0") => seen = Seen::Hidden,
            None => {}
        },
        Ok(None) | Err(_) => return Seen::Nothing,
    }
    if depth == 0 {
        return seen;
    }
    let mut below = Vec::new();
    if dir.for_each(|entry| below.extend(entry.is_dir.then(|| entry.name.to_owned()))).is_err() {
        return seen;
    }
    for name in below {
        let Ok(dir) = dir.dir(&name) else { continue };
        match first(&dir, buffer, depth - 1) {
            Seen::Process(process) => return Seen::Process(process),
            Seen::Hidden => seen = Seen::Hidden,
            Seen::Nothing => {}
        }
    }
    seen
}
