//! Number of processes and threads.

use insights_sdk::{Entity, Unit};

use crate::names::{Published, Raw, percent, publish};

/// Publishes the number of processes of a pod or container, and its limit.
pub(crate) fn publish_all(entity: Entity<'_>, raw: &Raw, names: &Published) {
    let (pids, limit) = (entity.gauge(raw.pids), entity.gauge(raw.pids_limit));
    publish(entity, names.pids, pids, Unit::Count);
    publish(entity, names.pids_limit, limit, Unit::Count);
    publish(entity, names.pids_utilization, percent(pids, limit), Unit::Percent);
}
