//! Files of cgroup v1.

use std::ffi::CStr;

use super::files::{
    DeviceIo, blkio, bound, cfs_quota, cpu_stat, cpuacct_stat, memory_bound_v1, memory_stat_v1, oom_kills,
    single,
};
use super::layout::Controllers;
use super::reading::{IoGroup, Reader, Reading, Remembered};
use crate::root::Dir;

/// The block I/O files, by scheduler and age of the kernel; the first pair that names a device is the one that counts
/// here. A scheduler that is not in use has its files all the same, with nothing but `Total 0` in them.
const BLKIO: [(&CStr, &CStr); 4] = [
    (c"blkio.bfq.io_service_bytes_recursive", c"blkio.bfq.io_serviced_recursive"),
    (c"blkio.io_service_bytes_recursive", c"blkio.io_serviced_recursive"),
    (c"blkio.throttle.io_service_bytes_recursive", c"blkio.throttle.io_serviced_recursive"),
    (c"blkio.throttle.io_service_bytes", c"blkio.throttle.io_serviced"),
];
/// Index of the last group in [`BLKIO`] that covers the cgroups below.
const LAST_RECURSIVE: usize = 2;

/// The folders of one cgroup: one for each hierarchy, none where the cgroup does not exist in it.
pub(super) struct Folders<'d> {
    pub(super) dirs: &'d [Option<Dir>],
    pub(super) controllers: Controllers,
}

impl Folders<'_> {
    fn of(&self, index: Option<usize>) -> Option<&Dir> {
        self.dirs.get(index?)?.as_ref()
    }
}

/// What changes from tick to tick.
pub(super) fn read(folders: &Folders<'_>, reader: &mut Reader<'_>, known: &Remembered, into: &mut Reading) {
    let Controllers { cpuacct, memory, cpu, blkio, pids } = folders.controllers;
    if let Some(dir) = folders.of(cpuacct) {
        let ticks = reader.root.ticks_per_second();
        into.cpu_usage_ns = reader.take(dir, c"cpuacct.usage", single);
        if let Some(stat) = reader.take(dir, c"cpuacct.stat", |text| cpuacct_stat(text, ticks)) {
            into.cpu_user_ns = stat.map(|(user, _)| user).transpose();
            into.cpu_system_ns = stat.map(|(_, system)| system).transpose();
        }
    }
    if let Some(dir) = folders.of(memory) {
        into.memory_usage = reader.take(dir, c"memory.usage_in_bytes", single).map(|at| at.value);
        into.memory = reader
            .take(dir, c"memory.stat", |text| memory_stat_v1(text, known.hierarchical))
            .unwrap_or_default();
        into.memory_max_usage = reader.take(dir, c"memory.max_usage_in_bytes", single).map(|at| at.value);
        into.memory_failcnt = reader.take(dir, c"memory.failcnt", single);
        into.oom_kills = reader.take_some(dir, c"memory.oom_control", oom_kills);
    }
    if let Some(dir) = folders.of(cpu)
        && let Some(stat) = reader.take(dir, c"cpu.stat", cpu_stat)
    {
        into.cpu_periods = stat.map(|stat| stat.periods).transpose();
        into.cpu_throttled_periods = stat.map(|stat| stat.throttled_periods).transpose();
        into.cpu_throttled_ns = stat.map(|stat| stat.throttled_ns).transpose();
    }
    if let Some(dir) = folders.of(blkio) {
        read_blkio(dir, reader, known.io_group, into);
    }
    if let Some(dir) = folders.of(pids) {
        into.pids = reader.take(dir, c"pids.current", single).map(|at| at.value);
    }
}

/// A cgroup above this one may have settled which files to read, or that there is nothing to read.
fn read_blkio(dir: &Dir, reader: &mut Reader<'_>, above: IoGroup, into: &mut Reading) {
    let io = &mut into.io;
    io.group = above;
    let groups = match above {
        IoGroup::Nothing => return,
        IoGroup::Files(group) => usize::from(group)..usize::from(group) + 1,
        IoGroup::Unknown => 0..BLKIO.len(),
    };
    for group in groups {
        let Some(&(bytes, requests)) = BLKIO.get(group) else { return };
        let found =
            reader.take(dir, bytes, |text| blkio(text, &mut io.devices, |io: &mut DeviceIo| &mut io.bytes));
        let Some(found) = found else { continue };
        if found.value {
            io.group = IoGroup::Files(group as u8);
            io.bytes_at_ns = found.read_at_ns;
            let requests =
                reader.take(dir, requests, |text| blkio(text, &mut io.devices, |io| &mut io.requests));
            io.requests_at_ns = requests.map_or(0, |requests| requests.read_at_ns);
            return;
        }
        if group == LAST_RECURSIVE {
            // the next one shows this cgroup's own work only, which would stand here too
            io.group = IoGroup::Nothing;
            return;
        }
    }
}

/// What hardly ever changes.
pub(super) fn remember(folders: &Folders<'_>, reader: &mut Reader<'_>) -> Remembered {
    let Controllers { memory, cpu, pids, .. } = folders.controllers;
    let mut known = Remembered { hierarchical: true, ..Remembered::default() };
    if let Some(dir) = folders.of(cpu) {
        let quota = reader.take_some(dir, c"cpu.cfs_quota_us", cfs_quota).map(|at| at.value);
        if let Some(quota) = quota {
            let period = reader.take(dir, c"cpu.cfs_period_us", single).map(|at| at.value);
            known.bounds.cpu_quota_millicores =
                period.filter(|&period| period > 0).map(|period| quota as f64 / period as f64 * 1000.0);
        }
        known.bounds.cpu_shares = reader.take(dir, c"cpu.shares", single).map(|at| at.value);
    }
    if let Some(dir) = folders.of(memory) {
        let value = |at: super::reading::At<u64>| at.value;
        known.hierarchical = reader.take(dir, c"memory.use_hierarchy", single).is_none_or(|at| at.value == 1);
        known.bounds.memory_limit =
            reader.take_some(dir, c"memory.limit_in_bytes", memory_bound_v1).map(value);
        known.bounds.memory_soft_limit =
            reader.take_some(dir, c"memory.soft_limit_in_bytes", memory_bound_v1).map(value);
    }
    if let Some(dir) = folders.of(pids) {
        known.bounds.pids = reader.take_some(dir, c"pids.max", bound).map(|at| at.value);
    }
    known
}
