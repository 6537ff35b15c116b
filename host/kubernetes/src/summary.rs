//! The kubelet's `/stats/summary`: how full the writable layers, logs and volumes of its pods are.
//!
//! CPU, memory and network figures of the same document are not read: the kernel has them at the moment of the tick, the
//! kubelet as of some seconds ago. File systems of containers and volumes only the kubelet knows without walking them.

mod read;
#[cfg(test)]
mod tests;
mod wire;

use crate::item::{Item, Notes, subject};
use crate::problem::Problems;
use crate::text::{each, filled};

pub use read::{SummaryReader, parse};

/// The file systems of a node's pods.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// By uid.
    pub pods: Vec<PodStats>,
    /// Pods and fields that were left out because they are malformed.
    pub problems: Problems,
    /// Pods that were left out because there are more than a node can have, or more than fit in memory.
    pub left_out: u64,
}

impl Summary {
    /// The figures of the pod with this uid.
    pub fn pod(&self, uid: &str) -> Option<&PodStats> {
        let at = self.pods.binary_search_by(|pod| (*pod.uid).cmp(uid)).ok()?;
        self.pods.get(at)
    }
}

/// The file systems of a pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodStats {
    /// `podRef.uid`; of a static pod the one that its cgroup has.
    pub uid: Box<str>,
    /// Containers that run or ran, by name.
    pub containers: Vec<ContainerStats>,
    /// Volumes that the kubelet measures, by name: not `hostPath`, and none before its first measurement.
    pub volumes: Vec<VolumeStats>,
}

impl PodStats {
    /// The figures of the container of this name.
    pub fn container(&self, name: &str) -> Option<&ContainerStats> {
        let at = self.containers.binary_search_by(|container| (*container.name).cmp(name)).ok()?;
        self.containers.get(at)
    }
}

/// The file systems of a container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerStats {
    /// Name of the container.
    pub name: Box<str>,
    /// `rootfs`: used bytes and inodes of its writable layer; capacity and what is free of the file system it is on.
    pub rootfs: FsStats,
    /// `logs.usedBytes`: its log files, rotated ones included, which are not part of the layer.
    pub logs_used_bytes: Option<u64>,
}

/// A volume of a pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VolumeStats {
    /// Name of the volume in the pod.
    pub name: Box<str>,
    /// `pvcRef.name`: the claim in the pod's namespace, for volumes that have one.
    pub claim: Option<Box<str>>,
    /// How full it is.
    pub fs: FsStats,
}

/// How full a file system is; what the kubelet does not say is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FsStats {
    /// `capacityBytes`.
    pub capacity_bytes: Option<u64>,
    /// `availableBytes`.
    pub available_bytes: Option<u64>,
    /// `usedBytes`; for layers and directories on a shared file system less than capacity minus available.
    pub used_bytes: Option<u64>,
    /// `inodes`.
    pub inodes: Option<u64>,
    /// `inodesFree`.
    pub inodes_free: Option<u64>,
    /// `inodesUsed`.
    pub inodes_used: Option<u64>,
}

/// By key; of several with the same key the first stays.
fn sort<T>(list: &mut Vec<T>, key: impl Fn(&T) -> &str) {
    list.sort_by(|left, right| key(left).cmp(key(right)));
    list.dedup_by(|later, kept| key(later) == key(kept));
    list.shrink_to_fit();
}

impl Item for PodStats {
    type Wire<'a> = wire::Pod<'a>;
    type Options = ();
    const NAMED_BY: &'static str = "/podRef";

    fn build(wire: wire::Pod<'_>, (): &(), notes: &mut Notes<'_>) -> Option<Self> {
        let reference = wire.pod_ref.as_ref();
        if let Some(subject) = reference.and_then(|reference| subject(&reference.namespace, &reference.name))
        {
            notes.subject = subject;
        }
        let Some(uid) = reference.and_then(|reference| filled(&reference.uid)) else {
            notes.lost("podRef.uid", "absent or empty, and its figures belong to no pod without it");
            return None;
        };
        let mut containers: Vec<ContainerStats> = each(&wire.containers)
            .filter_map(|container| {
                Some(ContainerStats {
                    name: filled(&container.name)?.into(),
                    rootfs: container.rootfs.map(|fs| fs.0.into()).unwrap_or_default(),
                    logs_used_bytes: container.logs.and_then(|logs| logs.used_bytes),
                })
            })
            .collect();
        sort(&mut containers, |container| &container.name);
        let mut volumes: Vec<VolumeStats> = each(&wire.volume)
            .filter_map(|volume| {
                Some(VolumeStats {
                    name: filled(&volume.name)?.into(),
                    claim: volume.pvc_ref.as_ref().and_then(|claim| filled(&claim.name)).map(Box::from),
                    fs: volume.fs(),
                })
            })
            .collect();
        sort(&mut volumes, |volume| &volume.name);
        Some(Self { uid: uid.into(), containers, volumes })
    }
}
