//! CPU throttling: a cgroup with a quota that has used it up waits for the next period.

use insights_sdk::{Entity, Unit};

use crate::names::{Published, Raw, percent, publish, sum};

/// Publishes the throttling of a container.
pub(crate) fn container(entity: Entity<'_>, raw: &Raw, names: &Published) {
    publish(entity, names.throttled_percent, share(entity, raw), Unit::Percent);
    publish(entity, names.throttled_seconds, seconds(entity, raw), Unit::None);
}

/// Publishes the throttling of a pod. The kernel counts only that of a cgroup's own quota, and the quota of a pod is the sum of its
/// containers', so a pod is usually throttled in its containers.
pub(crate) fn pod(entity: Entity<'_>, containers: &[Entity<'_>], raw: &Raw, names: &Published) {
    let all = || core::iter::once(&entity).chain(containers);
    let shares = all().filter_map(|&cgroup| share(cgroup, raw));
    publish(entity, names.throttled_percent, shares.reduce(f64::max), Unit::Percent);
    publish(entity, names.throttled_seconds, sum(all().map(|&cgroup| seconds(cgroup, raw))), Unit::None);
}

/// Returns the throttled ones of the periods in which the cgroup ran, in percent.
fn share(entity: Entity<'_>, raw: &Raw) -> Option<f64> {
    let throttled = entity.counter(raw.throttled_periods)?;
    let periods = entity.counter(raw.periods)?;
    // After a tick in which only one of the two could be read, they are counts of different intervals.
    if throttled.elapsed_ns != periods.elapsed_ns {
        return None;
    }
    percent(throttled.delta(), periods.delta())
}

/// Returns the throttled time in seconds per second, over all CPUs; `None` without a quota, for which the kernel writes zeros.
fn seconds(entity: Entity<'_>, raw: &Raw) -> Option<f64> {
    entity.gauge(raw.quota)?;
    entity.counter(raw.throttled_ns)?.rate(1.0)
}
