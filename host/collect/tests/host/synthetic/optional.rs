//! Facts that are read on request.

use insightd_collect::{Group, OptionalFacts};

use super::Host;
use crate::view::{View, collector, sample};

const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];

fn host() -> Host {
    let host = Host::v2();
    host.file("proc/stat", "cpu  30 3 5 7 9 11 13 15 17 19\ncpu0 10 1 2 3 4 5 6 7 8 9\ncpu5 20 2 3 4 5 6 7 8\nintr 1\nbtime 1700000000\n");
    host.file(
        "proc/meminfo",
        "MemTotal: 1000 kB\nMemAvailable: 600 kB\nActive(anon): 3 kB\nHugePages_Total: 2\n",
    );
    host.file("proc/loadavg", "0.50 1.25 2.00 3/400 5000\n");
    host.file(
        "proc/diskstats",
        " 8 0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n 8 16 sdb 1 2 3 4 5 6 7 8 9 10 11\n",
    );
    host.file("sys/block/sda/dev", "8:0\n");
    host.file("sys/fs/cgroup/io.stat", "8:0 rbytes=1536 wbytes=3584 rios=1 wios=5 dbytes=0 dios=0\n");
    host
}

/// Returns the names of all values of the node, its CPUs and disks that belong to a group.
fn names(view: &View) -> Vec<String> {
    let entities = ["node", "cpu", "disk"].into_iter().flat_map(|kind| view.of_kind(kind));
    let names = entities.flat_map(|entity| entity.value_names());
    let is_optional = |name: &&str| Group::ALL.iter().any(|group| name.starts_with(group.prefix()));
    names.filter(is_optional).map(str::to_owned).collect()
}

#[test]
fn nothing_is_read_unless_it_is_wanted() {
    let host = host();
    let mut wanting = collector(host.path());
    let view = sample(&mut wanting);
    view.no_problems();
    assert_eq!(names(&view), [""; 0]);
    assert!(view.of_kind("cpu").is_empty());
    let files = view.report.files_read;

    // The other groups are of the cluster.
    for group in [Group::CpuTime, Group::MemInfo, Group::Load, Group::DiskStats, Group::Start] {
        wanting.want(OptionalFacts::default().with(group));
        let view = sample(&mut wanting);
        view.no_problems();
        let names = names(&view);
        assert!(!names.is_empty() && names.iter().all(|name| name.starts_with(group.prefix())), "{names:?}");
    }
    wanting.want(OptionalFacts::default());
    sample(&mut wanting);
    let mut never = collector(host.path());
    sample(&mut never);
    for _ in 0..3 {
        let (before, after) = (sample(&mut never), sample(&mut wanting));
        assert_eq!(after.report.files_read, before.report.files_read);
        assert!(after.report.files_read <= files);
        assert_eq!(after.batch.string_ends, before.batch.string_ends, "no name of a group is left");
    }
}

#[test]
fn all_groups_have_the_values_of_their_files() {
    let host = host();
    let mut collector = collector(host.path());
    collector.want(OptionalFacts::all());
    let view = sample(&mut collector);
    view.no_problems();
    let node = view.node();
    let tick_ns = 1_000_000_000 / u64::from(ticks_per_second());
    for (entity, ticks) in [
        (node, [30, 3, 5, 7, 9, 11, 13, 15]),
        (view.find("cpu", "0").unwrap(), [10, 1, 2, 3, 4, 5, 6, 7]),
        (view.find("cpu", "5").unwrap(), [20, 2, 3, 4, 5, 6, 7, 8]),
    ] {
        for (mode, ticks) in MODES.into_iter().zip(ticks) {
            let name = format!("cputime.{mode}_ns");
            assert_eq!(entity.current(&name), Some(ticks * tick_ns), "{} {name}", entity.id());
        }
    }
    assert_eq!(view.of_kind("cpu").len(), 2);
    assert_eq!(view.find("cpu", "0").unwrap().parent().unwrap().id(), node.id());
    for (name, value) in [
        ("meminfo.MemTotal_bytes", 1_024_000.0),
        ("meminfo.MemAvailable_bytes", 614_400.0),
        ("meminfo.Active_anon_bytes", 3072.0),
        ("meminfo.HugePages_Total", 2.0),
        ("load.1m", 0.5),
        ("load.5m", 1.25),
        ("load.15m", 2.0),
        ("start.boot_unix_ms", 1_700_000_000_000.0),
    ] {
        assert_eq!(node.gauge(name), Some(value), "{name}");
    }
    let disk = view.find("disk", "/dev/sda").unwrap();
    for (name, value) in [
        ("reads_completed", 1),
        ("reads_merged", 2),
        ("read_bytes", 3 * 512),
        ("read_time_ms", 4),
        ("writes_completed", 5),
        ("writes_merged", 6),
        ("write_bytes", 7 * 512),
        ("write_time_ms", 8),
        ("io_time_ms", 10),
        ("io_time_weighted_ms", 11),
        ("discards_completed", 12),
        ("discards_merged", 13),
        ("discard_bytes", 14 * 512),
        ("discard_time_ms", 15),
        ("flushes_completed", 16),
        ("flush_time_ms", 17),
    ] {
        assert_eq!(disk.current(&format!("diskstats.{name}")), Some(value), "{name}");
    }
    assert_eq!(disk.gauge("diskstats.io_now"), Some(9.0));
    assert_eq!(disk.current("io.read_bytes"), Some(1536));
    assert_eq!(view.of_kind("disk").len(), 1, "the root cgroup does not name the other one");
}

#[test]
fn a_malformed_row_is_reported_and_the_rest_is_used() {
    let host = host();
    host.file("proc/stat", "cpu 1 2\ncpu0 1 x 3\nbtime 5\n");
    host.file("proc/loadavg", "0.50 lots 2.00\n");
    host.file("proc/meminfo", "MemTotal: 1000 kB\nOdd row\n");
    let mut collector = collector(host.path());
    collector.want(OptionalFacts::all());
    let view = sample(&mut collector);
    let paths: Vec<_> = view.report.problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["/proc/stat", "/proc/meminfo", "/proc/loadavg"]);
    let (node, cpu) = (view.node(), view.find("cpu", "0").unwrap());
    assert!(cpu.current("cputime.user_ns").is_some() && cpu.current("cputime.system_ns").is_some());
    assert_eq!(cpu.current("cputime.nice_ns"), None);
    assert_eq!(
        (node.gauge("load.1m"), node.gauge("load.5m"), node.gauge("load.15m")),
        (Some(0.5), None, Some(2.0))
    );
    assert_eq!(node.gauge("start.boot_unix_ms"), Some(5000.0));
    assert_eq!(node.gauge("meminfo.MemTotal_bytes"), Some(1_024_000.0));
}

#[test]
fn counters_are_paired_with_the_previous_sample() {
    let host = host();
    let mut collector = collector(host.path());
    collector.want(OptionalFacts::all());
    sample(&mut collector);
    std::thread::sleep(std::time::Duration::from_millis(2));
    host.file("proc/stat", "cpu  40 3 5 7 9 11 13 15\ncpu0 20 1 2 2 4 5 6 7\n");
    let view = sample(&mut collector);
    view.no_problems();
    let tick_ns = 1_000_000_000 / u64::from(ticks_per_second());
    let cpu = view.find("cpu", "0").unwrap();
    let (current, previous) = cpu.counter("cputime.user_ns").unwrap();
    assert_eq!((current, previous.unwrap().0), (20 * tick_ns, 10 * tick_ns));
    let (idle, previous) = cpu.counter("cputime.idle_ns").unwrap();
    assert_eq!((idle, previous.unwrap().0), (3 * tick_ns, 3 * tick_ns), "a counter does not fall");
    assert_eq!(view.node().gauge("start.boot_unix_ms"), None);
}

fn ticks_per_second() -> u32 {
    // SAFETY: `sysconf` does not access memory of the caller.
    u32::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) }).unwrap()
}
