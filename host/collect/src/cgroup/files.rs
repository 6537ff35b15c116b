//! The files of one cgroup, each parsed on its own.
//!
//! Unknown keys are skipped: kernels add some with nearly every version. A file in which none of the looked-for keys
//! stands gives an empty struct; a line that is not of the file's form is an error that names the line.

use crate::bytes::{fields, key_values, lines, number};
use crate::error::ParseError;

pub use crate::bytes::{bound, single};

/// v1 `cpu.stat` and v2 `cpu.stat`; each key is absent where the kernel does not write it (v2 without the cpu controller
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

/// Parses `cpu.stat` of either version: the keys tell them apart.
///
/// # Errors
/// When a line is not `key number`.
pub fn cpu_stat(text: &[u8]) -> Result<CpuStat, ParseError> {
    let mut stat = CpuStat::default();
    key_values(text, |key, value| {
        let nanoseconds = value.checked_mul(1000);
        match key {
            b"usage_usec" => stat.usage_ns = nanoseconds,
            b"user_usec" => stat.user_ns = nanoseconds,
            b"system_usec" => stat.system_ns = nanoseconds,
            b"nr_periods" => stat.periods = Some(value),
            b"nr_throttled" => stat.throttled_periods = Some(value),
            b"throttled_time" => stat.throttled_ns = Some(value),
            b"throttled_usec" => stat.throttled_ns = nanoseconds,
            _ => {}
        }
    })?;
    Ok(stat)
}

/// v1 `cpuacct.stat`: user and system time in nanoseconds, from ticks of `ticks_per_second`.
///
/// # Errors
/// When a line is not `key number`.
pub fn cpuacct_stat(text: &[u8], ticks_per_second: u64) -> Result<(Option<u64>, Option<u64>), ParseError> {
    let (mut user, mut system) = (None, None);
    let tick_ns = 1_000_000_000 / ticks_per_second.max(1);
    key_values(text, |key, value| match key {
        b"user" => user = value.checked_mul(tick_ns),
        b"system" => system = value.checked_mul(tick_ns),
        _ => {}
    })?;
    Ok((user, system))
}

/// What is taken from `memory.stat`, bytes unless it says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryStat {
    /// Page cache: v1 `total_cache`, v2 `file`.
    pub cache: Option<u64>,
    /// Anonymous memory: v1 `total_rss`, v2 `anon`.
    pub rss: Option<u64>,
    /// v1 `total_mapped_file`, v2 `file_mapped`.
    pub mapped_file: Option<u64>,
    /// v1 `total_swap`, absent where the kernel does not account swap; v2 has a file of its own.
    pub swap: Option<u64>,
    /// v1 `total_inactive_file`, v2 `inactive_file`.
    pub inactive_file: Option<u64>,
    /// Page faults, a count; v1: of this cgroup's own processes.
    pub pgfault: Option<u64>,
    /// Page faults that waited for a device, a count; v1: of this cgroup's own processes.
    pub pgmajfault: Option<u64>,
    /// Page faults with those of the cgroups below, a count; v1 `total_pgfault`.
    pub hierarchical_pgfault: Option<u64>,
    /// As `hierarchical_pgfault`, those that waited for a device; v1 `total_pgmajfault`.
    pub hierarchical_pgmajfault: Option<u64>,
}

/// v1 `memory.stat`. `hierarchical`: `memory.use_hierarchy` is 1, so the `total_` keys cover the cgroups below.
///
/// # Errors
/// When a line is not `key number`.
pub fn memory_stat_v1(text: &[u8], hierarchical: bool) -> Result<MemoryStat, ParseError> {
    let mut stat = MemoryStat::default();
    if hierarchical {
        key_values(text, |key, value| {
            // most lines are of no interest, and a first look at one byte settles that
            match key.first() {
                Some(b't') => match key {
                    b"total_cache" => stat.cache = Some(value),
                    b"total_rss" => stat.rss = Some(value),
                    b"total_mapped_file" => stat.mapped_file = Some(value),
                    b"total_swap" => stat.swap = Some(value),
                    b"total_inactive_file" => stat.inactive_file = Some(value),
                    b"total_pgfault" => stat.hierarchical_pgfault = Some(value),
                    b"total_pgmajfault" => stat.hierarchical_pgmajfault = Some(value),
                    _ => {}
                },
                Some(b'p') => match key {
                    b"pgfault" => stat.pgfault = Some(value),
                    b"pgmajfault" => stat.pgmajfault = Some(value),
                    _ => {}
                },
                _ => {}
            }
        })?;
    } else {
        key_values(text, |key, value| match key {
            b"cache" => stat.cache = Some(value),
            b"rss" => stat.rss = Some(value),
            b"mapped_file" => stat.mapped_file = Some(value),
            b"swap" => stat.swap = Some(value),
            b"inactive_file" => stat.inactive_file = Some(value),
            b"pgfault" => stat.pgfault = Some(value),
            b"pgmajfault" => stat.pgmajfault = Some(value),
            _ => {}
        })?;
    }
    Ok(stat)
}

/// v2 `memory.stat`: every key covers the cgroups below.
///
/// # Errors
/// When a line is not `key number`.
pub fn memory_stat_v2(text: &[u8]) -> Result<MemoryStat, ParseError> {
    let mut stat = MemoryStat::default();
    key_values(text, |key, value| match key {
        b"file" => stat.cache = Some(value),
        b"anon" => stat.rss = Some(value),
        b"file_mapped" => stat.mapped_file = Some(value),
        b"inactive_file" => stat.inactive_file = Some(value),
        b"pgfault" => stat.pgfault = Some(value),
        b"pgmajfault" => stat.pgmajfault = Some(value),
        _ => {}
    })?;
    stat.hierarchical_pgfault = stat.pgfault;
    stat.hierarchical_pgmajfault = stat.pgmajfault;
    Ok(stat)
}

/// The `oom_kill` count of v1 `memory.oom_control` and v2 `memory.events`; absent before Linux 4.13.
///
/// # Errors
/// When a line is not `key number`.
pub fn oom_kills(text: &[u8]) -> Result<Option<u64>, ParseError> {
    let mut kills = None;
    key_values(text, |key, value| {
        if key == b"oom_kill" {
            kills = Some(value);
        }
    })?;
    Ok(kills)
}

/// A memory bound of v1, bytes; none where it is not bounded. The kernel shows "not bounded" as the largest whole number
/// of pages in 63 bits, so it depends on the page size (4 to 64 KiB).
///
/// # Errors
/// When the file does not hold one number.
pub fn memory_bound_v1(text: &[u8]) -> Result<Option<u64>, ParseError> {
    const UNBOUNDED: u64 = i64::MAX as u64 - 0xffff;
    Ok(Some(single(text)?).filter(|&bytes| bytes < UNBOUNDED))
}

/// v1 `cpu.cfs_quota_us`, microseconds a period; none for -1, no bound.
///
/// # Errors
/// When the file does not hold one number.
pub fn cfs_quota(text: &[u8]) -> Result<Option<u64>, ParseError> {
    if text.first() == Some(&b'-') { Ok(None) } else { single(text).map(Some) }
}

/// v2 `cpu.max`: quota, if bounded, and period, both microseconds.
///
/// # Errors
/// When the file is not `QUOTA PERIOD`.
pub fn cpu_max(text: &[u8]) -> Result<(Option<u64>, u64), ParseError> {
    let expected = ParseError::new(0, "a quota or `max`, a blank and a period");
    let mut fields = fields(text.trim_ascii_end());
    let (quota, period) = (fields.next().ok_or(expected)?, fields.next().ok_or(expected)?);
    let quota = if quota == b"max" { None } else { Some(number(quota).ok_or(expected)?) };
    let period = number(period).filter(|&period| period > 0).ok_or(expected)?;
    Ok((quota, period))
}

/// Device number of a block device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceNumber {
    /// Driver.
    pub major: u32,
    /// Device of that driver.
    pub minor: u32,
}

impl DeviceNumber {
    /// Parses `MAJ:MIN`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let colon = text.iter().position(|&byte| byte == b':')?;
        let part = |digits: &[u8]| number(digits).and_then(|value| u32::try_from(value).ok());
        Some(Self { major: part(&text[..colon])?, minor: part(&text[colon + 1..])? })
    }
}

impl std::fmt::Display for DeviceNumber {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{}:{}", self.major, self.minor)
    }
}

/// What one cgroup did on one device; bytes or requests, by the file it comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IoOperations {
    /// Read from the device.
    pub read: Option<u64>,
    /// Written to the device.
    pub write: Option<u64>,
    /// Synchronous ones (v1).
    pub sync: Option<u64>,
    /// Asynchronous ones (v1).
    pub r#async: Option<u64>,
    /// All (v1), discards included.
    pub total: Option<u64>,
}

/// One device of `io.stat` or of a pair of `blkio` files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceIo {
    /// Which device.
    pub device: DeviceNumber,
    /// Bytes.
    pub bytes: IoOperations,
    /// Requests.
    pub requests: IoOperations,
}

fn entry(devices: &mut Vec<DeviceIo>, device: DeviceNumber) -> &mut DeviceIo {
    // a node has few devices, and the lines of one stand together
    let index = devices.iter().rposition(|known| known.device == device).unwrap_or_else(|| {
        devices.push(DeviceIo { device, ..DeviceIo::default() });
        devices.len() - 1
    });
    &mut devices[index]
}

/// A v1 `blkio` file: lines `MAJ:MIN OPERATION NUMBER`, at the end `Total NUMBER`, which is skipped. Adds to `devices`
/// through `pick`, which says whether the file counts bytes or requests. True when the file named a device.
///
/// # Errors
/// When a line has another form.
pub fn blkio(
    text: &[u8],
    devices: &mut Vec<DeviceIo>,
    pick: fn(&mut DeviceIo) -> &mut IoOperations,
) -> Result<bool, ParseError> {
    let mut found = false;
    for (index, line) in lines(text) {
        let expected = ParseError::new(index, "MAJ:MIN, an operation and a number");
        let mut parts = fields(line);
        let first = parts.next().ok_or(expected)?;
        if first == b"Total" {
            continue;
        }
        let device = DeviceNumber::parse(first).ok_or(expected)?;
        let operation = parts.next().ok_or(expected)?;
        let value = parts.next().and_then(number).ok_or(expected)?;
        let operations = pick(entry(devices, device));
        match operation {
            b"Read" => operations.read = Some(value),
            b"Write" => operations.write = Some(value),
            b"Sync" => operations.sync = Some(value),
            b"Async" => operations.r#async = Some(value),
            b"Total" => operations.total = Some(value),
            _ => {}
        }
        found = true;
    }
    Ok(found)
}

/// v2 `io.stat`: lines `MAJ:MIN key=number …`. A device without figures may have a line with nothing behind its number.
///
/// # Errors
/// When a line has another form.
pub fn io_stat(text: &[u8], devices: &mut Vec<DeviceIo>) -> Result<(), ParseError> {
    for (index, line) in lines(text) {
        let expected = ParseError::new(index, "MAJ:MIN and key=number pairs");
        let mut parts = fields(line);
        let device = parts.next().and_then(DeviceNumber::parse).ok_or(expected)?;
        for pair in parts {
            let equals = pair.iter().position(|&byte| byte == b'=').ok_or(expected)?;
            let (key, text) = (&pair[..equals], &pair[equals + 1..]);
            let known = matches!(key, b"rbytes" | b"wbytes" | b"rios" | b"wios");
            if !known {
                // cost models write words and fractions here
                continue;
            }
            let value = Some(number(text).ok_or(expected)?);
            let io = entry(devices, device);
            match key {
                b"rbytes" => io.bytes.read = value,
                b"wbytes" => io.bytes.write = value,
                b"rios" => io.requests.read = value,
                _ => io.requests.write = value,
            }
        }
    }
    Ok(())
}

/// First process of a `cgroup.procs` that this pid namespace can see; the kernel writes 0 for the others.
pub fn first_process(text: &[u8]) -> Option<u32> {
    lines(text)
        .filter_map(|(_, line)| number(line))
        .find(|&pid| pid > 0)
        .and_then(|pid| u32::try_from(pid).ok())
}

#[cfg(test)]
mod tests;
