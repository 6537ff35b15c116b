//! Values of the groups that are read on request.

use insights_batch::EntityId;

use super::{Emitter, RawMetric as M};
use crate::cgroup::reading::At;
use crate::counter_cache::Counters;
use crate::proc::diskstats::{COLUMNS, Columns};
use crate::proc::loadavg::Load;
use crate::proc::meminfo::Row;
use crate::proc::stat::{CpuTimes, MODES};

/// Names in the order of [`CpuTimes`].
const CPU_MODES: [M; MODES] = [
    M::CpuTimeUser,
    M::CpuTimeNice,
    M::CpuTimeSystem,
    M::CpuTimeIdle,
    M::CpuTimeIowait,
    M::CpuTimeIrq,
    M::CpuTimeSoftirq,
    M::CpuTimeSteal,
];

/// Bytes of a sector in `/proc/diskstats`, for every device.
const SECTOR: u64 = 512;

/// Column of the requests in flight, the only one that is no counter.
const IO_NOW: usize = 8;

/// Names and factors in the order of [`Columns`].
const DISK_COLUMNS: [(M, u64); COLUMNS] = [
    (M::DiskReadsCompleted, 1),
    (M::DiskReadsMerged, 1),
    (M::DiskReadBytes, SECTOR),
    (M::DiskReadTime, 1),
    (M::DiskWritesCompleted, 1),
    (M::DiskWritesMerged, 1),
    (M::DiskWriteBytes, SECTOR),
    (M::DiskWriteTime, 1),
    (M::DiskIoNow, 1),
    (M::DiskIoTime, 1),
    (M::DiskIoTimeWeighted, 1),
    (M::DiskDiscardsCompleted, 1),
    (M::DiskDiscardsMerged, 1),
    (M::DiskDiscardBytes, SECTOR),
    (M::DiskDiscardTime, 1),
    (M::DiskFlushesCompleted, 1),
    (M::DiskFlushTime, 1),
];

impl Emitter<'_> {
    /// Emits CPU times in ticks of `tick_ns` nanoseconds.
    pub(crate) fn cpu_times(
        &mut self,
        entity: EntityId,
        counters: &mut Counters<'_>,
        times: At<&CpuTimes>,
        tick_ns: u64,
    ) {
        let At { value, read_at_ns } = times;
        for (metric, ticks) in CPU_MODES.into_iter().zip(value) {
            let time = ticks.and_then(|ticks| ticks.checked_mul(tick_ns));
            self.counter(entity, counters, metric, time.map(|value| At { value, read_at_ns }));
        }
    }

    /// Emits all columns of a device.
    pub(crate) fn disk_columns(
        &mut self,
        entity: EntityId,
        counters: &mut Counters<'_>,
        columns: At<&Columns>,
    ) {
        let At { value, read_at_ns } = columns;
        for (index, ((metric, factor), column)) in DISK_COLUMNS.into_iter().zip(value).enumerate() {
            let value = column.and_then(|column| column.checked_mul(factor));
            if index == IO_NOW {
                self.integer_gauge(entity, metric, value);
            } else {
                self.counter(entity, counters, metric, value.map(|value| At { value, read_at_ns }));
            }
        }
    }

    /// Emits the load averages.
    pub(crate) fn load(&mut self, entity: EntityId, load: Load) {
        for (metric, value) in [M::Load1, M::Load5, M::Load15].into_iter().zip(load) {
            self.gauge(entity, metric, value);
        }
    }

    /// Emits a row of `/proc/meminfo` under a name that is made from its key; `name` is a buffer.
    pub(crate) fn memory_row(&mut self, entity: EntityId, row: &Row<'_>, name: &mut String) {
        name.clear();
        name.push_str("meminfo.");
        name.push_str(&row.key);
        if row.is_bytes {
            name.push_str("_bytes");
        }
        self.builder.gauge(entity, name, row.value as f64);
    }
}
