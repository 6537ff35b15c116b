//! Values of tasks and containers: used and reserved CPU and memory, and storage traffic.

use insights_sdk::{Entity, Name};

use super::{KIND, Tasks};
use crate::raw::{counter, gauge};

/// Values in this order: used CPU, reserved CPU (1024ths of a vCPU), used memory, reserved memory (megabytes), bytes read and
/// written since the start.
pub(super) type Values = [Option<f64>; COUNT];

pub(super) const COUNT: usize = 6;
pub(super) const CPU_USED: usize = 0;
pub(super) const CPU_RESERVED: usize = 1;
pub(super) const MEMORY_USED: usize = 2;
pub(super) const MEMORY_RESERVED: usize = 3;
const BYTES_READ: usize = 4;

/// Bytes of a megabyte, as the ECS agent counts them.
pub(super) const MEGABYTE: f64 = 1_048_576.0;
/// CPU units of a vCPU.
const CPU_UNITS: f64 = 1024.0;

/// CPU units of an entity for which nothing is reserved: the kernel has no fewer shares.
const NO_SHARES: f64 = 2.0;

/// Tolerance for values that are whole before they are divided by a period and multiplied again.
const TOLERANCE: f64 = 1e-6;

impl Tasks<'_, '_> {
    /// Returns the values of a task or container. A value that the entity does not have itself is the sum over those of
    /// `containers` that have it: with task limits switched off, a task has no cgroup.
    pub(super) fn values(&self, entity: Entity<'_>, containers: &[Entity<'_>]) -> Values {
        let mut values: Values = [None; COUNT];
        for (at, value) in values.iter_mut().enumerate() {
            let own = self.value(at, entity);
            let parts = if own.is_some() { &[entity] } else { containers };
            for &part in parts {
                let found = if own.is_some() { own } else { self.value(at, part) };
                if let Some(found) = found.filter(|&found| at != CPU_RESERVED || found > NO_SHARES) {
                    *value = Some(value.unwrap_or(0.0) + found);
                }
            }
        }
        values
    }

    fn value(&self, at: usize, entity: Entity<'_>) -> Option<f64> {
        let raw = self.raw;
        match at {
            CPU_USED => counter(entity, raw.cpu_usage)?.rate(CPU_UNITS),
            CPU_RESERVED => self.cpu_reserved(entity),
            MEMORY_USED => self.memory_used(entity),
            MEMORY_RESERVED => self.memory_reserved(entity),
            _ => {
                let name = if at == BYTES_READ { raw.read_bytes } else { raw.write_bytes };
                counter(entity, name).map(|counter| counter.current as f64)
            }
        }
    }

    /// Returns the used memory as the ECS agent counts it: without inactive file pages on cgroup v2, without the page cache
    /// on v1. A sidecar does not know the version, but Docker's statistics have a maximum only on v1.
    fn memory_used(&self, entity: Entity<'_>) -> Option<f64> {
        let usage = gauge(entity, self.raw.memory_usage)?;
        let is_v1 = match self.is_sidecar {
            true => gauge(entity, self.raw.memory_max_usage).is_some(),
            false => !self.is_v2,
        };
        let name = if is_v1 { self.raw.memory_cache } else { self.raw.memory_inactive_file };
        let unused = gauge(entity, name)?;
        // The two values are read one after the other: pages may have been freed in between.
        Some((usage - unused).max(0.0) / MEGABYTE)
    }

    /// Returns the reserved memory. A container's reservation may be less than its limit.
    fn memory_reserved(&self, entity: Entity<'_>) -> Option<f64> {
        let names = &self.names;
        let [first, second] = match (self.is_sidecar, entity.kind() == KIND) {
            (true, true) => [names.limit_memory; 2],
            (true, false) => [self.raw.container_limit_memory; 2],
            (false, true) => [self.raw.memory_limit; 2],
            (false, false) => [names.memory_soft_limit, self.raw.memory_limit],
        };
        let bytes = positive(entity, first).or_else(|| positive(entity, second))?;
        Some(bytes / MEGABYTE)
    }

    /// Returns the reserved CPU. The size of a task takes precedence over its shares. On cgroup v2, shares are derived from the
    /// weight by the inverse of the formula with which runc and the ECS agent set it.
    fn cpu_reserved(&self, entity: Entity<'_>) -> Option<f64> {
        let names = &self.names;
        let (size, shares) = match self.is_sidecar {
            true => (names.limit_cpu, names.container_limit_cpu),
            false => (self.raw.cpu_quota, names.cpu_shares),
        };
        let size = if entity.kind() == KIND { positive(entity, size) } else { None };
        if let Some(millicores) = size {
            return Some(ceil(millicores * CPU_UNITS / 1000.0 - TOLERANCE));
        }
        gauge(entity, shares).or_else(|| {
            let weight = positive(entity, names.cpu_weight)?;
            Some(floor(NO_SHARES + (weight - 1.0) * 262_142.0 / 9999.0 + 0.5))
        })
    }
}

/// Returns the value of a gauge above 0.
#[inline(never)]
fn positive(entity: Entity<'_>, name: Name) -> Option<f64> {
    gauge(entity, name).filter(|&value| value > 0.0)
}

/// Returns the whole part of a number that is not negative; `core` has no `floor`.
fn floor(value: f64) -> f64 {
    value as u64 as f64
}

fn ceil(value: f64) -> f64 {
    let whole = floor(value);
    if whole < value { whole + 1.0 } else { whole }
}
