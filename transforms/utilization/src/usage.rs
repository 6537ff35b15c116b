//! CPU and memory metrics, shared by nodes, pods and containers.

use insights_sdk::{Counter, Entity, Name};

use crate::metrics::{Metric, Prefix, Publisher, percent};
use crate::raw::{Raw, counter, gauge};

/// Capacity of the node, the base of all ratios to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    /// Thousandths of a core.
    pub(crate) cpu: Option<f64>,
    /// Bytes.
    pub(crate) memory: Option<f64>,
}

impl Capacity {
    pub(crate) fn new(node: Entity<'_>) -> Self {
        let known = |name: &str| node.gauge(name).filter(|&value| value > 0.0);
        Self {
            cpu: known("node.cpu_count").map(|cores| cores * 1000.0),
            memory: known("node.memory_total_bytes"),
        }
    }
}

/// Usage values needed for further ratios.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Thousandths of a core.
    pub(crate) cpu: Option<f64>,
    /// Bytes.
    pub(crate) working_set: Option<f64>,
}

/// Selection of the processes whose page faults count for an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Faults {
    /// The entity's own processes.
    Own,
    /// All processes below it: on cgroup v1 a pod's cgroup has no processes of its own, and the root cgroup has few.
    Below,
}

/// Publishes usage of CPU and memory.
pub(crate) fn publish(
    out: &mut Publisher<'_>,
    entity: Entity<'_>,
    prefix: Prefix,
    raw: &Raw,
    capacity: Capacity,
    faults: Faults,
) -> Usage {
    let cpu = publish_cpu(out, entity, prefix, raw, capacity);
    let working_set = publish_memory(out, entity, prefix, raw, capacity);
    publish_faults(out, entity, prefix, raw, faults);
    Usage { cpu, working_set }
}

fn publish_cpu(
    out: &mut Publisher<'_>,
    entity: Entity<'_>,
    prefix: Prefix,
    raw: &Raw,
    capacity: Capacity,
) -> Option<f64> {
    // CPU nanoseconds per nanosecond are cores.
    let millicores = |name: Name| counter(entity, name)?.rate(1000.0);
    // For sandboxed pods the kubelet reports a rate of its own, also between two of its readings.
    let of_kubelet = || Some(gauge(entity, raw.cpu_nanocores)? / 1e6);
    let total = millicores(raw.cpu_usage).or_else(of_kubelet);
    let user = millicores(raw.cpu_user);
    let system = millicores(raw.cpu_system);
    let metrics =
        [Metric::CpuUsageTotal, Metric::CpuUsageUser, Metric::CpuUsageSystem, Metric::CpuUtilization];
    out.publish_each(entity, prefix, &metrics, &[total, user, system, percent(total, capacity.cpu)]);
    total
}

fn publish_memory(
    out: &mut Publisher<'_>,
    entity: Entity<'_>,
    prefix: Prefix,
    raw: &Raw,
    capacity: Capacity,
) -> Option<f64> {
    let usage = gauge(entity, raw.memory_usage);
    let inactive = gauge(entity, raw.memory_inactive_file);
    // The two values are read one after the other: inactive memory may have been freed in between.
    let working_set = usage.zip(inactive).map(|(usage, inactive)| (usage - inactive).max(0.0));
    let working_set = working_set.or_else(|| gauge(entity, raw.memory_working_set));
    for (metric, name) in [
        (Metric::MemoryCache, raw.memory_cache),
        (Metric::MemoryRss, raw.memory_rss),
        (Metric::MemoryMaxUsage, raw.memory_max_usage),
        (Metric::MemorySwap, raw.memory_swap),
        (Metric::MemoryMappedFile, raw.memory_mapped_file),
    ] {
        out.publish(entity, prefix, metric, gauge(entity, name));
    }
    let failcnt = counter(entity, raw.memory_failcnt).map(|failcnt| failcnt.current as f64);
    let metrics =
        [Metric::MemoryUsage, Metric::MemoryFailcnt, Metric::MemoryWorkingSet, Metric::MemoryUtilization];
    let utilization = percent(working_set, capacity.memory);
    out.publish_each(entity, prefix, &metrics, &[usage, failcnt, working_set, utilization]);
    working_set
}

fn publish_faults(out: &mut Publisher<'_>, entity: Entity<'_>, prefix: Prefix, raw: &Raw, faults: Faults) {
    let below = counter(entity, raw.hierarchical_pgfault);
    let major_below = counter(entity, raw.hierarchical_pgmajfault);
    let (mut own, mut major) = (counter(entity, raw.pgfault), counter(entity, raw.pgmajfault));
    if faults == Faults::Below {
        own = below.or(own);
        major = major_below.or(major);
    }
    let rate = |found: Option<Counter>| found?.per_second();
    let all = own.zip(major).and_then(|(own, major)| sum(own, major));
    for (metric, counter) in [
        (Metric::MemoryPgfault, own),
        (Metric::MemoryPgmajfault, major),
        (Metric::MemoryHierarchicalPgfault, below),
        (Metric::MemoryHierarchicalPgmajfault, major_below),
        (Metric::MemoryFailuresTotal, all),
    ] {
        out.publish(entity, prefix, metric, rate(counter));
    }
}

/// Returns the sum of two counters if they were read at the same times.
fn sum(left: Counter, right: Counter) -> Option<Counter> {
    if left.elapsed_ns != right.elapsed_ns {
        return None;
    }
    let current = left.current.checked_add(right.current)?;
    let previous = left.previous?.checked_add(right.previous?)?;
    Some(Counter::pair(current, previous, left.elapsed_ns))
}
