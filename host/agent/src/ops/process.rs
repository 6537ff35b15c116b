//! Metrics of the agent's own process, from its `/proc/self` and not from the mounted `/proc` of the host.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Data that is constant while the process lives.
#[derive(Debug)]
pub(super) struct Process {
    /// Start time in seconds since the Unix epoch; computed once, so that setting the clock later does not look like a restart.
    pub(super) started_unix_seconds: f64,
}

/// Current resource usage. Values that cannot be read are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) resident_bytes: Option<u64>,
    pub(super) resident_peak_bytes: Option<u64>,
    pub(super) resident_anonymous_bytes: Option<u64>,
    pub(super) virtual_bytes: Option<u64>,
    pub(super) threads: Option<u64>,
}

impl Process {
    pub(super) fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started_unix_seconds: now.saturating_sub(age().unwrap_or_default()).as_secs_f64() }
    }

    pub(super) fn usage() -> Use {
        fs::read_to_string("/proc/self/status").map(|text| parse_status(&text)).unwrap_or_default()
    }

    /// Returns user and system time of all threads, including those that ended.
    pub(super) fn cpu_time() -> Duration {
        since(ClockId::ProcessCPUTime)
    }

    pub(super) fn open_files() -> Option<u64> {
        // The directory itself is open while it is read.
        Some((fs::read_dir("/proc/self/fd").ok()?.count() as u64).saturating_sub(1))
    }

    /// Returns the limit of open files, or `None` if it is unlimited.
    pub(super) fn max_files() -> Option<u64> {
        getrlimit(Resource::Nofile).current
    }
}

fn since(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// Returns the age of the process by the boot clock.
fn age() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let ticks = parse_start(&stat)?;
    let per_second = rustix::param::clock_ticks_per_second();
    let started = Duration::from_millis(ticks.checked_mul(1000)?.checked_div(per_second)?);
    since(ClockId::Boottime).checked_sub(started)
}

/// Parses field 22 of `/proc/PID/stat`: the start after boot, in clock ticks. The name in field 2 may contain anything, even `) `.
fn parse_start(stat: &str) -> Option<u64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    behind_name.split_ascii_whitespace().nth(19)?.parse().ok()
}

fn parse_status(text: &str) -> Use {
    let mut usage = Use::default();
    for (key, value) in text.lines().filter_map(|line| line.split_once(':')) {
        let number = value.split_ascii_whitespace().next().and_then(|word| word.parse::<u64>().ok());
        let bytes = number.and_then(|kib| kib.checked_mul(1024));
        match key {
            "VmSize" => usage.virtual_bytes = bytes,
            "VmHWM" => usage.resident_peak_bytes = bytes,
            "VmRSS" => usage.resident_bytes = bytes,
            "RssAnon" => usage.resident_anonymous_bytes = bytes,
            "Threads" => usage.threads = number,
            _ => {}
        }
    }
    usage
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_of_a_process() {
        let text = "Name:\tinsightd\nVmSize:\t   20000 kB\nVmHWM:\t    9000 kB\nVmRSS:\t    8000 kB\nRssAnon:\t    \
                    5000 kB\nThreads:\t4\n";
        let usage = parse_status(text);
        assert_eq!(usage.virtual_bytes, Some(20_480_000));
        assert_eq!(usage.resident_peak_bytes, Some(9_216_000));
        assert_eq!(usage.resident_bytes, Some(8_192_000));
        assert_eq!(usage.resident_anonymous_bytes, Some(5_120_000));
        assert_eq!(usage.threads, Some(4));
        assert_eq!(parse_status("VmRSS: much\nVmHWM\n:\nVmSize: 99999999999999999999 kB"), Use::default());
    }

    #[test]
    fn start_is_found_behind_an_odd_name() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 0";
        assert_eq!(parse_start(&format!("12 (a) b (c) {rest}")), Some(4711));
        assert_eq!(parse_start("12 (a) S 1"), None);
        assert_eq!(parse_start(""), None);
    }

    #[test]
    fn this_process() {
        let (usage, process) = (Process::usage(), Process::new());
        assert!(usage.resident_bytes.unwrap() >= usage.resident_anonymous_bytes.unwrap());
        assert!(usage.resident_peak_bytes.unwrap() > 0 && usage.threads.unwrap() > 0);
        assert!(Process::cpu_time() > Duration::ZERO);
        let before = Process::open_files().unwrap();
        let _file = fs::File::open("/proc/self/status").unwrap();
        assert!(before >= 1 && Process::open_files().unwrap() >= 1);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        assert!(process.started_unix_seconds <= now && process.started_unix_seconds > now - 86_400.0 * 30.0);
    }
}
