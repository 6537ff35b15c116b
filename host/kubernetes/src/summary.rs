//! The kubelet's `/stats/summary`: how full the writable layers, logs and volumes of its pods are, and what sandboxed pods
//! use.
//!
//! File systems of containers and volumes only the kubelet knows without walking them. CPU, memory and
//! traffic the kernel has at the moment of the tick, the kubelet as of some seconds ago: its figures are read for pods and
//! containers of which the kernel shows none, those of sandboxed runtimes (gVisor, Kata).

mod build;
mod figure;
mod read;
#[cfg(test)]
mod tests;
mod wire;

use crate::problem::Problems;

pub use read::{SummaryReader, parse};

/// The statistics of a node's pods.
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

/// The statistics of a pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodStats {
    /// `podRef.uid`; of a static pod the one that its cgroup has.
    pub uid: Box<str>,
    /// CPU and memory of the pod as a whole.
    pub usage: UsageStats,
    /// `network.time`: when the runtime read the counters of the interfaces, nanoseconds since the Unix epoch.
    pub network_read_at_ns: Option<u64>,
    /// Network interfaces of the pod, by name.
    pub interfaces: Vec<InterfaceStats>,
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

/// The statistics of a container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerStats {
    /// Name of the container.
    pub name: Box<str>,
    /// CPU and memory.
    pub usage: UsageStats,
    /// `rootfs`: used bytes and inodes of its writable layer; capacity and what is free of the file system it is on.
    pub rootfs: FsStats,
    /// `logs.usedBytes`: its log files, rotated ones included, which are not part of the layer.
    pub logs_used_bytes: Option<u64>,
}

/// CPU and memory as the runtime reports them; absent where it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageStats {
    /// `cpu.time`: when the runtime read the two CPU figures, nanoseconds since the Unix epoch.
    pub cpu_read_at_ns: Option<u64>,
    /// `cpu.usageCoreNanoSeconds`: CPU time since the start, nanoseconds.
    pub cpu_usage_ns: Option<u64>,
    /// `cpu.usageNanoCores`: the kubelet's own rate, billionths of a core over some seconds.
    pub cpu_nanocores: Option<u64>,
    /// `memory.usageBytes`.
    pub memory_bytes: Option<u64>,
    /// `memory.workingSetBytes`.
    pub working_set_bytes: Option<u64>,
    /// `memory.rssBytes`.
    pub rss_bytes: Option<u64>,
}

/// Traffic of a pod's network interface since it exists, as the runtime reports it; absent where it does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceStats {
    /// Name of the interface in the pod.
    pub name: Box<str>,
    /// `rxBytes`.
    pub rx_bytes: Option<u64>,
    /// `rxErrors`.
    pub rx_errors: Option<u64>,
    /// `txBytes`.
    pub tx_bytes: Option<u64>,
    /// `txErrors`.
    pub tx_errors: Option<u64>,
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
