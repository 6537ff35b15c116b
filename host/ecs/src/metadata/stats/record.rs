//! Docker's statistics as they are in the response.

mod counts;
mod io;
mod networks;

use jiff::Timestamp;
use serde::de::MapAccess;

use super::{ContainerStats, CpuStats, MemoryStats};
use crate::json::{Key, Record, Value};
use crate::wire::{MAX_CONTAINERS, MAX_TEXT_BYTES};
use counts::Counts;
use io::IoRecord;
use networks::NetworksRecord;

/// Limits of memory from here on mean that there is none. The kernel shows the largest multiple of a page, and some encoders
/// round it to 9223372036854772000.
const UNLIMITED: f64 = 4_611_686_018_427_387_904.0;

/// Statistics by docker id. The value of a container without statistics is null.
#[derive(Default)]
pub(super) struct StatsRecord {
    pub(super) containers: Vec<ContainerStats>,
}

impl Record for StatsRecord {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &Key, value: Value<'_, A>) -> Result<(), A::Error> {
        let is_duplicate = || self.containers.iter().any(|container| &*container.docker_id == key.text());
        if key.text().is_empty() {
            value.leave_out("the docker id is too long");
        } else if self.containers.len() >= MAX_CONTAINERS {
            value.leave_out(format_args!("beyond the maximum of {MAX_CONTAINERS} containers"));
        } else if is_duplicate() {
            value.leave_out("another container has this docker id");
        } else {
            let mut record = ContainerRecord::default();
            if value.record(&mut record)? {
                self.containers.extend(record.into_stats(key.text()));
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct ContainerRecord {
    read: Option<Timestamp>,
    cpu: CpuRecord,
    memory: MemoryRecord,
    pids: Counts<1>,
    io: IoRecord,
    networks: NetworksRecord,
}

impl ContainerRecord {
    /// Returns the statistics; `None` if the time of the reading is before the epoch: the ECS agent initializes it with the
    /// year 1, and the figures with zeros.
    fn into_stats(self, docker_id: &str) -> Option<ContainerStats> {
        let Self { read, cpu, memory, pids, io, networks } = self;
        if read.is_some_and(|read| read < Timestamp::UNIX_EPOCH) {
            return None;
        }
        let [pids] = pids.0;
        Some(ContainerStats {
            docker_id: docker_id.into(),
            read_at_ns: read.and_then(|read| read.as_nanosecond().try_into().ok()),
            cpu: cpu.stats(),
            memory: memory.stats(),
            pids,
            io: io.stats(),
            interfaces: networks.0,
        })
    }
}

impl Record for ContainerRecord {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &Key, value: Value<'_, A>) -> Result<(), A::Error> {
        match key.lower() {
            "read" => {
                let parse = |text: &str| text.parse::<Timestamp>().ok();
                self.read = value.parsed(MAX_TEXT_BYTES, "an RFC 3339 time", parse)?;
                return Ok(());
            }
            "cpu_stats" => value.record(&mut self.cpu),
            "memory_stats" => value.record(&mut self.memory),
            "pids_stats" => value.record(&mut self.pids.named(["current"])),
            "blkio_stats" => value.record(&mut self.io),
            "networks" => value.record(&mut self.networks),
            _ => Ok(true),
        }
        .map(|_| ())
    }
}

#[derive(Default)]
struct CpuRecord {
    usage: Counts<3>,
    throttling: Counts<3>,
}

impl CpuRecord {
    fn stats(&self) -> CpuStats {
        let [usage_ns, user_ns, system_ns] = self.usage.0;
        // Fargate shows zeros for all containers, and so does an instance for those without a quota.
        let is_known = self.throttling.0.iter().flatten().any(|count| *count > 0);
        let [periods, throttled_periods, throttled_ns] = if is_known { self.throttling.0 } else { [None; 3] };
        CpuStats { usage_ns, user_ns, system_ns, periods, throttled_periods, throttled_ns }
    }
}

impl Record for CpuRecord {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &Key, value: Value<'_, A>) -> Result<(), A::Error> {
        const USAGE: [&str; 3] = ["total_usage", "usage_in_usermode", "usage_in_kernelmode"];
        const THROTTLING: [&str; 3] = ["periods", "throttled_periods", "throttled_time"];
        match key.lower() {
            "cpu_usage" => value.record(&mut self.usage.named(USAGE)),
            "throttling_data" => value.record(&mut self.throttling.named(THROTTLING)),
            _ => Ok(true),
        }
        .map(|_| ())
    }
}

#[derive(Default)]
struct MemoryRecord {
    usage: Option<u64>,
    max_usage: Option<u64>,
    failcnt: Option<u64>,
    limit: Option<f64>,
    stats: Counts<8>,
}

impl MemoryRecord {
    fn stats(&self) -> MemoryStats {
        let Self { usage, max_usage, failcnt, limit, stats } = self;
        // The totals include the cgroups below, as the usage does.
        let [total_cache, cache, file, total_rss, rss, anon, total_inactive_file, inactive_file] = stats.0;
        MemoryStats {
            usage_bytes: *usage,
            // Zero where Docker has none, on cgroup v2.
            max_usage_bytes: max_usage.filter(|bytes| *bytes > 0),
            cache_bytes: total_cache.or(cache).or(file),
            rss_bytes: total_rss.or(rss).or(anon),
            inactive_file_bytes: total_inactive_file.or(inactive_file),
            limit_bytes: limit.filter(|limit| (1.0..UNLIMITED).contains(limit)).map(|limit| limit as u64),
            failcnt: *failcnt,
        }
    }
}

impl Record for MemoryRecord {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &Key, value: Value<'_, A>) -> Result<(), A::Error> {
        const STATS: [&str; 8] = [
            "total_cache",
            "cache",
            "file",
            "total_rss",
            "rss",
            "anon",
            "total_inactive_file",
            "inactive_file",
        ];
        match key.lower() {
            "usage" => self.usage = value.count()?,
            "max_usage" => self.max_usage = value.count()?,
            "failcnt" => self.failcnt = value.count()?,
            "limit" => self.limit = value.number()?,
            "stats" => {
                value.record(&mut self.stats.named(STATS))?;
            }
            _ => {}
        }
        Ok(())
    }
}
