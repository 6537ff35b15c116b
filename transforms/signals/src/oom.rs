//! Processes killed by the kernel because a cgroup had used up its memory.

use insights_sdk::{Entity, Unit};

use crate::names::{Published, Raw, publish, sum};

/// Publishes the kills of a container.
pub(crate) fn container(entity: Entity<'_>, raw: &Raw, names: &Published) {
    publish(entity, names.oom_kills, kills(entity, raw), Unit::Count);
}

/// Publishes the kills of a pod. With `is_hierarchical`, the counter of the pod's cgroup includes those of its containers, also of
/// containers whose cgroups are gone; otherwise both are added.
pub(crate) fn pod(
    entity: Entity<'_>,
    containers: &[Entity<'_>],
    is_hierarchical: bool,
    raw: &Raw,
    names: &Published,
) {
    let own = kills(entity, raw);
    let value = if is_hierarchical {
        own
    } else {
        sum(core::iter::once(own).chain(containers.iter().map(|&container| kills(container, raw))))
    };
    publish(entity, names.oom_kills, value, Unit::Count);
}

fn kills(entity: Entity<'_>, raw: &Raw) -> Option<f64> {
    entity.counter(raw.oom_kills)?.delta()
}
