//! Names of raw facts and of the published metrics, looked up once per batch.

use insights_sdk::{Batch, Entity, Name, Unit};

/// Number of resources with pressure stall information, times the two kinds of stalls.
pub(crate) const PRESSURES: usize = 6;

/// Handles of raw names.
pub(crate) struct Raw {
    pub(crate) kind: Name,
    pub(crate) container_kind: Name,
    pub(crate) quota: Name,
    pub(crate) periods: Name,
    pub(crate) throttled_periods: Name,
    pub(crate) throttled_ns: Name,
    pub(crate) pressures: [Name; PRESSURES],
    pub(crate) oom_kills: Name,
    pub(crate) pids: Name,
    pub(crate) pids_limit: Name,
    pub(crate) storage_used: Name,
    pub(crate) storage_limit: Name,
}

impl Raw {
    /// Looks up all names.
    pub(crate) fn new(batch: &Batch) -> Self {
        Self {
            kind: batch.name("Type"),
            container_kind: batch.name("container.kind"),
            quota: batch.name("cpu.quota_millicores"),
            periods: batch.name("cpu.periods"),
            throttled_periods: batch.name("cpu.throttled_periods"),
            throttled_ns: batch.name("cpu.throttled_ns"),
            pressures: [
                "psi.cpu.some_us",
                "psi.cpu.full_us",
                "psi.memory.some_us",
                "psi.memory.full_us",
                "psi.io.some_us",
                "psi.io.full_us",
            ]
            .map(|name| batch.name(name)),
            oom_kills: batch.name("memory.oom_kills"),
            pids: batch.name("pids.current"),
            pids_limit: batch.name("pids.limit"),
            storage_used: batch.name("pod.ephemeral_storage_used_bytes"),
            storage_limit: batch.name("container.limit_ephemeral_storage_bytes"),
        }
    }

    /// Returns true if the entity is an event of this type.
    pub(crate) fn is_event(&self, entity: Entity<'_>, kind: &str) -> bool {
        entity.attribute(self.kind) == Some(kind)
    }
}

/// Handles of the metrics of one type of event.
pub(crate) struct Published {
    pub(crate) throttled_percent: Name,
    pub(crate) throttled_seconds: Name,
    /// In the order of [`Raw::pressures`].
    pub(crate) pressures: [Name; PRESSURES],
    pub(crate) oom_kills: Name,
    pub(crate) pids: Name,
    pub(crate) pids_limit: Name,
    pub(crate) pids_utilization: Name,
}

impl Published {
    /// Looks up all names behind `prefix`, such as `pod_`.
    pub(crate) fn new(batch: &Batch, prefix: &str) -> Self {
        let name = |rest: &str| batch.name(&[prefix, rest].concat());
        Self {
            throttled_percent: name("cpu_throttled_percent"),
            throttled_seconds: name("cpu_throttled_seconds"),
            pressures: [
                "cpu_pressure_some_percent",
                "cpu_pressure_full_percent",
                "memory_pressure_some_percent",
                "memory_pressure_full_percent",
                "io_pressure_some_percent",
                "io_pressure_full_percent",
            ]
            .map(name),
            oom_kills: name("oom_kills"),
            pids: name("pids"),
            pids_limit: name("pids_limit"),
            pids_utilization: name("pids_utilization"),
        }
    }
}

/// Publishes a value, if it is known.
#[inline(never)]
pub(crate) fn publish(entity: Entity<'_>, name: Name, value: Option<f64>, unit: Unit) {
    if let Some(value) = value {
        entity.publish(name, value, unit);
    }
}

/// Returns `value` in percent of `total`; `None` if one is unknown or `total` is not above 0.
pub(crate) fn percent(value: Option<f64>, total: Option<f64>) -> Option<f64> {
    Some(value? / total.filter(|&total| total > 0.0)? * 100.0)
}

/// Returns the sum of the known values; `None` if none is known.
pub(crate) fn sum(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    values.into_iter().flatten().fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}
