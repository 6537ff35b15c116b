//! Recorded nodes: compares the collector's output to the recorded files.

use std::fs;
use std::path::{Path, PathBuf};

use insightd_collect::{Collector, HostRoot};

use crate::view::{EntityView, View, sample, settings};

fn recording(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/nodes").join(name)
}

/// Returns the samples of both frames of a recording.
fn frames(name: &str) -> [View; 2] {
    let root = HostRoot::open(recording(name)).unwrap();
    let mut collector = Collector::new(root, settings()).unwrap();
    [0, 1].map(|index| {
        collector.select_frame(index).unwrap();
        let view = sample(&mut collector);
        view.no_problems();
        view
    })
}

/// Collects all directories below `top` with names of pods and containers, independently of the collector's walk.
fn cgroups_below(top: &Path, path: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(top.join(path)).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            let name = entry.file_name().into_string().unwrap();
            let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            let hex = name.trim_end_matches(".scope").rsplit('-').next().unwrap_or("").len() == 64;
            let pod = name.starts_with("pod") || (name.contains("-pod") && name.ends_with(".slice"));
            if hex || pod {
                found.push(path.clone());
            }
            cgroups_below(top, &path, found);
        }
    }
}

fn expected_cgroups(top: &Path) -> Vec<String> {
    let mut found = Vec::new();
    cgroups_below(top, "", &mut found);
    found.sort();
    found
}

fn ids<'v>(seen: &[EntityView<'v>]) -> Vec<&'v str> {
    let mut ids: Vec<_> = seen.iter().map(|entity| entity.id()).collect();
    ids.sort_unstable();
    ids
}

fn number(path: PathBuf) -> Option<u64> {
    fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok())
}

/// Returns the value of a key in a file of `key value` lines.
fn keyed(path: PathBuf, key: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

fn elapsed(name: &str) -> u64 {
    let root = HostRoot::open(recording(name)).unwrap();
    root.frames()[1].monotonic_ns - root.frames()[0].monotonic_ns
}

#[test]
fn v1_cgroups_have_the_values_of_their_recorded_files() {
    let [before, after] = frames("v1-cgroupfs");
    let top = |frame: &str, controller: &str| {
        recording("v1-cgroupfs").join(frame).join("sys/fs/cgroup").join(controller)
    };
    let expected = expected_cgroups(&top("2", "cpuacct"));
    assert!(expected.len() > 20);
    assert_eq!(ids(&after.of_kind("cgroup")), expected);
    let mut paired = 0;
    for cgroup in after.of_kind("cgroup") {
        let id = cgroup.id();
        let now = |controller: &str, name: &str| top("2", controller).join(id).join(name);
        let usage = number(now("cpuacct", "cpuacct.usage")).unwrap();
        assert!(usage > 0, "{id}: none of this recording is unused");
        let (current, previous) = cgroup.counter("cpu.usage_ns").unwrap();
        assert_eq!(current, usage, "{id}");
        let (previous, between) = previous.unwrap();
        if before.find("cgroup", id).is_some() {
            paired += 1;
            assert_eq!(Some(previous), number(top("1", "cpuacct").join(id).join("cpuacct.usage")), "{id}");
        } else {
            assert_eq!(previous, 0, "{id} was born between the two");
        }
        assert_eq!(between, elapsed("v1-cgroupfs"));
        let ticks = |key| keyed(now("cpuacct", "cpuacct.stat"), key).map(|ticks| ticks * 10_000_000);
        assert_eq!(cgroup.current("cpu.user_ns"), ticks("user"), "{id}");
        assert_eq!(cgroup.current("cpu.system_ns"), ticks("system"), "{id}");
        let gauge = |name: &str| cgroup.gauge(name).map(|value| value as u64);
        assert_eq!(gauge("memory.usage_bytes"), number(now("memory", "memory.usage_in_bytes")), "{id}");
        assert_eq!(
            gauge("memory.max_usage_bytes"),
            number(now("memory", "memory.max_usage_in_bytes")),
            "{id}"
        );
        let stat = |key| keyed(now("memory", "memory.stat"), key);
        assert_eq!(gauge("memory.rss_bytes"), stat("total_rss"), "{id}");
        assert_eq!(gauge("memory.inactive_file_bytes"), stat("total_inactive_file"), "{id}");
        assert_eq!(cgroup.current("memory.pgfault"), stat("pgfault"), "{id}");
        assert_eq!(cgroup.current("memory.hierarchical_pgfault"), stat("total_pgfault"), "{id}");
        assert_eq!(cgroup.current("memory.failcnt"), number(now("memory", "memory.failcnt")), "{id}");
        assert_eq!(
            cgroup.current("cpu.throttled_ns"),
            keyed(now("cpu", "cpu.stat"), "throttled_time"),
            "{id}"
        );
        assert_eq!(gauge("pids.current"), number(now("pids", "pids.current")), "{id}");
        assert_eq!(gauge("cpu.shares"), number(now("cpu", "cpu.shares")), "{id}");
        let quota = number(now("cpu", "cpu.cfs_quota_us")).zip(number(now("cpu", "cpu.cfs_period_us")));
        assert_eq!(
            cgroup.gauge("cpu.quota_millicores"),
            quota.map(|(quota, period)| quota as f64 / period as f64 * 1e3)
        );
        let limit = number(now("memory", "memory.limit_in_bytes")).filter(|&bytes| bytes < 1 << 60);
        assert_eq!(gauge("memory.limit_bytes"), limit, "{id}");
    }
    assert!(paired > 20);
}

#[test]
fn v2_cgroups_have_the_values_of_their_recorded_files() {
    let [before, after] = frames("v2-systemd");
    let top = |frame: &str| recording("v2-systemd").join(frame).join("sys/fs/cgroup");
    let expected = expected_cgroups(&top("2"));
    assert!(expected.len() > 20);
    assert_eq!(ids(&after.of_kind("cgroup")), expected);
    let mut paired = 0;
    for cgroup in after.of_kind("cgroup") {
        let id = cgroup.id();
        let now = |name: &str| top("2").join(id).join(name);
        let usage =
            |frame: &str| keyed(top(frame).join(id).join("cpu.stat"), "usage_usec").map(|usec| usec * 1000);
        let (current, previous) = cgroup.counter("cpu.usage_ns").unwrap();
        assert_eq!(Some(current), usage("2"), "{id}");
        let (previous, between) = previous.unwrap();
        if before.find("cgroup", id).is_some() {
            paired += 1;
            assert_eq!(Some(previous), usage("1"), "{id}");
        } else {
            assert_eq!(previous, 0, "{id} was born between the two");
        }
        assert_eq!(between, elapsed("v2-systemd"));
        let gauge = |name: &str| cgroup.gauge(name).map(|value| value as u64);
        assert_eq!(gauge("memory.usage_bytes"), number(now("memory.current")), "{id}");
        assert_eq!(gauge("memory.max_usage_bytes"), number(now("memory.peak")), "{id}");
        assert_eq!(gauge("memory.cache_bytes"), keyed(now("memory.stat"), "file"), "{id}");
        assert_eq!(gauge("memory.mapped_file_bytes"), keyed(now("memory.stat"), "file_mapped"), "{id}");
        assert_eq!(gauge("memory.swap_bytes"), number(now("memory.swap.current")), "{id}");
        assert_eq!(cgroup.current("memory.failcnt"), None, "v2 has no such file");
        assert_eq!(cgroup.current("memory.oom_kills"), keyed(now("memory.events"), "oom_kill"), "{id}");
        assert_eq!(gauge("memory.limit_bytes"), number(now("memory.max")), "{id}");
        assert_eq!(gauge("pids.limit"), number(now("pids.max")), "{id}");
        assert_eq!(gauge("cpu.weight"), number(now("cpu.weight")), "{id}");
        let pressure = fs::read_to_string(now("io.pressure")).unwrap();
        let some = pressure.lines().next().unwrap().rsplit('=').next().unwrap().parse().ok();
        assert_eq!(cgroup.current("psi.io.some_us"), some, "{id}");
    }
    assert!(paired > 20);
}

#[test]
fn node_values_of_both_versions() {
    for (name, version) in [("v1-cgroupfs", "1"), ("v2-systemd", "2")] {
        let [_, after] = frames(name);
        let node = after.node();
        let proc = recording(name).join("2/proc");
        assert_eq!(node.attribute("cgroup.version"), Some(version));
        let total = fs::read_to_string(proc.join("meminfo")).unwrap();
        let total: f64 = total.lines().next().unwrap().split_whitespace().nth(1).unwrap().parse().unwrap();
        assert_eq!(node.gauge("node.memory_total_bytes"), Some(total * 1024.0));
        assert_eq!(node.gauge("node.cpu_count"), Some(2.0));
        assert!(node.counter("cpu.usage_ns").unwrap().1.is_some(), "{name}");
        assert!(node.gauge("memory.usage_bytes").unwrap() > 0.0);
        assert_eq!(node.current("psi.cpu.full_us"), None);
        let disks = after.of_kind("disk");
        assert_eq!(ids(&disks), ["/dev/vda"], "{name}");
        assert!(disks[0].counter("io.write_bytes").unwrap().1.is_some(), "{name}");
        let filesystems = after.of_kind("filesystem");
        assert_eq!(filesystems.len(), 1, "{name}");
        assert_eq!(filesystems[0].attribute("mount.point"), Some("/"));
        let manifest = HostRoot::open(recording(name)).unwrap();
        let stat = manifest.frames()[1].statfs["/"];
        assert_eq!(filesystems[0].gauge("fs.capacity_bytes"), Some((stat.blocks * stat.block_size) as f64));
        assert_eq!(
            filesystems[0].gauge("fs.available_bytes"),
            Some((stat.blocks_available * stat.block_size) as f64)
        );
        assert_eq!(filesystems[0].gauge("fs.inodes_free"), Some(stat.files_free as f64));
    }
}

#[test]
fn recorded_pods_have_their_interfaces() {
    let [_, after] = frames("v2-systemd");
    let pods: Vec<_> = after
        .of_kind("cgroup")
        .into_iter()
        .filter(|cgroup| cgroup.attribute("cgroup.role") == Some("pod"))
        .collect();
    let host: Vec<_> = pods.iter().filter(|pod| pod.attribute("network.host") == Some("true")).collect();
    assert_eq!(host.len(), 1, "the host-network pod");
    assert_eq!(host[0].children("interface").len(), 0);
    let own: Vec<_> = pods.iter().filter(|pod| pod.attribute("network.host").is_none()).collect();
    for pod in &own {
        assert_eq!(ids(&pod.children("interface")), ["eth0"], "{}", pod.id());
    }
    let moved = own.iter().filter_map(|pod| pod.children("interface")[0].counter("network.rx_bytes"));
    let grown = moved.filter(|(current, previous)| previous.is_some_and(|(before, _)| *current > before));
    assert!(grown.count() >= 2, "two pods talk to each other");
}
