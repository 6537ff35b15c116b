//! Parsers of the files of one cgroup.
//!
//! Unknown keys are skipped: nearly every kernel version adds some. A file with none of the known keys yields an empty
//! struct. A row that is malformed, or whose value is missing, negative or too long, loses only its own key; the first one
//! is in [`Parsed::skipped`].

mod io;

use crate::bytes::{fields, kernel_number, key_values, lines, number};
use crate::error::{ParseError, Parsed};

pub use crate::bytes::{bound, single};
pub use io::{BlkioFile, blkio, io_stat};

/// v1 `cpu.stat` and v2 `cpu.stat`. A value is `None` if the kernel does not write its key (v2 without the cpu controller
/// has no periods).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuStat {
    /// `usage_usec` × 1000 (v2).
    pub usage_ns: Option<u64>,
    /// `user_usec` × 1000 (v2).
    pub user_ns: Option<u64>,
    /// `system_usec` × 1000 (v2).
    pub system_ns: Option<u64>,
    /// `nr_periods`.
    pub periods: Option<u64>,
    /// `nr_throttled`.
    pub throttled_periods: Option<u64>,
    /// `throttled_time` (v1), `throttled_usec` × 1000 (v2).
    pub throttled_ns: Option<u64>,
}

/// Parses `cpu.stat` of either version; the keys differ.
pub fn cpu_stat(text: &[u8]) -> Parsed<CpuStat> {
    let mut stat = CpuStat::default();
    let nanoseconds = |microseconds: Option<u64>| microseconds.and_then(|value| value.checked_mul(1000));
    let skipped = key_values(text, |key, value| match key {
        b"usage_usec" => stat.usage_ns = nanoseconds(value.parse()),
        b"user_usec" => stat.user_ns = nanoseconds(value.parse()),
        b"system_usec" => stat.system_ns = nanoseconds(value.parse()),
        b"nr_periods" => stat.periods = value.parse(),
        b"nr_throttled" => stat.throttled_periods = value.parse(),
        b"throttled_time" => stat.throttled_ns = value.parse(),
        b"throttled_usec" => stat.throttled_ns = nanoseconds(value.parse()),
        _ => {}
    });
    Parsed { value: stat, skipped }
}

/// Parses v1 `cpuacct.stat`: user and system time in nanoseconds, from ticks of `ticks_per_second`.
pub fn cpuacct_stat(text: &[u8], ticks_per_second: u64) -> Parsed<(Option<u64>, Option<u64>)> {
    let (mut user, mut system) = (None, None);
    let tick_ns = 1_000_000_000 / ticks_per_second.max(1);
    let nanoseconds = |ticks: Option<u64>| ticks.and_then(|value| value.checked_mul(tick_ns));
    let skipped = key_values(text, |key, value| match key {
        b"user" => user = nanoseconds(value.parse()),
        b"system" => system = nanoseconds(value.parse()),
        _ => {}
    });
    Parsed { value: (user, system), skipped }
}

/// Values taken from `memory.stat`, bytes unless noted otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryStat {
    /// Page cache: v1 `total_cache`, v2 `file`.
    pub cache: Option<u64>,
    /// Anonymous memory: v1 `total_rss`, v2 `anon`.
    pub rss: Option<u64>,
    /// v1 `total_mapped_file`, v2 `file_mapped`.
    pub mapped_file: Option<u64>,
    /// v1 `total_swap`, `None` if the kernel does not account swap; v2 has a file of its own.
    pub swap: Option<u64>,
    /// v1 `total_inactive_file`, v2 `inactive_file`.
    pub inactive_file: Option<u64>,
    /// Number of page faults; v1: of this cgroup's own processes.
    pub pgfault: Option<u64>,
    /// Number of page faults that waited for a device; v1: of this cgroup's own processes.
    pub pgmajfault: Option<u64>,
    /// Number of page faults including child cgroups; v1 `total_pgfault`.
    pub hierarchical_pgfault: Option<u64>,
    /// As `hierarchical_pgfault`, those that waited for a device; v1 `total_pgmajfault`.
    pub hierarchical_pgmajfault: Option<u64>,
}

/// Parses v1 `memory.stat`. `hierarchical`: `memory.use_hierarchy` is 1, so the `total_` keys include the child cgroups.
pub fn memory_stat_v1(text: &[u8], hierarchical: bool) -> Parsed<MemoryStat> {
    let mut stat = MemoryStat::default();
    let skipped = if hierarchical {
        key_values(text, |key, value| {
            // most lines are not needed; the first byte rules them out
            match key.first() {
                Some(b't') => match key {
                    b"total_cache" => stat.cache = value.parse(),
                    b"total_rss" => stat.rss = value.parse(),
                    b"total_mapped_file" => stat.mapped_file = value.parse(),
                    b"total_swap" => stat.swap = value.parse(),
                    b"total_inactive_file" => stat.inactive_file = value.parse(),
                    b"total_pgfault" => stat.hierarchical_pgfault = value.parse(),
                    b"total_pgmajfault" => stat.hierarchical_pgmajfault = value.parse(),
                    _ => {}
                },
                Some(b'p') => match key {
                    b"pgfault" => stat.pgfault = value.parse(),
                    b"pgmajfault" => stat.pgmajfault = value.parse(),
                    _ => {}
                },
                _ => {}
            }
        })
    } else {
        key_values(text, |key, value| match key {
            b"cache" => stat.cache = value.parse(),
            b"rss" => stat.rss = value.parse(),
            b"mapped_file" => stat.mapped_file = value.parse(),
            b"swap" => stat.swap = value.parse(),
            b"inactive_file" => stat.inactive_file = value.parse(),
            b"pgfault" => stat.pgfault = value.parse(),
            b"pgmajfault" => stat.pgmajfault = value.parse(),
            _ => {}
        })
    };
    Parsed { value: stat, skipped }
}

/// Parses v2 `memory.stat`, in which every key includes the child cgroups.
pub fn memory_stat_v2(text: &[u8]) -> Parsed<MemoryStat> {
    let mut stat = MemoryStat::default();
    let skipped = key_values(text, |key, value| match key {
        b"file" => stat.cache = value.parse(),
        b"anon" => stat.rss = value.parse(),
        b"file_mapped" => stat.mapped_file = value.parse(),
        b"inactive_file" => stat.inactive_file = value.parse(),
        b"pgfault" => stat.pgfault = value.parse(),
        b"pgmajfault" => stat.pgmajfault = value.parse(),
        _ => {}
    });
    stat.hierarchical_pgfault = stat.pgfault;
    stat.hierarchical_pgmajfault = stat.pgmajfault;
    Parsed { value: stat, skipped }
}

/// Parses the `oom_kill` count of v1 `memory.oom_control` and v2 `memory.events`; `None` before Linux 4.13.
pub fn oom_kills(text: &[u8]) -> Parsed<Option<u64>> {
    let mut kills = None;
    let skipped = key_values(text, |key, value| {
        if key == b"oom_kill" {
            kills = value.parse();
        }
    });
    Parsed { value: kills, skipped }
}

/// Parses v1 `cpu.cfs_quota_us`, microseconds per period. Returns `None` for -1, which means unlimited.
///
/// # Errors
/// If the file does not hold exactly one number.
pub fn cfs_quota(text: &[u8]) -> Result<Option<u64>, ParseError> {
    if text.first() == Some(&b'-') { Ok(None) } else { single(text).map(Some) }
}

/// Parses v2 `cpu.max` into the quota, if limited, and the period, both microseconds.
///
/// # Errors
/// If the file is not `QUOTA PERIOD`.
pub fn cpu_max(text: &[u8]) -> Result<(Option<u64>, u64), ParseError> {
    let expected = ParseError::new(0, "a quota or `max`, a space and a period");
    let mut fields = fields(text.trim_ascii_end());
    let (quota, period) = (fields.next().ok_or(expected)?, fields.next().ok_or(expected)?);
    let quota = if quota == b"max" { None } else { Some(kernel_number(quota).ok_or(expected)?) };
    let period = kernel_number(period).filter(|&period| period > 0).ok_or(expected)?;
    Ok((quota, period))
}

/// Returns the processes of a `cgroup.procs` that this pid namespace can see; the kernel writes 0 for the others.
pub fn processes(text: &[u8]) -> impl Iterator<Item = u32> {
    let numbers = lines(text).filter_map(|(_, line)| number(line));
    numbers.filter_map(|pid| u32::try_from(pid).ok()).filter(|&pid| pid > 0)
}

#[cfg(test)]
mod tests;
