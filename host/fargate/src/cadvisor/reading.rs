//! The kept values of one response.

use insightd_collect::cgroup::path::Qos;

use super::network::{FILESYSTEM, NETWORK};
use super::raw_metric::{RAW_METRICS, RawMetric};
use crate::fnv::fnv1a;

/// A value and the time of cAdvisor's reading in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct At {
    pub(super) value: f64,
    pub(super) at_ms: Option<i64>,
}

/// Stores a value, unless the same series was already read at the same time or later: families may occur twice in a response.
pub(super) fn store(slot: &mut Option<At>, value: At) {
    if slot.is_none_or(|known| known.at_ms < value.at_ms) {
        *slot = Some(value);
    }
}

/// The values of one Fargate node that are used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeReading {
    /// `machine_cpu_cores`.
    pub(super) cpu_count: Option<f64>,
    /// `machine_memory_bytes`.
    pub(super) memory_total_bytes: Option<f64>,
    /// Pods and containers: by pod uid, the pod first.
    pub(super) cgroups: Vec<CgroupReading>,
    /// Rows of pods that were left out because of a limit or because their path names no pod.
    pub(super) left_out: u64,
}

impl NodeReading {
    /// Returns the number of pods.
    pub fn pods(&self) -> usize {
        self.cgroups.iter().filter(|cgroup| cgroup.container.is_none()).count()
    }

    /// Returns the number of containers.
    pub fn containers(&self) -> usize {
        self.cgroups.len() - self.pods()
    }

    /// Returns true if the response had rows neither of the machine nor of a pod, so that it is not cAdvisor's.
    pub fn is_empty(&self) -> bool {
        self.cpu_count.is_none() && self.memory_total_bytes.is_none() && self.cgroups.is_empty()
    }

    /// Returns the number of rows of pods that were left out: beyond a limit, or with a path that names no pod.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}

/// The values of one cgroup.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CgroupReading {
    /// Path without the leading slash.
    pub(super) path: Box<str>,
    pub(super) uid: Box<str>,
    pub(super) qos: Option<Qos>,
    /// Set for a container.
    pub(super) container: Option<ContainerIdentity>,
    /// `container_start_time_seconds`.
    pub(super) started: Option<At>,
    pub(super) quota_us: Option<At>,
    pub(super) period_us: Option<At>,
    pub(super) values: [Option<At>; RAW_METRICS.len()],
    /// Values that are summed.
    pub(super) parts: Vec<Part>,
    /// The values that are sums of parts.
    pub(super) sums: Vec<Sum>,
    /// File systems of a container.
    pub(super) filesystems: Vec<FilesystemReading>,
    /// Interfaces of a pod.
    pub(super) interfaces: Vec<InterfaceReading>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ContainerIdentity {
    pub(super) id: Box<str>,
    pub(super) runtime: Option<&'static str>,
}

/// The value of one CPU or device.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    pub(super) metric: RawMetric,
    pub(super) name: Box<str>,
    pub(super) value: Option<At>,
}

/// A value that is the sum of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) metric: RawMetric,
    /// Hash of the sorted names of the parts: a sum continues only over the same parts.
    pub(super) parts_hash: u64,
}

/// A file system, as the container sees it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FilesystemReading {
    pub(super) device: Box<str>,
    pub(super) values: [Option<At>; FILESYSTEM.len()],
}

/// An interface in the network namespace of a pod.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct InterfaceReading {
    pub(super) name: Box<str>,
    /// Path of the cgroup that the rows name: another sandbox has another network namespace.
    pub(super) owner: Box<str>,
    pub(super) values: [Option<At>; NETWORK.len()],
}

impl CgroupReading {
    pub(super) fn new(
        path: &str,
        uid: String,
        qos: Option<Qos>,
        container: Option<ContainerIdentity>,
    ) -> Self {
        Self {
            path: path.into(),
            uid: uid.into(),
            qos,
            container,
            started: None,
            quota_us: None,
            period_us: None,
            values: [None; RAW_METRICS.len()],
            parts: Vec::new(),
            sums: Vec::new(),
            filesystems: Vec::new(),
            interfaces: Vec::new(),
        }
    }

    pub(super) fn set(&mut self, metric: RawMetric, value: At) {
        if let Some(slot) = self.values.get_mut(metric as usize) {
            store(slot, value);
        }
    }

    pub(super) fn get(&self, metric: RawMetric) -> Option<At> {
        self.values.get(metric as usize).copied().flatten()
    }

    /// Sets each raw metric that has parts to their sum, at the time of the newest part. A total that cAdvisor reported itself is
    /// kept.
    pub(super) fn sum_parts(&mut self) {
        let mut parts = std::mem::take(&mut self.parts);
        parts.sort_by(|left, right| {
            let key = |part: &Part| part.metric as usize;
            key(left).cmp(&key(right)).then_with(|| left.name.cmp(&right.name))
        });
        for parts in parts.chunk_by(|left, right| left.metric == right.metric) {
            let Some(metric) = parts.first().map(|part| part.metric) else { continue };
            let Some(slot) = self.values.get_mut(metric as usize).filter(|slot| slot.is_none()) else {
                continue;
            };
            let mut names = String::new();
            for part in parts {
                let Some(value) = part.value else { continue };
                let sum = slot.get_or_insert(At { value: 0.0, at_ms: value.at_ms });
                sum.value += value.value;
                sum.at_ms = sum.at_ms.max(value.at_ms);
                names.push_str(&part.name);
                names.push('\n');
            }
            self.sums.push(Sum { metric, parts_hash: fnv1a(names.as_bytes()) });
        }
    }

    /// Returns true if no process ever ran in the cgroup, as the cgroup reader does: a sandboxed runtime leaves it empty, and
    /// its zeros are not the container's values.
    pub(super) fn is_unused(&self) -> bool {
        self.get(RawMetric::CpuUsage).is_some_and(|usage| usage.value == 0.0)
    }
}
