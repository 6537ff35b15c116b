//! Facts that are read on request, between two readings of this machine's own files.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use insightd_collect::proc::{diskstats, stat};
use insightd_collect::{Group, OptionalFacts};

use super::sample_at_rest;
use crate::view::{collector, sample};

fn stat() -> stat::Stat {
    let parsed = stat::parse(&fs::read("/proc/stat").unwrap());
    assert_eq!(parsed.skipped, None);
    parsed.value
}

/// Returns the first column of all devices.
fn reads() -> Vec<(String, u64)> {
    let mut reads = Vec::new();
    let text = fs::read("/proc/diskstats").unwrap();
    let skipped = diskstats::each(&text, |device, columns| {
        reads.push((device.to_string(), columns[0].unwrap()));
    });
    assert_eq!(skipped, None);
    reads
}

#[test]
fn counters_lie_between_two_readings() {
    let mut collector = collector("/");
    collector.want(OptionalFacts::all());
    let (stat_before, reads_before) = (stat(), reads());
    let view = sample(&mut collector);
    let (stat_after, reads_after) = (stat(), reads());

    // SAFETY: `sysconf` does not access memory of the caller.
    let hertz = u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) }).unwrap();
    let names = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
    let cpus = view.of_kind("cpu");
    assert_eq!(
        cpus.iter().map(|cpu| cpu.id().to_owned()).collect::<Vec<_>>(),
        stat_before.cpus.iter().map(|(cpu, _)| cpu.to_string()).collect::<Vec<_>>()
    );
    let rows = cpus.iter().zip(stat_before.cpus.iter().zip(&stat_after.cpus));
    let rows = rows.map(|(cpu, ((_, before), (_, after)))| (*cpu, *before, *after));
    let all = (view.node(), stat_before.all.unwrap(), stat_after.all.unwrap());
    for (entity, before, after) in rows.chain([all]) {
        for (mode, (before, after)) in names.iter().zip(before.into_iter().zip(after)) {
            let value = entity.current(&format!("cputime.{mode}_ns")).unwrap();
            let (before, after) = (before.unwrap(), after.unwrap());
            let (low, high) = (before.min(after), before.max(after));
            // The kernel may correct idle and iowait by some ticks.
            let slack = if *mode == "idle" || *mode == "iowait" { 100 } else { 0 };
            let ticks = value * hertz / 1_000_000_000;
            assert!(low.saturating_sub(slack) <= ticks && ticks <= high + slack, "{} {mode}", entity.id());
        }
    }
    let boot = view.node().gauge("start.boot_unix_ms").unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as f64;
    assert!(boot == stat_before.boot.unwrap() as f64 * 1000.0 && boot < now, "{boot}");

    let disks = view.of_kind("disk");
    for disk in &disks {
        let device = fs::read_to_string(format!("/sys/block/{}/dev", disk.id().trim_start_matches("/dev/")));
        let Ok(device) = device else { continue };
        let of = |reads: &[(String, u64)]| reads.iter().find(|(name, _)| name == device.trim()).unwrap().1;
        let value = disk.current("diskstats.reads_completed").unwrap();
        assert!((of(&reads_before)..=of(&reads_after)).contains(&value), "{}", disk.id());
        assert!(disk.gauge("diskstats.io_now").is_some());
    }
}

#[test]
fn gauges_are_those_of_the_files() {
    let mut collector = collector("/");
    collector.want(OptionalFacts::default().with(Group::MemInfo).with(Group::Load));
    let load = || {
        let text = fs::read_to_string("/proc/loadavg").unwrap();
        text.split(' ').take(3).map(|value| value.parse::<f64>().unwrap()).collect::<Vec<_>>()
    };
    let (view, load) = sample_at_rest(&mut collector, load);
    let node = view.node();
    assert_eq!(
        ["load.1m", "load.5m", "load.15m"].map(|name| node.gauge(name)).to_vec(),
        load.into_iter().map(Some).collect::<Vec<_>>()
    );
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
    for line in meminfo.lines() {
        let (key, rest) = line.split_once(':').unwrap();
        let key = key.replace('(', "_").replace(')', "");
        let suffix = if rest.ends_with("kB") { "_bytes" } else { "" };
        let value = node.gauge(&format!("meminfo.{key}{suffix}")).unwrap_or_else(|| panic!("{line}"));
        // These do not change while a machine runs.
        if key == "MemTotal" || key == "VmallocTotal" || key == "Hugepagesize" {
            let kib: f64 = rest.trim_end_matches("kB").trim().parse().unwrap();
            assert_eq!(value, kib * 1024.0, "{line}");
        }
    }
    let rows = node.value_names().into_iter().filter(|name| name.starts_with("meminfo.")).count();
    assert_eq!(rows, meminfo.lines().count());
    assert!(view.of_kind("cpu").is_empty(), "not wanted");
}
