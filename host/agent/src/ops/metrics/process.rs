//! Metrics of the process, under the standard names of Prometheus clients where there are any.

use std::fmt;

use super::super::page::{Page, bytes, plain, seconds};
use super::super::process::Process;

pub(super) fn write(process: &Process, page: &mut Page<'_>) -> fmt::Result {
    let usage = Process::usage();
    page.count(seconds("process_cpu", "User and system time of the process"), Process::cpu_time())?;
    page.state(bytes("process_resident_memory", "Resident memory"), usage.resident_bytes)?;
    page.state(
        bytes("insightd_process_resident_memory_peak", "Maximum resident memory"),
        usage.resident_peak_bytes,
    )?;
    page.state(
        bytes("insightd_process_anonymous_memory", "Resident memory not backed by files"),
        usage.resident_anonymous_bytes,
    )?;
    page.state(bytes("process_virtual_memory", "Size of the address space"), usage.virtual_bytes)?;
    page.state(plain("process_threads", "Threads"), usage.threads)?;
    page.state(plain("process_open_fds", "Open file descriptors"), Process::open_files())?;
    page.state(plain("process_max_fds", "Maximum number of open file descriptors"), Process::max_files())?;
    page.state(
        seconds("process_start_time", "Start time of the process since the Unix epoch"),
        Some(process.started_unix_seconds),
    )
}
