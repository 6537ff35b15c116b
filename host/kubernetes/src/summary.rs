//! The kubelet's `/stats/summary`: use of the writable layers, logs and volumes of its pods, and CPU, memory and traffic of
//! sandboxed pods.
//!
//! Only the kubelet knows the file systems of containers and volumes without walking them. CPU, memory and traffic are read
//! from the kernel at the moment of the tick, whereas the kubelet's values are some seconds old: they are used for pods
//! and containers that the kernel does not measure, those of sandboxed runtimes (gVisor, Kata).

mod build;
mod number;
mod read;
#[cfg(test)]
mod tests;
mod wire;

use crate::problem::Problems;

pub use read::{SummaryReader, parse};

/// The statistics of a node's pods.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Statistics of the pods, by uid.
    pub pods: Vec<PodStats>,
    /// Malformed pods and fields that were left out.
    pub problems: Problems,
    /// Number of pods that were left out because there are more than a node can have, or more than fit in memory.
    pub left_out: u64,
}

impl Summary {
    /// Returns the statistics of the pod with this uid.
    pub fn pod(&self, uid: &str) -> Option<&PodStats> {
        let at = self.pods.binary_search_by(|pod| (*pod.uid).cmp(uid)).ok()?;
        self.pods.get(at)
    }
}

/// The statistics of a pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodStats {
    /// `podRef.uid`; of a static pod the uid in the name of its cgroup.
    pub uid: Box<str>,
    /// CPU and memory of the pod as a whole.
    pub usage: UsageStats,
    /// `network.time`: time at which the runtime read the interface counters, nanoseconds since the Unix epoch.
    pub network_read_at_ns: Option<u64>,
    /// Network interfaces of the pod, by name.
    pub interfaces: Vec<InterfaceStats>,
    /// Containers that run or have ended, by name.
    pub containers: Vec<ContainerStats>,
    /// Volumes that the kubelet measures, by name: not `hostPath`, and none before its first measurement.
    pub volumes: Vec<VolumeStats>,
    /// `ephemeral-storage.usedBytes`: writable layers, logs, and `emptyDir` volumes that are not in memory.
    pub ephemeral_storage_used_bytes: Option<u64>,
}

impl PodStats {
    /// Returns the statistics of the container of this name.
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
    /// `rootfs`: used bytes and inodes of the writable layer; capacity and free space are those of the file system that it
    /// is on.
    pub rootfs: FsStats,
    /// `logs.usedBytes`: size of the log files, including rotated ones, which are not part of the layer.
    pub logs_used_bytes: Option<u64>,
}

/// CPU and memory as reported by the runtime; absent if it does not report them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageStats {
    /// `cpu.time`: time at which the runtime read the two CPU values, nanoseconds since the Unix epoch.
    pub cpu_read_at_ns: Option<u64>,
    /// `cpu.usageCoreNanoSeconds`: CPU time since the start, nanoseconds.
    pub cpu_usage_ns: Option<u64>,
    /// `cpu.usageNanoCores`: the kubelet's own rate over some seconds, in billionths of a core.
    pub cpu_nanocores: Option<u64>,
    /// `memory.usageBytes`.
    pub memory_bytes: Option<u64>,
    /// `memory.workingSetBytes`.
    pub working_set_bytes: Option<u64>,
    /// `memory.rssBytes`.
    pub rss_bytes: Option<u64>,
}

/// Traffic of a pod's network interface since its creation, as reported by the runtime; absent if it does not report it.
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
    /// Use of the volume's file system.
    pub fs: FsStats,
}

/// Use of a file system; absent if the kubelet does not report it.
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

/// Sorts by key and drops duplicates; of several elements with the same key the first is kept.
fn sort<T>(list: &mut Vec<T>, key: impl Fn(&T) -> &str) {
    list.sort_by(|left, right| key(left).cmp(key(right)));
    list.dedup_by(|later, kept| key(later) == key(kept));
    list.shrink_to_fit();
}
