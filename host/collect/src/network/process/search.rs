//! Search for processes of pods in the host's `/proc`, for an agent in another pid namespace.

use std::collections::HashMap;

use super::{Failed, MAX_PROCESSES};
use crate::bytes::number;
use crate::cgroup::path::{self, Role};
use crate::error::FileError;
use crate::root::{HostRoot, ReadBuffer};

/// Number of ticks for which a pod that a search did not find does not trigger another one.
const PAUSE: u32 = 10;

/// The processes of one container that are nearest to its cgroup.
#[derive(Debug)]
pub(super) struct Shallowest {
    /// Container id; empty for processes in the pod's own cgroup.
    pub(super) container: String,
    depth: usize,
    pub(super) processes: Vec<u32>,
}

/// The result of at most one search per tick.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// Processes by uid of the pod.
    found: HashMap<String, Vec<Shallowest>>,
    is_done: bool,
    failed: Option<Failed>,
    /// Pods that a search did not find, by uid, with the ticks until they may trigger another one.
    absent: HashMap<String, u32>,
}

impl Search {
    pub(super) fn start_of_tick(&mut self) {
        self.is_done = false;
        self.absent.retain(|_, pause| {
            *pause -= 1;
            *pause > 0
        });
        self.found.clear();
    }

    /// Returns the processes of a pod, by container. Searches on the first call of a tick, unless the pod was absent recently.
    ///
    /// # Errors
    /// If no process of the pod was found and a file could not be read; returned once per search.
    pub(super) fn pod(
        &mut self,
        root: &HostRoot,
        uid: &str,
        buffer: &mut ReadBuffer,
    ) -> Result<&[Shallowest], Failed> {
        if !self.is_done {
            if self.absent.contains_key(uid) {
                return Ok(&[]);
            }
            self.is_done = true;
            self.failed = self.search(root, buffer).err();
        }
        if !self.found.contains_key(uid) {
            self.absent.entry(uid.to_owned()).or_insert(PAUSE);
            // returned once for all pods that the failure hides
            if let Some(failed) = self.failed.take() {
                return Err(failed);
            }
        }
        Ok(self.found.get(uid).map_or(&[], Vec::as_slice))
    }

    /// Reads all processes of the host. Returns the error of the first file that cannot be read, after reading all others.
    fn search(&mut self, root: &HostRoot, buffer: &mut ReadBuffer) -> Result<(), Failed> {
        let mut processes = Vec::new();
        let listed = root.dir("/proc").and_then(|dir| {
            dir.for_each(|entry| {
                let process = number(entry.name.as_bytes());
                processes.extend(process.and_then(|process| u32::try_from(process).ok()));
            })
        });
        let mut failed = listed.err().map(|errno| ("/proc".to_owned(), errno.into()));
        // the order of a recorded directory is arbitrary
        processes.sort_unstable();
        for process in processes {
            match owner_of(root, process, buffer) {
                Ok(Some((uid, container, depth))) => self.note(uid, container, depth, process),
                Ok(None) => {}
                Err(error) => {
                    failed.get_or_insert_with(|| (format!("/proc/{process}/cgroup"), error));
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn note(&mut self, uid: String, container: &str, depth: usize, process: u32) {
        let containers = self.found.entry(uid).or_default();
        let known = containers.iter_mut().find(|known| known.container == container);
        match known {
            None => containers.push(Shallowest {
                container: container.to_owned(),
                depth,
                processes: vec![process],
            }),
            Some(known) if depth < known.depth => (known.depth, known.processes) = (depth, vec![process]),
            Some(known) if depth == known.depth && known.processes.len() < MAX_PROCESSES => {
                known.processes.push(process);
            }
            Some(_) => {}
        }
    }
}

/// Returns true if the process is in that pod.
pub(super) fn belongs_to(root: &HostRoot, process: u32, uid: &str, buffer: &mut ReadBuffer) -> bool {
    owner_of(root, process, buffer).ok().flatten().is_some_and(|(owner, ..)| owner == uid)
}

/// Returns pod uid, container id and depth of a process. Returns `None` if it ended or does not belong to a pod.
fn owner_of<'b>(
    root: &HostRoot,
    process: u32,
    buffer: &'b mut ReadBuffer,
) -> Result<Option<(String, &'b str, usize)>, FileError> {
    let text = root.read(&format!("/proc/{process}/cgroup"), buffer)?;
    let text = text.and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
    Ok(text.lines().find_map(|line| owner(line.splitn(3, ':').nth(2)?)))
}

/// Returns, for a process in the cgroup `path`, the uid of the pod, the id of the container (empty for the pod's own
/// cgroup) and the number of levels below that.
fn owner(path: &str) -> Option<(String, &str, usize)> {
    let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    let mut pod = None;
    for end in ends {
        let Some(front) = path.get(..end) else { continue };
        let below = || path[end..].split('/').filter(|part| !part.is_empty()).count();
        match path::role(front) {
            Some(Role::Container(name, container)) => return Some((name.uid(), container.id, below())),
            Some(Role::Pod(name)) => pod = pod.or_else(|| Some((name.uid(), "", below()))),
            None => {}
        }
    }
    pod
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";

    #[test]
    fn the_path_of_a_cgroup_tells_the_owner_of_a_process() {
        let container = format!("/kubepods.slice/kubepods-podx.slice/crio-{ID}.scope");
        let uid = "x".to_owned();
        assert_eq!(owner(&container), Some((uid.clone(), ID, 0)));
        assert_eq!(owner(&format!("{container}/docker/{ID}")), Some((uid.clone(), ID, 2)));
        assert_eq!(owner(&format!("/../..{container}/init.scope")), Some((uid.clone(), ID, 1)));
        assert_eq!(owner("/kubepods.slice/kubepods-podx.slice"), Some((uid, "", 0)));
        assert_eq!(owner("/system.slice/x.service"), None);
        assert_eq!(owner("/"), None);
        assert_eq!(owner(""), None);
    }
}
