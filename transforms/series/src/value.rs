//! Computation of values from raw metrics and attributes.

use insights_sdk::Entity;

/// Microseconds of a CFS period, the kubelet's default. The batch knows only the ratio of quota and period.
const PERIOD_US: f64 = 100_000.0;

/// Reasons of a failed Job that kube-state-metrics tells apart.
pub(crate) const FAILURES: [&str; 3] = ["BackoffLimitExceeded", "DeadlineExceeded", "Evicted"];

/// Computation of one value. Without one of its operands, the result is absent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Reading of a counter, divided.
    Counter(&'static str, f64),
    /// Reading of a counter, divided; only with a CPU limit, as cAdvisor does.
    Throttle(&'static str, f64),
    /// Reading of the first counter, else of the second, divided.
    CounterElse(&'static str, &'static str, f64),
    /// Sum of two counters, divided.
    CounterSum(&'static str, &'static str, f64),
    /// First counter minus second; absent if negative.
    CounterDifference(&'static str, &'static str),
    /// Gauge, divided.
    Gauge(&'static str, f64),
    /// First gauge; only if the second is there.
    GaugeIf(&'static str, &'static str),
    /// First gauge, else the second, divided.
    GaugeElse(&'static str, &'static str, f64),
    /// First gauge minus all others; absent if negative.
    Remainder(&'static str, &'static [&'static str]),
    /// First gauge minus second; absent if negative.
    Difference(&'static str, &'static str),
    /// First gauge plus second; the second may be absent.
    Sum(&'static str, &'static str),
    /// Memory in use without inactive file pages, 0 if negative; else the kubelet's working set.
    WorkingSet,
    /// Memory limit minus working set; absent if negative.
    MemoryAvailable,
    /// CPUs in use: the kubelet's reading, else the growth of the CPU time per nanosecond.
    CpuUsage,
    /// Microseconds of CPU time per period of 100 ms that the limit allows.
    Quota,
    /// That period, if there is a limit.
    Period,
    /// CPU shares; on cgroup v2 from the weight, as cAdvisor and crun convert it.
    Shares,
    /// Seconds since a time in milliseconds.
    Age(&'static str),
    /// 1 if the attribute has this value, else 0.
    Is(&'static str, &'static str),
    /// 1 if the first attribute has the value and the second is there.
    IfReason(&'static str, &'static str, &'static str),
    /// 1 if the attribute is there.
    IfSet(&'static str),
    /// Failed pods of a Job; absent if there are some, and the Job failed for a reason that has a row of its own.
    FailedPods,
    /// 1 if a Job failed for this reason, 0 if it failed for another one; only if it has failed pods.
    FailedFor(&'static str),
    /// 1.
    One,
}

impl Value {
    /// Computes the value for an entity. The result is finite.
    pub fn read(&self, entity: Entity<'_>) -> Option<f64> {
        let gauge = |name: &str| entity.gauge(name);
        let count = |name: &str| entity.counter(name).map(|counter| counter.current);
        let text = |key: &str| entity.attribute(key).filter(|text| !text.is_empty());
        let value = match *self {
            Self::Counter(name, divisor) => count(name)? as f64 / divisor,
            Self::Throttle(name, divisor) => {
                gauge("cpu.quota_millicores")?;
                count(name)? as f64 / divisor
            }
            Self::CounterElse(name, other, divisor) => count(name).or_else(|| count(other))? as f64 / divisor,
            Self::CounterSum(one, other, divisor) => count(one)?.checked_add(count(other)?)? as f64 / divisor,
            Self::CounterDifference(from, less) => count(from)?.checked_sub(count(less)?)? as f64,
            Self::Gauge(name, divisor) => gauge(name)? / divisor,
            Self::GaugeIf(name, other) => gauge(other).and(gauge(name))?,
            Self::GaugeElse(name, other, divisor) => gauge(name).or_else(|| gauge(other))? / divisor,
            Self::Remainder(from, less) => {
                let less: Option<f64> = less.iter().map(|name| gauge(name)).sum();
                positive(gauge(from)? - less?)?
            }
            Self::Difference(from, less) => positive(gauge(from)? - gauge(less)?)?,
            Self::Sum(one, other) => gauge(one)? + gauge(other).unwrap_or(0.0),
            Self::WorkingSet => working_set(entity)?,
            Self::MemoryAvailable => positive(gauge("memory.limit_bytes")? - working_set(entity)?)?,
            Self::CpuUsage => match gauge("cpu.usage_nanocores") {
                Some(nanocores) => nanocores / 1e9,
                None => entity.counter("cpu.usage_ns")?.rate(1.0)?,
            },
            Self::Quota => gauge("cpu.quota_millicores")? * (PERIOD_US / 1000.0),
            Self::Period => gauge("cpu.quota_millicores").map(|_| PERIOD_US)?,
            Self::Shares => match gauge("cpu.shares") {
                Some(shares) => shares,
                None => shares_of(gauge("cpu.weight")?)?,
            },
            Self::Age(since) => positive(entity.batch().time_unix_ms() as f64 - gauge(since)?)? / 1000.0,
            Self::Is(key, wanted) => f64::from(u8::from(text(key)? == wanted)),
            Self::IfReason(key, wanted, reason) => {
                text(reason)?;
                (text(key)? == wanted).then_some(1.0)?
            }
            Self::IfSet(key) => text(key).map(|_| 1.0)?,
            Self::FailedPods => {
                let failed = gauge("job.failed")?;
                let is_known = || text("job.failure_reason").is_some_and(|reason| FAILURES.contains(&reason));
                if failed > 0.0 && is_known() {
                    return None;
                }
                failed
            }
            Self::FailedFor(reason) => {
                text("job.condition.Failed")?;
                (gauge("job.failed")? > 0.0).then_some(())?;
                f64::from(u8::from(text("job.failure_reason") == Some(reason)))
            }
            Self::One => 1.0,
        };
        value.is_finite().then_some(value)
    }
}

fn positive(value: f64) -> Option<f64> {
    (value >= 0.0).then_some(value)
}

fn working_set(entity: Entity<'_>) -> Option<f64> {
    match (entity.gauge("memory.usage_bytes"), entity.gauge("memory.inactive_file_bytes")) {
        (Some(usage), Some(inactive)) => Some((usage - inactive).max(0.0)),
        _ => entity.gauge("memory.working_set_bytes"),
    }
}

/// Converts `cpu.weight` (1 to 10,000) to CPU shares in whole numbers, as cAdvisor does.
fn shares_of(weight: f64) -> Option<f64> {
    if !(1.0..=10_000.0).contains(&weight) {
        return None;
    }
    Some((2 + (weight as u64 - 1) * 262_142 / 9999) as f64)
}
