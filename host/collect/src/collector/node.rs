//! The node as a whole: the root cgroup, `/proc`, block devices.

use insights_batch::EntityId;

use super::Collector;
use crate::cgroup::layout::Layout;
use crate::cgroup::reading::{At, PRESSURES, Reader};
use crate::device::{DeviceIo, DeviceNumber};
use crate::emit::{Emitter, RawMetric};
use crate::error::{FileError, ParseError, Parsed};
use crate::filesystems::Filesystem;
use crate::proc::{cpuinfo, diskstats, meminfo, pressure};
use crate::report::Problems;
use crate::settings::matches_any;

/// Interval between counts of the processors, 10 minutes. They may go online and offline while the machine runs.
const PROCESSORS_NS: u64 = 600 * 1_000_000_000;
/// Ranges of the online processors.
const ONLINE: &str = "/sys/devices/system/cpu/online";

impl Collector {
    pub(super) fn node(
        &mut self,
        layout: Option<&Layout>,
        emitter: &mut Emitter<'_>,
        problems: &mut Problems,
    ) -> EntityId {
        let node = emitter.builder.entity("node", &self.settings.node_name, None);
        emitter.builder.attribute(node, "node.name", &self.settings.node_name);
        emitter.builder.attribute(node, "orchestrator", &self.settings.orchestrator);
        if let Some(name) = &self.settings.cluster_name {
            emitter.builder.attribute(node, "cluster.name", name);
        }
        self.count_processors(problems);
        emitter.gauge(node, RawMetric::CpuCount, self.processors.count.map(|count| count as f64));
        let memory =
            self.rows("/proc/meminfo", problems, meminfo::parse).map(|at| at.value).unwrap_or_default();
        emitter.gauge(node, RawMetric::MemoryTotal, memory.total.map(|bytes| bytes as f64));
        emitter.gauge(node, RawMetric::MemoryAvailable, memory.available.map(|bytes| bytes as f64));

        self.reading.clear();
        if let Some(layout) = layout {
            emitter.builder.attribute(node, "cgroup.version", layout.version());
            let Self { root, buffer, reading, .. } = self;
            let mut reader = Reader::new((root, buffer), problems, layout.hierarchies(), "");
            layout.read_root(&mut reader, reading);
            if matches!(layout, Layout::V2 { .. }) && reading.memory.value.swap.is_none() {
                reading.memory.value.swap = memory.swap_used;
            }
        }
        for (index, resource) in PRESSURES.iter().enumerate() {
            let path = format!("/proc/pressure/{resource}");
            let found = self.proc_file(&path, problems, |text| Ok(pressure::parse(text)));
            if let Some(at) = found {
                if let Some(error) = at.value.skipped {
                    problems.add("proc", || path, format_args!("{error}; row skipped"));
                }
                let mut at = at.map(|parsed| parsed.value);
                // a whole machine has no such state for CPUs: the kernel writes a row of zeros for compatibility
                if *resource == "cpu" {
                    at.value.full_us = None;
                }
                self.reading.pressure[index] = Some(at);
            }
        }
        let key = self.counter_cache.key("node", &self.settings.node_name);
        emitter.reading(node, &mut self.counter_cache.owner(key, 0), &self.reading);
        node
    }

    /// Emits the counters that the root cgroup has for each device; must follow [`Collector::node`], which reads it. If the
    /// root cgroup names no device (cgroup v1 since Linux 6.10, unless a device is throttled), emits those of the block layer.
    pub(super) fn disks(
        &mut self,
        layout: &Layout,
        filesystems: &[Filesystem],
        node: EntityId,
        emitter: &mut Emitter<'_>,
        problems: &mut Problems,
    ) {
        self.disks.update(&self.root, &mut self.buffer, problems);
        let mut io = std::mem::take(&mut self.reading.io);
        self.root_io_groups = io.named;
        let source = if io.devices.is_empty() {
            let devices = &mut io.devices;
            let read = self.rows("/proc/diskstats", problems, |text| Parsed {
                value: (),
                skipped: diskstats::parse(text, devices),
            });
            // this file lists partitions too; whole devices are those in /sys/block
            io.devices.retain(|io| self.disks.find(io.device).is_some());
            io.bytes_at_ns = read.map(|read| read.read_at_ns);
            io.requests_at_ns = io.bytes_at_ns;
            "diskstats"
        } else {
            layout.version()
        };
        let columns = self.disk_columns(problems);
        for device in &io.devices {
            let known = self.disks.find(device.device);
            if known.is_some_and(|(name, _)| matches_any(&self.settings.disk_exclude, name))
                || is_idle(device)
            {
                continue;
            }
            let name = name(device.device, known.map(|(name, _)| name), filesystems);
            let entity = emitter.builder.entity("disk", &name, Some(node));
            emitter.builder.attribute(entity, "device", &name);
            emitter.devices.push(entity);
            let key = self.counter_cache.key("disk", &format!("{source} {}", device.device));
            let identity = known.map_or(0, |(_, identity)| identity);
            let identity = identity.rotate_left(8) ^ u64::from(device.group);
            let mut counters = self.counter_cache.owner(key, identity);
            if let Some(at) = io.bytes_at_ns {
                emitter.io_bytes(entity, &mut counters, &device.bytes, at);
            }
            if let Some(at) = io.requests_at_ns {
                emitter.io_requests(entity, &mut counters, &device.requests, at);
            }
            if let Some(At { value, read_at_ns }) = &columns
                && let Some((_, columns)) = value.iter().find(|(number, _)| *number == device.device)
            {
                let columns = At { value: columns, read_at_ns: *read_at_ns };
                emitter.disk_columns(entity, &mut counters, columns);
            }
        }
        // keep the allocation for the cgroups that follow
        io.devices.clear();
        self.reading.io = io;
    }

    fn count_processors(&mut self, problems: &mut Problems) {
        let now = self.root.now_ns();
        let fresh = self.processors.read_at_ns.is_some_and(|at| now.saturating_sub(at) < PROCESSORS_NS);
        if fresh && self.processors.count.is_some() {
            return;
        }
        let before = problems.count();
        let found = self.proc_file("/proc/cpuinfo", problems, |text| {
            let none = ParseError::new(0, "at least one `processor` record");
            Ok(cpuinfo::processors(text).ok_or(none))
        });
        // no problem yet: the list of online processors has the same count
        let count = found.and_then(|at| at.value.ok());
        let count = count.or_else(|| {
            let listed = self.proc_file(ONLINE, problems, |text| {
                cpuinfo::listed(text).ok_or(ParseError::new(0, "ranges of numbers, as in `0-3,8`"))
            });
            listed.map(|at| at.value)
        });
        match count {
            Some(_) => self.processors = super::Processors { count, read_at_ns: Some(now) },
            None if problems.count() == before => {
                let error = "cannot determine the number of processors";
                problems.add("proc", || "/proc/cpuinfo".to_owned(), error);
            }
            None => {}
        }
    }

    /// Reads a file of rows; malformed rows are skipped and the first one is reported.
    pub(super) fn rows<T>(
        &mut self,
        path: &str,
        problems: &mut Problems,
        parse: impl FnOnce(&[u8]) -> Parsed<T>,
    ) -> Option<At<T>> {
        let At { value: Parsed { value, skipped }, read_at_ns } =
            self.proc_file(path, problems, |text| Ok(parse(text)))?;
        if let Some(error) = skipped {
            problems.add("proc", || path.to_owned(), format_args!("{error}; row skipped"));
        }
        Some(At { value, read_at_ns })
    }

    fn proc_file<T>(
        &mut self,
        path: &str,
        problems: &mut Problems,
        parse: impl FnOnce(&[u8]) -> Result<T, ParseError>,
    ) -> Option<At<T>> {
        let parsed = match self.root.read(path, &mut self.buffer) {
            Ok(Some(text)) => parse(text).map_err(FileError::from),
            Ok(None) => return None,
            Err(error) => Err(error),
        };
        match parsed {
            Ok(value) => Some(At { value, read_at_ns: self.root.now_ns() }),
            Err(error) => {
                problems.add("proc", || path.to_owned(), error);
                None
            }
        }
    }
}

/// Returns true if a device has had no I/O since boot. There are many (zram, empty loops), and they are not emitted.
fn is_idle(io: &DeviceIo) -> bool {
    io.requests.read.unwrap_or(0) == 0
        && io.requests.write.unwrap_or(0) == 0
        && io.bytes.read.unwrap_or(0) == 0
        && io.bytes.write.unwrap_or(0) == 0
        && io.bytes.total.unwrap_or(0) == 0
}

/// Returns the mounted name of a device, such as `/dev/mapper/data`; else the kernel's name; else its number.
fn name(number: DeviceNumber, kernel: Option<&str>, filesystems: &[Filesystem]) -> String {
    let mounted =
        filesystems.iter().find(|known| known.number == number && known.device.starts_with("/dev/"));
    match (mounted, kernel) {
        (Some(filesystem), _) => filesystem.device.clone(),
        (None, Some(kernel)) => format!("/dev/{}", kernel.replace('!', "/")),
        (None, None) => number.to_string(),
    }
}
