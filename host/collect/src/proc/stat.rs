//! `/proc/stat`: CPU time by mode, and the time of boot.

use crate::bytes::{fields, kernel_number, lines, number};
use crate::error::{ParseError, Parsed};

/// Number of modes in [`CpuTimes`].
pub const MODES: usize = 8;
/// Maximum number of CPUs that are kept: the largest that Linux can be built for.
const MAX_CPUS: usize = 8192;

/// Time of one CPU, or of all, in ticks: user, nice, system, idle, iowait, irq, softirq, steal. The time of guests, which
/// follows in the file, is part of user and nice. Absent in kernels without the column.
pub type CpuTimes = [Option<u64>; MODES];

/// Values taken from `/proc/stat`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// Row `cpu`: the sum over all CPUs, also over those that are offline now.
    pub all: Option<CpuTimes>,
    /// Rows `cpuN`, of the CPUs that are online.
    pub cpus: Vec<(u32, CpuTimes)>,
    /// Row `btime`: seconds since the Unix epoch.
    pub boot: Option<u64>,
}

/// Parses the rows `cpu`, `cpuN` and `btime`. A malformed value loses only itself, a row without a valid number of the CPU
/// the whole row.
pub fn parse(text: &[u8]) -> Parsed<Stat> {
    let mut parsed = Parsed::<Stat>::default();
    for (index, line) in lines(text) {
        let expected = if let Some(rest) = line.strip_prefix(b"cpu") {
            let (times, is_whole) = times(rest);
            let digits = fields(rest).next().filter(|_| !rest.starts_with(b" ")).unwrap_or_default();
            if rest.starts_with(b" ") {
                parsed.value.all = Some(times);
                if is_whole { continue } else { "`cpu` and numbers below 2^63" }
            } else if let Some(cpu) = number(digits).and_then(|cpu| u32::try_from(cpu).ok()) {
                if parsed.value.cpus.len() < MAX_CPUS {
                    parsed.value.cpus.push((cpu, times));
                    if is_whole { continue } else { "`cpuN` and numbers below 2^63" }
                } else {
                    "at most 8192 CPUs"
                }
            } else {
                "`cpu` or `cpuN`"
            }
        } else if let Some(seconds) = line.strip_prefix(b"btime ") {
            parsed.value.boot = kernel_number(seconds.trim_ascii());
            if parsed.value.boot.is_some() { continue } else { "`btime` and a number" }
        } else {
            continue;
        };
        parsed.skipped = parsed.skipped.or(Some(ParseError::new(index, expected)));
    }
    parsed
}

/// Returns the values behind the name of a row, and false if one of them is malformed.
fn times(rest: &[u8]) -> (CpuTimes, bool) {
    let mut times = CpuTimes::default();
    let mut is_whole = true;
    let name = usize::from(!rest.starts_with(b" "));
    let mut columns = 0;
    for (time, digits) in times.iter_mut().zip(fields(rest).skip(name)) {
        *time = kernel_number(digits);
        is_whole &= time.is_some();
        columns += 1;
    }
    (times, is_whole && columns > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: &[u8] = b"cpu  59988 510150 92388 23621 399 0 641 975 0 0\n\
        cpu0 30810 257826 42044 12818 50 0 55 477 0 0\n\
        cpu1 29177 252323 50343 10802 349 0 585 497 0 0\n\
        intr 4566895 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 1 15 0 0\n\
        ctxt 7739974\nbtime 1796054463\nprocesses 138928\nprocs_running 88\nprocs_blocked 0\n\
        softirq 1984195 0 302353 10 105634 433666 0 7002 138493 939 996098\n";

    #[test]
    fn a_real_file_is_parsed() {
        let parsed = parse(REAL);
        assert_eq!(parsed.skipped, None);
        assert_eq!(parsed.value.boot, Some(1_796_054_463));
        assert_eq!(parsed.value.all, Some([59_988, 510_150, 92_388, 23_621, 399, 0, 641, 975].map(Some)));
        let cpus: Vec<u32> = parsed.value.cpus.iter().map(|(cpu, _)| *cpu).collect();
        assert_eq!(cpus, [0, 1]);
        assert_eq!(parsed.value.cpus[1].1, [29_177, 252_323, 50_343, 10_802, 349, 0, 585, 497].map(Some));
    }

    #[test]
    fn columns_that_a_kernel_lacks_are_absent() {
        let parsed = parse(b"cpu0 1 2 3 4\n");
        assert_eq!(parsed.skipped, None);
        let (cpu, times) = parsed.value.cpus[0];
        assert_eq!((cpu, times), (0, [Some(1), Some(2), Some(3), Some(4), None, None, None, None]));
        assert_eq!(parse(b""), Parsed::default());
    }

    #[test]
    fn a_malformed_value_loses_only_itself() {
        for (bad, left) in [
            (
                "cpu3 1 x 3 4 5 6 7 8",
                Some([Some(1), None, Some(3), Some(4), Some(5), Some(6), Some(7), Some(8)]),
            ),
            (
                "cpu3 -1 2 3 4 5 6 7 8",
                Some([None, Some(2), Some(3), Some(4), Some(5), Some(6), Some(7), Some(8)]),
            ),
            (
                "cpu3 1 2 3 18446744073709551615 5 6 7 8",
                Some([Some(1), Some(2), Some(3), None, Some(5), Some(6), Some(7), Some(8)]),
            ),
            ("cpu3", Some([None; MODES])),
            ("cpux 1 2 3 4 5 6 7 8", None),
            ("cpu99999999999 1 2 3 4", None),
            ("cpu", None),
            ("btime soon", None),
            ("btime -5", None),
        ] {
            let parsed = parse(format!("cpu0 1 1 1 1 1 1 1 1\n{bad}\nintr 1\n").as_bytes());
            assert_eq!(parsed.skipped.unwrap().line, 2, "{bad}");
            assert_eq!(parsed.value.cpus.get(1).map(|(_, times)| *times), left, "{bad}");
            assert_eq!((parsed.value.cpus[0].0, parsed.value.boot), (0, None), "{bad}");
        }
    }

    #[test]
    fn more_cpus_than_linux_has_are_left_out() {
        let text: String = (0..MAX_CPUS + 2).map(|cpu| format!("cpu{cpu} 1 2 3 4\n")).collect();
        let parsed = parse(text.as_bytes());
        assert_eq!((parsed.value.cpus.len(), parsed.skipped.unwrap().line), (MAX_CPUS, 8193));
    }
}
