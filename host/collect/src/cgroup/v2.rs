//! Files of cgroup v2.

use std::ffi::CStr;

use super::files::{bound, cpu_max, cpu_stat, io_stat, memory_stat_v2, oom_kills, single};
use super::reading::{At, CachedFacts, FileResult, Reader, Reading};
use crate::proc::pressure;
use crate::root::Dir;

const PRESSURE_FILES: [&CStr; 3] = [c"cpu.pressure", c"memory.pressure", c"io.pressure"];

/// Reads the values that change from tick to tick.
pub(super) fn read(dir: &Dir, reader: &mut Reader<'_>, into: &mut Reading) {
    if let Some(stat) = reader.read_rows(dir, c"cpu.stat", cpu_stat) {
        into.cpu_usage_ns = stat.map(|stat| stat.usage_ns).transpose();
        into.cpu_user_ns = stat.map(|stat| stat.user_ns).transpose();
        into.cpu_system_ns = stat.map(|stat| stat.system_ns).transpose();
        into.cpu_periods = stat.map(|stat| stat.periods).transpose();
        into.cpu_throttled_periods = stat.map(|stat| stat.throttled_periods).transpose();
        into.cpu_throttled_ns = stat.map(|stat| stat.throttled_ns).transpose();
    }
    into.memory_usage = reader.read(dir, c"memory.current", single).map(|at| at.value);
    if let Some(mut stat) = reader.read_rows(dir, c"memory.stat", memory_stat_v2) {
        stat.value.swap = reader.read(dir, c"memory.swap.current", single).map(|at| at.value);
        into.memory = stat;
    }
    into.memory_max_usage = reader.read(dir, c"memory.peak", single).map(|at| at.value);
    into.oom_kills = reader.read_rows(dir, c"memory.events", oom_kills).and_then(At::transpose);
    let io = &mut into.io;
    let found = reader.read_rows_file(dir, c"io.stat", |text| io_stat(text, &mut io.devices));
    if let FileResult::Value(At { value, read_at_ns }) = found {
        io.bytes_at_ns = Some(read_at_ns);
        io.requests_at_ns = Some(read_at_ns);
        io.requests_whole = true;
        // the single file is group 0
        io.bytes_clean = u8::from(value.skipped.is_none());
        io.requests_clean = io.bytes_clean;
    }
    for (file, target) in PRESSURE_FILES.iter().zip(&mut into.pressure) {
        *target = reader.read_rows(dir, file, pressure::parse);
    }
    into.pids = reader.read(dir, c"pids.current", single).map(|at| at.value);
}

/// Reads the CPU time of one cgroup, nanoseconds.
pub(super) fn cpu_usage(dir: &Dir, reader: &mut Reader<'_>) -> Option<u64> {
    reader.read_rows(dir, c"cpu.stat", cpu_stat).and_then(|at| at.value.usage_ns)
}

/// Reads the values that rarely change.
pub(super) fn read_cached_facts(dir: &Dir, reader: &mut Reader<'_>) -> CachedFacts {
    let mut known = CachedFacts { hierarchical: true, ..CachedFacts::default() };
    if let Some(At { value: (Some(quota), period), .. }) = reader.read(dir, c"cpu.max", cpu_max) {
        known.bounds.cpu_quota_millicores = Some(quota as f64 / period as f64 * 1000.0);
    }
    known.bounds.cpu_weight = reader.read(dir, c"cpu.weight", single).map(|at| at.value);
    known.bounds.memory_limit = reader.read_optional(dir, c"memory.max", bound).map(|at| at.value);
    // 0 protects nothing and is the default of every cgroup
    known.bounds.memory_soft_limit =
        reader.read_optional(dir, c"memory.low", bound).map(|at| at.value).filter(|&bytes| bytes > 0);
    known.bounds.pids = reader.read_optional(dir, c"pids.max", bound).map(|at| at.value);
    known
}
