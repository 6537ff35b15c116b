//! CPU and memory of a node, an instance, a pod or a container.

use insights_sdk::{Counter, Entity};

use crate::metric::{Metric, Publisher};
use crate::node::Capacity;
use crate::raw::Raw;

/// CPU time to millicores: nanoseconds a nanosecond, times 1000.
const MILLICORES: f64 = 1000.0;
/// Anything a nanosecond to a second.
const PER_SECOND: f64 = 1e9;

/// What further ratios are made of.
pub(crate) struct Used {
    pub(crate) cpu_millicores: Option<f64>,
    pub(crate) working_set_bytes: Option<f64>,
}

/// Whose page faults `memory_pgfault` means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Faults {
    /// Of the cgroup's own processes: a container's.
    Own,
    /// Of everything below as well: a node or a pod has no processes of its own. On cgroup v2 both are the same.
    Hierarchy,
}

/// Publishes the figures that all four have in common.
pub(crate) fn publish(
    to: &Publisher<'_>,
    entity: Entity<'_>,
    raw: &Raw,
    faults: Faults,
    capacity: &Capacity,
) -> Used {
    let cpu = |name| entity.counter(name).and_then(|counter| counter.rate(MILLICORES));
    let cpu_millicores = cpu(raw.cpu_usage_ns);
    to.put(entity, Metric::CpuUsageTotal, cpu_millicores);
    to.put(entity, Metric::CpuUsageUser, cpu(raw.cpu_user_ns));
    to.put(entity, Metric::CpuUsageSystem, cpu(raw.cpu_system_ns));
    to.put(entity, Metric::CpuUtilization, percent(cpu_millicores, capacity.cpu_millicores));

    let usage = entity.gauge(raw.memory_usage_bytes);
    to.put(entity, Metric::MemoryUsage, usage);
    for (metric, name) in [
        (Metric::MemoryCache, raw.memory_cache_bytes),
        (Metric::MemoryRss, raw.memory_rss_bytes),
        (Metric::MemoryMaxUsage, raw.memory_max_usage_bytes),
        (Metric::MemorySwap, raw.memory_swap_bytes),
        (Metric::MemoryMappedFile, raw.memory_mapped_file_bytes),
    ] {
        to.put(entity, metric, entity.gauge(name));
    }
    to.put(
        entity,
        Metric::MemoryFailcnt,
        entity.counter(raw.memory_failcnt).map(|counter| counter.current as f64),
    );
    let inactive_file = entity.gauge(raw.memory_inactive_file_bytes).unwrap_or(0.0);
    let working_set_bytes =
        usage.map(|usage| if inactive_file > usage { 0.0 } else { usage - inactive_file });
    to.put(entity, Metric::MemoryWorkingSet, working_set_bytes);
    to.put(entity, Metric::MemoryUtilization, percent(working_set_bytes, capacity.memory_bytes));

    publish_faults(to, entity, raw, faults);
    Used { cpu_millicores, working_set_bytes }
}

fn publish_faults(to: &Publisher<'_>, entity: Entity<'_>, raw: &Raw, faults: Faults) {
    let all =
        [entity.counter(raw.memory_hierarchical_pgfault), entity.counter(raw.memory_hierarchical_pgmajfault)];
    let own = [entity.counter(raw.memory_pgfault), entity.counter(raw.memory_pgmajfault)];
    let [minor, major] = match faults {
        Faults::Own => own,
        Faults::Hierarchy => [all[0].or(own[0]), all[1].or(own[1])],
    };
    let rate = |counter: Option<Counter>| counter.and_then(|counter| counter.rate(PER_SECOND));
    to.put(entity, Metric::MemoryPgfault, rate(minor));
    to.put(entity, Metric::MemoryPgmajfault, rate(major));
    to.put(entity, Metric::MemoryHierarchicalPgfault, rate(all[0]));
    to.put(entity, Metric::MemoryHierarchicalPgmajfault, rate(all[1]));
    to.put(entity, Metric::MemoryFailuresTotal, rate(sum(minor, major)));
}

/// Two counters of one file as one; none when they were not read together.
fn sum(a: Option<Counter>, b: Option<Counter>) -> Option<Counter> {
    let (a, b) = (a?, b?);
    let previous = a.previous?.checked_add(b.previous?)?;
    (a.elapsed_ns == b.elapsed_ns)
        .then(|| Some(Counter::pair(a.current.checked_add(b.current)?, previous, a.elapsed_ns)))
        .flatten()
}

/// `part / whole * 100`; none without a part or with nothing to divide by.
pub(crate) fn percent(part: Option<f64>, whole: Option<f64>) -> Option<f64> {
    let whole = whole.filter(|&whole| whole > 0.0)?;
    Some(part? / whole * 100.0)
}
