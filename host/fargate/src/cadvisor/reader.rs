//! Collects the samples of one response.

use insightd_exposition::Sample;

use super::network::{FILESYSTEM, NETWORK, filesystem, network};
use super::raw_metric::{self, RawMetric, Unit};
use super::reading::{At, CgroupReading, FilesystemReading, InterfaceReading, NodeReading, Part, store};
use super::rows::{Row, Rows};

/// Bounds on what is kept of one response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadingLimits {
    /// Largest number of pods and containers. A Fargate node has one pod.
    pub cgroups: usize,
    /// Largest number of values of CPUs and devices that are summed for one cgroup, and of its file systems and interfaces
    /// each.
    pub parts: usize,
}

impl Default for ReadingLimits {
    fn default() -> Self {
        Self { cgroups: 512, parts: 512 }
    }
}

/// A reader of the samples of one node.
#[derive(Debug)]
pub struct NodeReader {
    limits: ReadingLimits,
    rows: Rows,
    cpu_count: Option<f64>,
    memory_total_bytes: Option<f64>,
    left_out: u64,
}

/// The use of a metric's samples.
enum Use {
    Single(RawMetric, Unit),
    Summed(RawMetric, Unit, &'static str),
    Failures,
    Quota,
    Period,
    Started,
    Filesystem(usize, Unit),
    Network(usize),
}

impl Use {
    fn new(metric: &str) -> Option<Self> {
        // Most of a response are metrics that are not used.
        let rest = metric.strip_prefix("container_")?;
        Some(match rest {
            "memory_failures_total" => Self::Failures,
            "spec_cpu_quota" => Self::Quota,
            "spec_cpu_period" => Self::Period,
            "start_time_seconds" => Self::Started,
            _ if rest.starts_with("network_") => Self::Network(network(metric)?),
            _ => {
                let single = raw_metric::single(metric).map(|(raw, unit)| Self::Single(raw, unit));
                let summed =
                    || raw_metric::summed(metric).map(|(raw, unit, label)| Self::Summed(raw, unit, label));
                let of_device = || filesystem(metric).map(|(index, unit)| Self::Filesystem(index, unit));
                single.or_else(summed).or_else(of_device)?
            }
        })
    }
}

impl NodeReader {
    /// Creates a reader.
    pub fn new(limits: ReadingLimits) -> Self {
        Self {
            limits,
            rows: Rows::new(limits.cgroups),
            cpu_count: None,
            memory_total_bytes: None,
            left_out: 0,
        }
    }

    /// Keeps what is used of a sample.
    pub fn sample(&mut self, sample: Sample<'_>) {
        match sample.name {
            "machine_cpu_cores" => self.cpu_count = Unit::Positive.convert(sample.value),
            "machine_memory_bytes" => self.memory_total_bytes = Unit::Positive.convert(sample.value),
            name => {
                if let Some(used) = Use::new(name) {
                    self.cgroup_sample(&used, sample);
                }
            }
        }
    }

    /// Returns the reading, after the last sample of a complete response.
    pub fn finish(self) -> NodeReading {
        let Self { rows, cpu_count, memory_total_bytes, left_out, .. } = self;
        let mut cgroups = rows.cgroups;
        cgroups.iter_mut().for_each(CgroupReading::sum_parts);
        cgroups.sort_by(|left, right| {
            let key = |cgroup: &CgroupReading| (cgroup.uid.clone(), cgroup.container.is_some());
            key(left).cmp(&key(right)).then_with(|| left.path.cmp(&right.path))
        });
        NodeReading { cpu_count, memory_total_bytes, cgroups, left_out }
    }

    fn cgroup_sample(&mut self, used: &Use, sample: Sample<'_>) {
        let Some(row) = self.rows.find(&sample.labels) else { return };
        let (index, is_sandbox) = match row {
            Row::Cgroup(index) => (index, false),
            Row::Sandbox(index) => (index, true),
            Row::LeftOut => {
                self.left_out += 1;
                return;
            }
        };
        if is_sandbox && !matches!(used, Use::Network(_)) {
            return;
        }
        let Some(cgroup) = self.rows.cgroups.get_mut(index) else { return };
        if !keep(cgroup, used, sample, self.limits.parts) {
            self.left_out += 1;
        }
    }
}

/// Keeps a sample of a cgroup. Returns false if there is no room for it.
fn keep(cgroup: &mut CgroupReading, used: &Use, sample: Sample<'_>, max_parts: usize) -> bool {
    let label = |name: &str| sample.labels.get(name).unwrap_or_default();
    let at = |unit: Unit| Some(At { value: unit.convert(sample.value)?, at_ms: sample.timestamp_ms });
    match *used {
        Use::Single(raw, unit) => {
            if let Some(value) = at(unit) {
                cgroup.set(raw, value);
            }
        }
        Use::Failures => {
            let raw = raw_metric::failures(label("failure_type"), label("scope"));
            if let Some((raw, value)) = raw.zip(at(Unit::Number)) {
                cgroup.set(raw, value);
            }
        }
        Use::Summed(raw, unit, name) => {
            let Some(value) = at(unit) else { return true };
            let name = label(name);
            // cAdvisor writes one row for all CPUs unless it is told to write one for each.
            if raw == RawMetric::CpuUsage && name == "total" {
                cgroup.set(raw, value);
                return true;
            }
            let parts = &mut cgroup.parts;
            let is_same = |part: &Part| part.metric == raw && &*part.name == name;
            let Some(index) = find_or_add(parts, max_parts, is_same, || Part {
                metric: raw,
                name: name.into(),
                value: None,
            }) else {
                return false;
            };
            store(&mut parts[index].value, value);
        }
        Use::Quota => store_known(&mut cgroup.quota_us, at(Unit::Positive)),
        Use::Period => store_known(&mut cgroup.period_us, at(Unit::Positive)),
        Use::Started => store_known(&mut cgroup.started, at(Unit::Positive)),
        Use::Filesystem(value_index, unit) => {
            // The file systems of a pod's own cgroup are those of its containers.
            let Some(value) = at(unit).filter(|_| cgroup.container.is_some()) else { return true };
            let device = label("device");
            let filesystems = &mut cgroup.filesystems;
            let Some(index) = find_or_add(
                filesystems,
                max_parts,
                |filesystem| &*filesystem.device == device,
                || FilesystemReading { device: device.into(), values: [None; FILESYSTEM.len()] },
            ) else {
                return false;
            };
            store(&mut filesystems[index].values[value_index], value);
        }
        Use::Network(value_index) => {
            let (Some(value), None) = (at(Unit::Number), &cgroup.container) else { return true };
            let (name, owner) = (label("interface"), label("id"));
            let interfaces = &mut cgroup.interfaces;
            let Some(index) = find_or_add(
                interfaces,
                max_parts,
                |interface| &*interface.name == name,
                || InterfaceReading { name: name.into(), owner: owner.into(), values: [None; NETWORK.len()] },
            ) else {
                return false;
            };
            let interface = &mut interfaces[index];
            // Two cgroups with rows of one interface are in one namespace, or one of them is left from an earlier sandbox:
            // values of both must not be mixed.
            if *interface.owner == *owner {
                store(&mut interface.values[value_index], value);
            } else if interface.values.iter().flatten().all(|known| known.at_ms < value.at_ms) {
                *interface = InterfaceReading {
                    name: name.into(),
                    owner: owner.into(),
                    values: [None; NETWORK.len()],
                };
                store(&mut interface.values[value_index], value);
            }
        }
    }
    true
}

fn store_known(slot: &mut Option<At>, value: Option<At>) {
    if let Some(value) = value {
        store(slot, value);
    }
}

/// Returns the index of the element that satisfies `is_same`; adds it if it is missing and there is room.
fn find_or_add<T>(
    elements: &mut Vec<T>,
    max: usize,
    is_same: impl Fn(&T) -> bool,
    new: impl FnOnce() -> T,
) -> Option<usize> {
    if let Some(index) = elements.iter().position(is_same) {
        return Some(index);
    }
    if elements.len() >= max {
        return None;
    }
    elements.push(new());
    Some(elements.len() - 1)
}
