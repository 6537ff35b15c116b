//! The groups of facts that are read on request.

use std::collections::HashMap;

use insights_batch::EntityId;

use super::Collector;
use crate::cgroup::reading::At;
use crate::device::DeviceNumber;
use crate::emit::{Emitter, RawMetric};
use crate::error::Parsed;
use crate::optional::Group;
use crate::proc::diskstats::{self, Columns};
use crate::proc::stat::{self, CpuTimes};
use crate::proc::{loadavg, meminfo};
use crate::report::Problems;

/// Index of the idle time in [`CpuTimes`].
const IDLE: usize = 3;
/// A CPU whose idle time falls by more than this was offline and counts anew, nanoseconds.
const NEW_CPU_NS: u64 = 3_000_000_000;

/// The highest times of each CPU. Idle and iowait of a running kernel fall now and then by a few ticks, which a counter must
/// not: whoever computes rates would take it for a restart.
#[derive(Debug, Default)]
pub(super) struct HighestTimes(HashMap<Option<u32>, CpuTimes>);

impl HighestTimes {
    /// Returns the times to emit for a CPU, or for all of them.
    fn raise(&mut self, cpu: Option<u32>, times: CpuTimes, tick_ns: u64) -> CpuTimes {
        let highest = self.0.entry(cpu).or_insert(times);
        let fell = |now: u64, before: u64| before.saturating_sub(now).saturating_mul(tick_ns) > NEW_CPU_NS;
        if times[IDLE].zip(highest[IDLE]).is_some_and(|(now, before)| fell(now, before)) {
            *highest = times;
        }
        let mut raised = times;
        for (time, highest) in raised.iter_mut().zip(highest) {
            *time = time.map(|now| highest.map_or(now, |before| now.max(before)));
            *highest = time.or(*highest);
        }
        raised
    }

    /// Forgets the CPUs that are no longer online.
    fn retain(&mut self, cpus: &[(u32, CpuTimes)]) {
        if self.0.len() > cpus.len() + 1 {
            self.0.retain(|cpu, _| cpu.is_none_or(|cpu| cpus.iter().any(|(online, _)| *online == cpu)));
        }
    }
}

impl Collector {
    /// Emits the wanted groups of the node, except those of disks, which [`Collector::disks`] emits.
    pub(super) fn optional(&mut self, node: EntityId, emitter: &mut Emitter<'_>, problems: &mut Problems) {
        if self.wanted.is_empty() {
            return;
        }
        if self.wanted.has(Group::CpuTime) || self.wanted.has(Group::Start) {
            self.stat(node, emitter, problems);
        }
        if self.wanted.has(Group::MemInfo) {
            let mut name = String::new();
            self.rows("/proc/meminfo", problems, |text| Parsed {
                value: (),
                skipped: meminfo::each(text, |row| emitter.memory_row(node, &row, &mut name)),
            });
        }
        if self.wanted.has(Group::Load)
            && let Some(load) = self.rows("/proc/loadavg", problems, loadavg::parse)
        {
            emitter.load(node, load.value);
        }
    }

    fn stat(&mut self, node: EntityId, emitter: &mut Emitter<'_>, problems: &mut Problems) {
        let Some(At { value: stat, read_at_ns }) = self.rows("/proc/stat", problems, stat::parse) else {
            return;
        };
        if self.wanted.has(Group::Start) {
            let boot = stat.boot.and_then(|seconds| seconds.checked_mul(1000));
            emitter.gauge(node, RawMetric::StartBoot, boot.map(|ms| ms as f64));
        }
        if !self.wanted.has(Group::CpuTime) {
            return;
        }
        let tick_ns = 1_000_000_000 / self.root.ticks_per_second().max(1);
        if let Some(times) = stat.all {
            let times = self.highest_times.raise(None, times, tick_ns);
            let key = self.counter_cache.key("cpu", "");
            let mut counters = self.counter_cache.owner(key, 0);
            emitter.cpu_times(node, &mut counters, At { value: &times, read_at_ns }, tick_ns);
        }
        for &(cpu, times) in &stat.cpus {
            let times = self.highest_times.raise(Some(cpu), times, tick_ns);
            let id = cpu.to_string();
            let entity = emitter.builder.entity("cpu", &id, Some(node));
            let key = self.counter_cache.key("cpu", &id);
            let mut counters = self.counter_cache.owner(key, 0);
            emitter.cpu_times(entity, &mut counters, At { value: &times, read_at_ns }, tick_ns);
        }
        self.highest_times.retain(&stat.cpus);
    }

    /// Reads all columns of all block devices, if they are wanted.
    pub(super) fn disk_columns(
        &mut self,
        problems: &mut Problems,
    ) -> Option<At<Vec<(DeviceNumber, Columns)>>> {
        if !self.wanted.has(Group::DiskStats) {
            return None;
        }
        self.rows("/proc/diskstats", problems, |text| {
            let mut devices = Vec::new();
            let skipped = diskstats::each(text, |device, columns| devices.push((device, *columns)));
            Parsed { value: devices, skipped }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK_NS: u64 = 10_000_000;

    #[test]
    fn a_time_that_falls_keeps_its_highest_value() {
        let mut highest = HighestTimes::default();
        let times = |idle: u64, iowait: u64| [1, 2, 3, idle, iowait, 6, 7, 8].map(Some);
        assert_eq!(highest.raise(Some(0), times(1000, 50), TICK_NS), times(1000, 50));
        assert_eq!(highest.raise(Some(0), times(990, 40), TICK_NS), times(1000, 50), "by less than 3 s");
        assert_eq!(highest.raise(Some(1), times(10, 5), TICK_NS), times(10, 5), "another CPU");
        assert_eq!(highest.raise(Some(0), times(1001, 60), TICK_NS), times(1001, 60));
        assert_eq!(highest.raise(Some(0), times(700, 10), TICK_NS), times(700, 10), "by 3.01 s: a new count");
        assert_eq!(highest.raise(Some(0), times(699, 11), TICK_NS), times(700, 11));
    }

    #[test]
    fn a_time_that_cannot_be_read_is_absent() {
        let mut highest = HighestTimes::default();
        let mut times: CpuTimes = [Some(5); 8];
        highest.raise(None, times, TICK_NS);
        times[0] = None;
        assert_eq!(highest.raise(None, times, TICK_NS)[0], None);
        times[0] = Some(4);
        assert_eq!(highest.raise(None, times, TICK_NS)[0], Some(5));
    }

    #[test]
    fn a_cpu_that_went_offline_is_forgotten() {
        let mut highest = HighestTimes::default();
        for cpu in [None, Some(0), Some(1)] {
            highest.raise(cpu, [Some(9); 8], TICK_NS);
        }
        highest.retain(&[(0, [Some(9); 8])]);
        assert_eq!(highest.raise(Some(1), [Some(8); 8], TICK_NS), [Some(8); 8]);
        assert_eq!(highest.raise(Some(0), [Some(8); 8], TICK_NS), [Some(9); 8]);
    }
}
