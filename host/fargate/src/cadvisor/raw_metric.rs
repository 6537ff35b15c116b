//! The raw metrics of a cgroup, and the cAdvisor metrics that they come from.

/// Kind of a raw metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
}

macro_rules! raw_metrics {
    ($($variant:ident = $name:literal $kind:ident,)*) => {
        /// A raw metric of a cgroup; see docs/raw-metrics.md.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum RawMetric { $($variant,)* }

        /// All raw metrics, in the order of their emission, with raw name and kind.
        pub(super) const RAW_METRICS: &[(RawMetric, &str, Kind)] = &[$((RawMetric::$variant, $name, Kind::$kind),)*];
    };
}

raw_metrics! {
    CpuUsage = "cpu.usage_ns" Counter,
    CpuUser = "cpu.user_ns" Counter,
    CpuSystem = "cpu.system_ns" Counter,
    CpuPeriods = "cpu.periods" Counter,
    CpuThrottledPeriods = "cpu.throttled_periods" Counter,
    CpuThrottled = "cpu.throttled_ns" Counter,
    CpuShares = "cpu.shares" Gauge,
    MemoryUsage = "memory.usage_bytes" Gauge,
    MemoryWorkingSet = "memory.working_set_bytes" Gauge,
    MemoryMaxUsage = "memory.max_usage_bytes" Gauge,
    MemoryFailcnt = "memory.failcnt" Counter,
    MemoryCache = "memory.cache_bytes" Gauge,
    MemoryRss = "memory.rss_bytes" Gauge,
    MemoryMappedFile = "memory.mapped_file_bytes" Gauge,
    MemorySwap = "memory.swap_bytes" Gauge,
    MemoryInactiveFile = "memory.inactive_file_bytes" Gauge,
    MemoryPgfault = "memory.pgfault" Counter,
    MemoryPgmajfault = "memory.pgmajfault" Counter,
    MemoryHierarchicalPgfault = "memory.hierarchical_pgfault" Counter,
    MemoryHierarchicalPgmajfault = "memory.hierarchical_pgmajfault" Counter,
    MemoryLimit = "memory.limit_bytes" Gauge,
    MemorySoftLimit = "memory.soft_limit_bytes" Gauge,
    MemoryOomKills = "memory.oom_kills" Counter,
    IoReadBytes = "io.read_bytes" Counter,
    IoWriteBytes = "io.write_bytes" Counter,
    IoReads = "io.reads" Counter,
    IoWrites = "io.writes" Counter,
    PsiCpuSome = "psi.cpu.some_us" Counter,
    PsiCpuFull = "psi.cpu.full_us" Counter,
    PsiMemorySome = "psi.memory.some_us" Counter,
    PsiMemoryFull = "psi.memory.full_us" Counter,
    PsiIoSome = "psi.io.some_us" Counter,
    PsiIoFull = "psi.io.full_us" Counter,
    PidsCurrent = "pids.current" Gauge,
    PidsLimit = "pids.limit" Gauge,
}

/// Unit of a cAdvisor metric, and the meaning of a zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Seconds, as nanoseconds.
    Nanoseconds,
    /// Seconds, as microseconds; 0 means no value: cAdvisor also writes it where the kernel does not measure pressure.
    Microseconds,
    /// A number of bytes or events.
    Number,
    /// A number; 0 means that there is no bound, or no value.
    Positive,
}

/// Values from here on are unlimited or unknown, bytes: no machine has that much, and the kernel writes the largest number of
/// pages for "no limit".
const UNKNOWN: f64 = (1_u64 << 62) as f64;

impl Unit {
    /// Converts a sample's value. Returns `None` if it stands for an unknown or unlimited one.
    pub(super) fn convert(self, value: f64) -> Option<f64> {
        let factor = match self {
            Self::Nanoseconds => 1e9,
            Self::Microseconds => 1e6,
            Self::Number | Self::Positive => 1.0,
        };
        // The kernel's values are whole numbers; cAdvisor divides those of time.
        let value = (value * factor).round();
        let has_zero = matches!(self, Self::Nanoseconds | Self::Number);
        let is_known = (0.0..UNKNOWN).contains(&value) && (has_zero || value > 0.0);
        is_known.then_some(value)
    }
}

/// Returns the raw metric of a cAdvisor metric whose row has one value for each cgroup.
///
/// `pids.current` counts tasks in the kernel, which are threads; `container_processes` counts processes.
pub(super) fn single(metric: &str) -> Option<(RawMetric, Unit)> {
    use Unit::{Microseconds, Nanoseconds, Number, Positive};

    Some(match metric {
        "container_cpu_user_seconds_total" => (RawMetric::CpuUser, Nanoseconds),
        "container_cpu_system_seconds_total" => (RawMetric::CpuSystem, Nanoseconds),
        "container_cpu_cfs_periods_total" => (RawMetric::CpuPeriods, Number),
        "container_cpu_cfs_throttled_periods_total" => (RawMetric::CpuThrottledPeriods, Number),
        "container_cpu_cfs_throttled_seconds_total" => (RawMetric::CpuThrottled, Nanoseconds),
        "container_spec_cpu_shares" => (RawMetric::CpuShares, Positive),
        "container_memory_usage_bytes" => (RawMetric::MemoryUsage, Number),
        "container_memory_working_set_bytes" => (RawMetric::MemoryWorkingSet, Number),
        "container_memory_max_usage_bytes" => (RawMetric::MemoryMaxUsage, Positive),
        "container_memory_failcnt" => (RawMetric::MemoryFailcnt, Positive),
        "container_memory_cache" => (RawMetric::MemoryCache, Number),
        "container_memory_rss" => (RawMetric::MemoryRss, Number),
        "container_memory_mapped_file" => (RawMetric::MemoryMappedFile, Number),
        "container_memory_swap" => (RawMetric::MemorySwap, Number),
        "container_memory_total_inactive_file_bytes" => (RawMetric::MemoryInactiveFile, Number),
        "container_spec_memory_limit_bytes" => (RawMetric::MemoryLimit, Positive),
        "container_spec_memory_reservation_limit_bytes" => (RawMetric::MemorySoftLimit, Positive),
        "container_oom_events_total" => (RawMetric::MemoryOomKills, Number),
        "container_pressure_cpu_waiting_seconds_total" => (RawMetric::PsiCpuSome, Microseconds),
        "container_pressure_cpu_stalled_seconds_total" => (RawMetric::PsiCpuFull, Microseconds),
        "container_pressure_memory_waiting_seconds_total" => (RawMetric::PsiMemorySome, Microseconds),
        "container_pressure_memory_stalled_seconds_total" => (RawMetric::PsiMemoryFull, Microseconds),
        "container_pressure_io_waiting_seconds_total" => (RawMetric::PsiIoSome, Microseconds),
        "container_pressure_io_stalled_seconds_total" => (RawMetric::PsiIoFull, Microseconds),
        "container_threads" => (RawMetric::PidsCurrent, Number),
        "container_threads_max" => (RawMetric::PidsLimit, Positive),
        _ => return None,
    })
}

/// Returns the raw metric of a cAdvisor metric with one row for each part of a cgroup, and the label that names the part. The value
/// of the raw metric is the sum.
pub(super) fn summed(metric: &str) -> Option<(RawMetric, Unit, &'static str)> {
    Some(match metric {
        "container_cpu_usage_seconds_total" => (RawMetric::CpuUsage, Unit::Nanoseconds, "cpu"),
        "container_fs_reads_bytes_total" => (RawMetric::IoReadBytes, Unit::Number, "device"),
        "container_fs_writes_bytes_total" => (RawMetric::IoWriteBytes, Unit::Number, "device"),
        "container_fs_reads_total" => (RawMetric::IoReads, Unit::Number, "device"),
        "container_fs_writes_total" => (RawMetric::IoWrites, Unit::Number, "device"),
        _ => return None,
    })
}

/// Returns the raw metric of a row of `container_memory_failures_total`.
pub(super) fn failures(failure_type: &str, scope: &str) -> Option<RawMetric> {
    match (failure_type, scope) {
        ("pgfault", "container") => Some(RawMetric::MemoryPgfault),
        ("pgmajfault", "container") => Some(RawMetric::MemoryPgmajfault),
        ("pgfault", "hierarchy") => Some(RawMetric::MemoryHierarchicalPgfault),
        ("pgmajfault", "hierarchy") => Some(RawMetric::MemoryHierarchicalPgmajfault),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_raw_name_is_documented() {
        let page = include_str!("../../../../docs/raw-metrics.md");
        for (_, name, _) in RAW_METRICS {
            let is_listed = page.contains(&format!("`{name}`"));
            // The page abbreviates the names of one row.
            let is_abbreviated = name.starts_with("psi.") && page.contains("`psi.memory.…`, `psi.io.…`");
            assert!(is_listed || is_abbreviated, "{name}");
        }
    }

    #[test]
    fn raw_metrics_are_in_the_order_of_their_enum() {
        assert!(RAW_METRICS.iter().enumerate().all(|(index, (metric, ..))| *metric as usize == index));
    }

    #[test]
    fn values_are_converted_to_whole_units() {
        assert_eq!(Unit::Nanoseconds.convert(37.994478), Some(37_994_478_000.0));
        assert_eq!(Unit::Microseconds.convert(0.000003), Some(3.0));
        assert_eq!(Unit::Number.convert(0.0), Some(0.0));
        assert_eq!(Unit::Positive.convert(0.0), None);
        for unit in [Unit::Nanoseconds, Unit::Number, Unit::Positive] {
            for unknown in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 9.223372036854772e18] {
                assert_eq!(unit.convert(unknown), None, "{unknown}");
            }
        }
    }
}
