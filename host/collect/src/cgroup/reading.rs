//! Values read from one cgroup at one tick, the same for both versions.

use std::ffi::CStr;

use super::files::MemoryStat;
use super::layout::Hierarchy;
use crate::device::{DeviceIo, IoOperations};
use crate::error::{FileError, ParseError, Parsed};
use crate::proc::pressure::Pressure;
use crate::report::Problems;
use crate::root::{Dir, HostRoot, ReadBuffer};

/// A value and the monotonic time of its reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) read_at_ns: u64,
}

impl<T> At<T> {
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> At<U> {
        At { value: change(self.value), read_at_ns: self.read_at_ns }
    }
}

impl<T> At<Option<T>> {
    pub(crate) fn transpose(self) -> Option<At<T>> {
        self.value.map(|value| At { value, read_at_ns: self.read_at_ns })
    }
}

/// Values of one cgroup; `None` if the kernel does not have them.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) cpu_usage_ns: Option<At<u64>>,
    pub(crate) cpu_user_ns: Option<At<u64>>,
    pub(crate) cpu_system_ns: Option<At<u64>>,
    pub(crate) cpu_periods: Option<At<u64>>,
    pub(crate) cpu_throttled_periods: Option<At<u64>>,
    pub(crate) cpu_throttled_ns: Option<At<u64>>,
    pub(crate) memory_usage: Option<u64>,
    pub(crate) memory_max_usage: Option<u64>,
    pub(crate) memory_failcnt: Option<At<u64>>,
    pub(crate) memory: At<MemoryStat>,
    pub(crate) oom_kills: Option<At<u64>>,
    pub(crate) io: IoReading,
    pub(crate) pressure: [Option<At<Pressure>>; 3],
    pub(crate) pids: Option<u64>,
}

/// Names of the resources in [`Reading::pressure`], in order.
pub(crate) const PRESSURES: [&str; 3] = ["cpu", "memory", "io"];

/// Block I/O of the cgroup by device. The allocation of the list is kept from cgroup to cgroup.
#[derive(Debug, Default)]
pub(crate) struct IoReading {
    pub(crate) devices: Vec<DeviceIo>,
    /// Read times of the bytes and of the requests; `None` if they could not be read.
    pub(crate) bytes_at_ns: Option<u64>,
    pub(crate) requests_at_ns: Option<u64>,
    /// Bit set of the file groups that name a device.
    pub(crate) named: u8,
    /// Bit set of the file groups with a file that exists and cannot be read.
    pub(crate) broken: u8,
    /// Bit sets of the file groups whose bytes, and whose requests, were read without a malformed row.
    pub(crate) bytes_clean: u8,
    pub(crate) requests_clean: u8,
    /// `false` if the requests of some devices are missing.
    pub(crate) requests_whole: bool,
}

impl IoReading {
    /// Returns the sums over all devices; a value that no device has stays absent.
    pub(crate) fn sum(&self) -> DeviceIo {
        let mut sum = DeviceIo::default();
        for io in &self.devices {
            add(&mut sum.bytes, &io.bytes);
            add(&mut sum.requests, &io.requests);
        }
        sum
    }
}

fn add(sum: &mut IoOperations, value: &IoOperations) {
    let add = |sum: &mut Option<u64>, value: Option<u64>| {
        if let Some(value) = value {
            *sum = Some(sum.unwrap_or(0).wrapping_add(value));
        }
    };
    add(&mut sum.read, value.read);
    add(&mut sum.write, value.write);
    add(&mut sum.sync, value.sync);
    add(&mut sum.r#async, value.r#async);
    add(&mut sum.total, value.total);
}

impl Reading {
    /// Resets for the next cgroup; keeps the allocation of the device list.
    pub(crate) fn clear(&mut self) {
        let mut devices = std::mem::take(&mut self.io.devices);
        devices.clear();
        *self = Self { io: IoReading { devices, ..IoReading::default() }, ..Self::default() };
    }

    /// Returns true if no process ever ran in the cgroup: the first one, the runtime's own `init`, uses some CPU time. A
    /// sandboxed runtime (gVisor, Kata) leaves such a cgroup empty, and its values are not the container's.
    pub(crate) fn is_unused(&self) -> bool {
        self.cpu_usage_ns.is_some_and(|usage| usage.value == 0)
    }
}

/// Configured bounds; `None` if there is no bound, or no such file.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct CgroupBounds {
    pub(crate) cpu_quota_millicores: Option<f64>,
    pub(crate) cpu_shares: Option<u64>,
    pub(crate) cpu_weight: Option<u64>,
    pub(crate) memory_limit: Option<u64>,
    pub(crate) memory_soft_limit: Option<u64>,
    pub(crate) pids: Option<u64>,
}

/// Facts of a cgroup kept from tick to tick.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CachedFacts {
    pub(crate) bounds: CgroupBounds,
    /// v1 `memory.use_hierarchy`, which cannot change while there are processes; since 5.11 it is always 1.
    pub(crate) hierarchical: bool,
    /// v1: bit set of the block I/O file groups that named a device.
    pub(crate) io_groups: u8,
}

/// Result of reading one file.
#[derive(Debug)]
pub(crate) enum FileResult<T> {
    Value(At<T>),
    /// No such file, or the cgroup is gone.
    Absent,
    /// The file exists and cannot be read; already reported as a problem.
    Broken,
}

impl<T> FileResult<T> {
    pub(crate) fn value(self) -> Option<At<T>> {
        match self {
            Self::Value(at) => Some(at),
            Self::Absent | Self::Broken => None,
        }
    }
}

/// Context of reading: the host's clock, the buffer, the list of problems.
#[derive(Debug)]
pub(crate) struct Reader<'r> {
    pub(crate) root: &'r HostRoot,
    pub(crate) buffer: &'r mut ReadBuffer,
    pub(crate) problems: &'r mut Problems,
    /// The hierarchies, the index of the one whose files are read, and the path of the cgroup, for error text.
    pub(crate) hierarchies: &'r [Hierarchy],
    pub(crate) hierarchy: usize,
    pub(crate) path: &'r str,
}

impl<'r> Reader<'r> {
    /// Creates a reader of the cgroup at `path`, which begins in the first hierarchy.
    pub(crate) fn new(
        (root, buffer): (&'r HostRoot, &'r mut ReadBuffer),
        problems: &'r mut Problems,
        hierarchies: &'r [Hierarchy],
        path: &'r str,
    ) -> Self {
        Self { root, buffer, problems, hierarchies, hierarchy: 0, path }
    }

    /// Reads one file of one cgroup.
    #[inline]
    pub(crate) fn read_file<T>(
        &mut self,
        dir: &Dir,
        name: &CStr,
        parse: impl FnOnce(&[u8]) -> Result<T, ParseError>,
    ) -> FileResult<T> {
        let parsed = match dir.read(name, self.buffer) {
            Ok(Some(text)) => parse(text).map_err(FileError::from),
            Ok(None) => return FileResult::Absent,
            Err(error) => Err(error),
        };
        match parsed {
            Ok(value) => FileResult::Value(At { value, read_at_ns: self.root.now_ns() }),
            Err(error) => {
                self.report(name, &error);
                FileResult::Broken
            }
        }
    }

    /// Reads a file of rows, as [`Reader::read_file`]; a malformed row is reported and loses only itself.
    #[inline]
    pub(crate) fn read_rows_file<T>(
        &mut self,
        dir: &Dir,
        name: &CStr,
        parse: impl FnOnce(&[u8]) -> Parsed<T>,
    ) -> FileResult<Parsed<T>> {
        let found = self.read_file(dir, name, |text| Ok(parse(text)));
        if let FileResult::Value(At { value: Parsed { skipped: Some(error), .. }, .. }) = &found {
            self.report(name, &format_args!("{error}; row skipped"));
        }
        found
    }

    /// Reads one file, as [`Reader::read_file`]. Returns `None` if it is absent or broken; a broken one is reported.
    #[inline]
    pub(crate) fn read<T>(
        &mut self,
        dir: &Dir,
        name: &CStr,
        parse: impl FnOnce(&[u8]) -> Result<T, ParseError>,
    ) -> Option<At<T>> {
        self.read_file(dir, name, parse).value()
    }

    /// Reads a file of rows, as [`Reader::read_rows_file`], without the difference between absent and broken.
    #[inline]
    pub(crate) fn read_rows<T>(
        &mut self,
        dir: &Dir,
        name: &CStr,
        parse: impl FnOnce(&[u8]) -> Parsed<T>,
    ) -> Option<At<T>> {
        self.read_rows_file(dir, name, parse).value().map(|at| at.map(|parsed| parsed.value))
    }

    /// Reads one file, as [`Reader::read`], for a value that the kernel may omit from the file.
    pub(crate) fn read_optional<T>(
        &mut self,
        dir: &Dir,
        name: &CStr,
        parse: impl FnOnce(&[u8]) -> Result<Option<T>, ParseError>,
    ) -> Option<At<T>> {
        self.read(dir, name, parse).and_then(At::transpose)
    }

    #[cold]
    fn report(&mut self, name: &CStr, error: &dyn std::fmt::Display) {
        let Self { path, .. } = self;
        let point = self.hierarchies.get(self.hierarchy).map_or("", |hierarchy| &hierarchy.point);
        let slash = if path.is_empty() { "" } else { "/" };
        self.problems.add("cgroup", || format!("{point}/{path}{slash}{}", name.to_string_lossy()), error);
    }
}
