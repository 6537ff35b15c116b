//! CPU and memory that are reserved for tasks and containers.

use insights_sdk::Entity;

use super::{CPU_UNITS, Tasks, sum};
use crate::raw::gauge;

/// CPU shares of a container for which nothing is reserved: the kernel has no smaller value.
const NO_SHARES: f64 = 2.0;

/// Tolerance for values that are whole before they are divided by a period and multiplied again.
const TOLERANCE: f64 = 1e-6;

impl Tasks<'_, '_> {
    /// Returns the CPU reserved for a task in 1024ths of a vCPU.
    pub(super) fn cpu_reserved(&self, task: Entity<'_>, containers: &[Entity<'_>]) -> Option<f64> {
        let of_containers =
            || sum(containers.iter().map(|&container| self.container_cpu_reserved(container)));
        if self.is_own {
            return positive(gauge(task, self.names.limit_cpu)).map(units).or_else(of_containers);
        }
        match positive(gauge(task, self.names.cpu_quota)) {
            Some(quota) => Some(ceil(units(quota) - TOLERANCE)),
            None => match self.shares(task) {
                Some(shares) => above_none(shares),
                // With task limits switched off, the task has no cgroup.
                None => of_containers(),
            },
        }
    }

    /// Returns the CPU reserved for a container in 1024ths of a vCPU.
    pub(super) fn container_cpu_reserved(&self, container: Entity<'_>) -> Option<f64> {
        match self.is_own {
            true => gauge(container, self.names.container_limit_cpu).and_then(above_none),
            false => self.shares(container).and_then(above_none),
        }
    }

    /// Returns the memory reserved for a task in bytes.
    pub(super) fn memory_reserved(&self, task: Entity<'_>, containers: &[Entity<'_>]) -> Option<f64> {
        let limit = if self.is_own { self.names.limit_memory } else { self.names.memory_limit };
        positive(gauge(task, limit))
            .or_else(|| sum(containers.iter().map(|&container| self.container_memory_reserved(container))))
    }

    /// Returns the memory reserved for a container in bytes.
    pub(super) fn container_memory_reserved(&self, container: Entity<'_>) -> Option<f64> {
        if self.is_own {
            return positive(gauge(container, self.raw.container_limit_memory));
        }
        let soft = positive(gauge(container, self.names.memory_soft_limit));
        soft.or_else(|| positive(gauge(container, self.names.memory_limit)))
    }

    /// Returns the CPU shares of a cgroup. On v2 they are derived from the weight by the inverse of the formula with which
    /// runc and the ECS agent set it.
    fn shares(&self, entity: Entity<'_>) -> Option<f64> {
        let of_weight = || {
            let weight = positive(gauge(entity, self.names.cpu_weight))?;
            Some(floor(NO_SHARES + (weight - 1.0) * 262_142.0 / 9999.0 + 0.5))
        };
        gauge(entity, self.names.cpu_shares).or_else(of_weight)
    }
}

/// Returns thousandths of a vCPU in 1024ths. Whole results are exact.
fn units(millicores: f64) -> f64 {
    millicores * CPU_UNITS / 1000.0
}

fn above_none(shares: f64) -> Option<f64> {
    (shares > NO_SHARES).then_some(shares)
}

fn positive(value: Option<f64>) -> Option<f64> {
    value.filter(|&value| value > 0.0)
}

/// Returns the whole part of a number that is not negative; `core` has no `floor`.
fn floor(value: f64) -> f64 {
    value as u64 as f64
}

fn ceil(value: f64) -> f64 {
    let whole = floor(value);
    if whole < value { whole + 1.0 } else { whole }
}
