//! Files of cgroup v1.

use std::ffi::CStr;

use super::files::{
    BlkioFile, blkio, bound, cfs_quota, cpu_stat, cpuacct_stat, memory_stat_v1, oom_kills, single,
};
use super::layout::Controllers;
use super::reading::{At, CachedFacts, FileResult, Reader, Reading};
use crate::root::Dir;

/// Groups of block I/O files, by scheduler and kernel version. For each device, the first group that names it counts: the
/// disks of one machine may have different schedulers. The files of an unused scheduler exist too, with nothing but
/// `Total 0`.
const BLKIO: [(&CStr, &CStr); 4] = [
    (c"blkio.bfq.io_service_bytes_recursive", c"blkio.bfq.io_serviced_recursive"),
    (c"blkio.io_service_bytes_recursive", c"blkio.io_serviced_recursive"),
    (c"blkio.throttle.io_service_bytes_recursive", c"blkio.throttle.io_serviced_recursive"),
    (c"blkio.throttle.io_service_bytes", c"blkio.throttle.io_serviced"),
];
/// Index of the last group in [`BLKIO`] that includes the child cgroups.
const LAST_RECURSIVE: usize = 2;

/// The directories of one cgroup: one per hierarchy, `None` if the cgroup does not exist in it.
pub(super) struct ControllerDirs<'d> {
    pub(super) by_hierarchy: &'d [Option<Dir>],
    pub(super) controllers: Controllers,
}

impl ControllerDirs<'_> {
    /// Returns the directory in a controller's hierarchy, and makes it the one that the reader names in problems.
    fn get(&self, index: Option<usize>, reader: &mut Reader<'_>) -> Option<&Dir> {
        let index = index?;
        reader.hierarchy = index;
        self.by_hierarchy.get(index)?.as_ref()
    }
}

/// Reads the values that change from tick to tick. `settled`: the block I/O file groups to read, `None` for all.
pub(super) fn read(
    dirs: &ControllerDirs<'_>,
    reader: &mut Reader<'_>,
    known: &CachedFacts,
    settled: Option<u8>,
    into: &mut Reading,
) {
    let Controllers { cpuacct, memory, cpu, blkio, pids } = dirs.controllers;
    if let Some(dir) = dirs.get(cpuacct, reader) {
        let ticks = reader.root.ticks_per_second();
        into.cpu_usage_ns = reader.read(dir, c"cpuacct.usage", single);
        if let Some(stat) = reader.read_rows(dir, c"cpuacct.stat", |text| cpuacct_stat(text, ticks)) {
            into.cpu_user_ns = stat.map(|(user, _)| user).transpose();
            into.cpu_system_ns = stat.map(|(_, system)| system).transpose();
        }
    }
    if let Some(dir) = dirs.get(memory, reader) {
        into.memory_usage = reader.read(dir, c"memory.usage_in_bytes", single).map(|at| at.value);
        into.memory = reader
            .read_rows(dir, c"memory.stat", |text| memory_stat_v1(text, known.hierarchical))
            .unwrap_or_default();
        into.memory_max_usage = reader.read(dir, c"memory.max_usage_in_bytes", single).map(|at| at.value);
        into.memory_failcnt = reader.read(dir, c"memory.failcnt", single);
        into.oom_kills = reader.read_rows(dir, c"memory.oom_control", oom_kills).and_then(At::transpose);
    }
    if let Some(dir) = dirs.get(cpu, reader)
        && let Some(stat) = reader.read_rows(dir, c"cpu.stat", cpu_stat)
    {
        into.cpu_periods = stat.map(|stat| stat.periods).transpose();
        into.cpu_throttled_periods = stat.map(|stat| stat.throttled_periods).transpose();
        into.cpu_throttled_ns = stat.map(|stat| stat.throttled_ns).transpose();
    }
    if let Some(dir) = dirs.get(blkio, reader) {
        read_blkio(dir, reader, settled, known.io_groups, into);
    }
    if let Some(dir) = dirs.get(pids, reader) {
        into.pids = reader.read(dir, c"pids.current", single).map(|at| at.value);
    }
}

/// Reads the CPU time of one cgroup, nanoseconds.
pub(super) fn cpu_usage(dirs: &ControllerDirs<'_>, reader: &mut Reader<'_>) -> Option<u64> {
    let dir = dirs.get(dirs.controllers.cpuacct, reader)?;
    reader.read(dir, c"cpuacct.usage", single).map(|at| at.value)
}

/// Reads each device from the first file group that names it. `settled`: the groups to read, if a parent cgroup or an
/// earlier tick determined them; `before`: the groups that named devices of this cgroup.
///
/// A broken file of a group that named devices before discards all devices of this tick: in the files that follow, the same
/// devices have other counts. One that never did is skipped, but never in favour of files without the child cgroups.
fn read_blkio(dir: &Dir, reader: &mut Reader<'_>, settled: Option<u8>, before: u8, into: &mut Reading) {
    let io = &mut into.io;
    io.requests_whole = true;
    if settled == Some(0) {
        // the files of the parent cgroup, read cleanly, named no device
        (io.bytes_clean, io.requests_clean) = (u8::MAX, u8::MAX);
        io.bytes_at_ns = Some(reader.root.now_ns());
        io.requests_at_ns = io.bytes_at_ns;
        return;
    }
    let mut covered = false;
    for (group, &(bytes, requests)) in BLKIO.iter().enumerate() {
        let (bit, number) = (1u8 << group, group as u8);
        if settled.is_some_and(|groups| groups & bit == 0) {
            continue;
        }
        if group > LAST_RECURSIVE && covered {
            break;
        }
        let found =
            reader.read_rows_file(dir, bytes, |text| blkio(text, number, BlkioFile::Bytes, &mut io.devices));
        let named = match found {
            FileResult::Absent => continue,
            FileResult::Broken => {
                io.broken |= bit;
                covered = true;
                if before & bit != 0 {
                    io.devices.clear();
                    (io.bytes_at_ns, io.requests_at_ns) = (None, None);
                    return;
                }
                continue;
            }
            FileResult::Value(At { value, read_at_ns }) => {
                io.bytes_at_ns = Some(read_at_ns);
                io.bytes_clean |= if value.skipped.is_none() { bit } else { 0 };
                value.value
            }
        };
        // the files that follow have this cgroup's own I/O only
        covered |= group == LAST_RECURSIVE;
        if !named {
            io.requests_clean |= bit;
            io.requests_at_ns = io.requests_at_ns.or(io.bytes_at_ns);
            continue;
        }
        io.named |= bit;
        let found = reader
            .read_rows_file(dir, requests, |text| blkio(text, number, BlkioFile::Requests, &mut io.devices));
        match found {
            FileResult::Value(At { value, read_at_ns }) => {
                io.requests_at_ns = Some(read_at_ns);
                io.requests_clean |= if value.skipped.is_none() { bit } else { 0 };
            }
            FileResult::Absent => {}
            FileResult::Broken => io.requests_whole = false,
        }
    }
}

/// Reads the values that rarely change.
pub(super) fn read_cached_facts(dirs: &ControllerDirs<'_>, reader: &mut Reader<'_>) -> CachedFacts {
    let Controllers { memory, cpu, pids, .. } = dirs.controllers;
    let mut known = CachedFacts { hierarchical: true, ..CachedFacts::default() };
    if let Some(dir) = dirs.get(cpu, reader) {
        let quota = reader.read_optional(dir, c"cpu.cfs_quota_us", cfs_quota).map(|at| at.value);
        if let Some(quota) = quota {
            let period = reader.read(dir, c"cpu.cfs_period_us", single).map(|at| at.value);
            known.bounds.cpu_quota_millicores =
                period.filter(|&period| period > 0).map(|period| quota as f64 / period as f64 * 1000.0);
        }
        known.bounds.cpu_shares = reader.read(dir, c"cpu.shares", single).map(|at| at.value);
    }
    if let Some(dir) = dirs.get(memory, reader) {
        let value = |at: At<u64>| at.value;
        known.hierarchical = reader.read(dir, c"memory.use_hierarchy", single).is_none_or(|at| at.value == 1);
        known.bounds.memory_limit = reader.read_optional(dir, c"memory.limit_in_bytes", bound).map(value);
        known.bounds.memory_soft_limit =
            reader.read_optional(dir, c"memory.soft_limit_in_bytes", bound).map(value);
    }
    if let Some(dir) = dirs.get(pids, reader) {
        known.bounds.pids = reader.read_optional(dir, c"pids.max", bound).map(|at| at.value);
    }
    known
}
