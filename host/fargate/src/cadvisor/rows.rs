//! The cgroups of a response, by the path in the label `id`.

use std::collections::HashMap;

use insightd_collect::cgroup::path::{PodKind, Role, role};
use insightd_exposition::Labels;

use super::reading::{CgroupReading, ContainerIdentity};

/// Value of the label `container` of a sandbox under Docker.
const DOCKER_SANDBOX: &str = "POD";

/// The meaning of the rows of one path.
#[derive(Clone, Copy, Debug)]
pub(super) enum Row {
    /// The cgroup at this index: a pod's, or a container's.
    Cgroup(usize),
    /// The sandbox of the pod at this index; only its network is used.
    Sandbox(usize),
    /// Neither: the path names no pod, or there is no room.
    LeftOut,
}

/// The cgroups found so far.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) cgroups: Vec<CgroupReading>,
    by_path: HashMap<Box<str>, Row>,
    max_cgroups: usize,
}

impl Rows {
    pub(super) fn new(max_cgroups: usize) -> Self {
        Self { max_cgroups, ..Self::default() }
    }

    /// Returns the meaning of a row. Returns `None` if the row is not about a pod.
    pub(super) fn find(&mut self, labels: &Labels<'_>) -> Option<Row> {
        let (mut id, mut pod, mut container) = ("", "", "");
        for (name, value) in labels.iter() {
            match name {
                "id" => id = value,
                "pod" => pod = value,
                "container" => container = value,
                _ => {}
            }
        }
        if pod.is_empty() || id.is_empty() {
            return None;
        }
        let path = id.strip_prefix('/').unwrap_or(id);
        if let Some(row) = self.by_path.get(path) {
            return Some(*row);
        }
        // Twice the number of cgroups: sandboxes and paths without a pod are remembered as well. A cgroup that is not remembered would
        // be added again for each of its rows.
        if self.by_path.len() >= 2 * self.max_cgroups {
            return Some(Row::LeftOut);
        }
        let row = self.add(path, container);
        self.by_path.insert(path.into(), row);
        Some(row)
    }

    fn add(&mut self, path: &str, container: &str) -> Row {
        let (name, identity) = match role(path) {
            Some(Role::Pod(name)) => (name, None),
            Some(Role::Container(name, container)) => {
                (name, Some(ContainerIdentity { id: container.id.into(), runtime: container.runtime }))
            }
            None => return Row::LeftOut,
        };
        let PodKind::Pod(qos) = name.kind else { return Row::LeftOut };
        if identity.is_some() && (container.is_empty() || container == DOCKER_SANDBOX) {
            return self.pod_above(path).map_or(Row::LeftOut, Row::Sandbox);
        }
        if self.cgroups.len() >= self.max_cgroups {
            return Row::LeftOut;
        }
        self.cgroups.push(CgroupReading::new(path, name.uid(), qos, identity));
        Row::Cgroup(self.cgroups.len() - 1)
    }

    /// Returns the pod whose path contains that of a container, and adds it if it was not seen yet: its own rows may follow.
    fn pod_above(&mut self, path: &str) -> Option<usize> {
        let (path, _) = path.rsplit_once('/')?;
        match self.by_path.get(path) {
            Some(Row::Cgroup(index)) => return Some(*index),
            Some(_) => return None,
            None => {}
        }
        let row = matches!(role(path), Some(Role::Pod(_))).then(|| self.add(path, ""))?;
        let Row::Cgroup(index) = row else { return None };
        self.by_path.insert(path.into(), row);
        Some(index)
    }
}
