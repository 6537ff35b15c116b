//! Docker's statistics of the containers, from `/task/stats`.
//!
//! The kernel's counters arrive through Docker and the ECS agent, on cgroup v1 with other keys than on v2. A value that is
//! not known is absent, which each of the two expresses in its own way: a missing key, null, an empty object or list, or
//! zeros at the time zero.

mod record;

use crate::json::{self, JsonError, Problems};
use record::StatsRecord;

/// Statistics of the containers of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskStats {
    /// The containers that have statistics, in the order of the response.
    pub containers: Vec<ContainerStats>,
    /// Parts of the response that were left out.
    pub problems: Problems,
}

/// Statistics of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerStats {
    /// Docker's id of the container.
    pub docker_id: Box<str>,
    /// Time of the reading, in nanoseconds since the Unix epoch.
    pub read_at_ns: Option<i64>,
    /// CPU time.
    pub cpu: CpuStats,
    /// Memory.
    pub memory: MemoryStats,
    /// Number of processes.
    pub pids: Option<u64>,
    /// Block devices, summed over all of them.
    pub io: IoStats,
    /// Network interfaces.
    pub interfaces: Vec<InterfaceStats>,
}

/// Counters of CPU time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuStats {
    /// CPU time, in nanoseconds.
    pub usage_ns: Option<u64>,
    /// CPU time in user mode, in nanoseconds.
    pub user_ns: Option<u64>,
    /// CPU time in the kernel, in nanoseconds.
    pub system_ns: Option<u64>,
    /// Enforcement periods of the quota.
    pub periods: Option<u64>,
    /// Periods in which the container was throttled.
    pub throttled_periods: Option<u64>,
    /// Time in which the container was throttled, in nanoseconds.
    pub throttled_ns: Option<u64>,
}

/// Memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryStats {
    /// Memory in use, including the page cache.
    pub usage_bytes: Option<u64>,
    /// Maximum of the memory in use.
    pub max_usage_bytes: Option<u64>,
    /// Page cache: v1 `total_cache`, v2 `file`.
    pub cache_bytes: Option<u64>,
    /// Anonymous memory: v1 `total_rss`, v2 `anon`.
    pub rss_bytes: Option<u64>,
    /// v1 `total_inactive_file`, v2 `inactive_file`.
    pub inactive_file_bytes: Option<u64>,
    /// Limit; absent if unlimited.
    pub limit_bytes: Option<u64>,
    /// Number of times the limit was hit (v1).
    pub failcnt: Option<u64>,
}

/// Counters of block devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IoStats {
    /// Bytes read.
    pub read_bytes: Option<u64>,
    /// Bytes written.
    pub write_bytes: Option<u64>,
    /// Read operations.
    pub reads: Option<u64>,
    /// Write operations.
    pub writes: Option<u64>,
}

/// Counters of a network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceStats {
    /// Name of the interface in the container.
    pub name: Box<str>,
    /// Bytes received.
    pub rx_bytes: Option<u64>,
    /// Packets received.
    pub rx_packets: Option<u64>,
    /// Errors of received packets.
    pub rx_errors: Option<u64>,
    /// Received packets that were dropped.
    pub rx_dropped: Option<u64>,
    /// Bytes sent.
    pub tx_bytes: Option<u64>,
    /// Packets sent.
    pub tx_packets: Option<u64>,
    /// Errors of sent packets.
    pub tx_errors: Option<u64>,
    /// Packets that were dropped instead of sent.
    pub tx_dropped: Option<u64>,
}

/// Parses a response of `/task/stats`.
///
/// # Errors
/// If it is not an object.
pub fn parse_stats(body: &[u8]) -> Result<TaskStats, JsonError> {
    let mut record = StatsRecord::default();
    let problems = json::read(body, &mut record, "the statistics of a task")?;
    Ok(TaskStats { containers: record.containers, problems })
}

#[cfg(test)]
mod tests;
