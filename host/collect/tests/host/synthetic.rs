//! Synthetic trees, each for one aspect.

mod block_io;
mod devices;
mod mounts;
mod network;
mod optional;
mod replaced;
mod strays;
mod tasks;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use insightd_collect::{Collector, HostRoot, Settings};

use crate::view::{View, collector, sample, settings};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

struct Host {
    dir: tempfile::TempDir,
}

impl Host {
    fn v2() -> Self {
        let host = Self::bare("31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        host.cgroup("kubepods.slice/kubepods-podx.slice", "1000");
        host.cgroup(&format!("kubepods.slice/kubepods-podx.slice/cri-containerd-{A}.scope"), "600");
        host.cgroup(&format!("kubepods.slice/kubepods-podx.slice/cri-containerd-{B}.scope"), "400");
        host
    }

    fn bare(mountinfo: &str) -> Self {
        let host = Self { dir: tempfile::tempdir().unwrap() };
        host.file(
            "proc/meminfo",
            "MemTotal: 1000 kB\nMemAvailable: 600 kB\nSwapTotal: 100 kB\nSwapFree: 40 kB\n",
        );
        host.file("proc/cpuinfo", "processor : 0\nprocessor : 1\n");
        host.file("proc/1/mountinfo", mountinfo);
        host.net(1, "lo:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\neth0:100 1 0 0 0 0 0 0 200 2 0 0 0 0 0 0\nvethab:1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n");
        fs::create_dir_all(host.path().join("sys/fs/cgroup")).unwrap();
        host
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn file(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn net(&self, process: u32, interfaces: &str) {
        self.file(
            &format!("proc/{process}/net/dev"),
            &format!("Inter-| Receive\n face |bytes\n{interfaces}"),
        );
    }

    /// Writes the files of one cgroup v2 with the given CPU time.
    fn cgroup(&self, path: &str, usage_usec: &str) {
        let file = |name: &str, text: &str| self.file(&format!("sys/fs/cgroup/{path}/{name}"), text);
        file("cpu.stat", &format!("usage_usec {usage_usec}\nuser_usec 300\nsystem_usec 100\n"));
        file("memory.current", "4096\n");
        file("memory.stat", "anon 1024\nfile 2048\ninactive_file 512\npgfault 7\npgmajfault 1\n");
        file("memory.max", "max\n");
        file("cpu.max", "50000 100000\n");
        file("cgroup.procs", "");
    }

    /// Creates empty cgroups, the oldest first: with increasing inode numbers, as the kernel numbers real ones. A file system
    /// numbers directories in any order.
    fn cgroups_by_age(&self, paths: &[&str]) {
        let root = self.path().join("sys/fs/cgroup");
        let mut created: Vec<_> = (0..paths.len()).map(|index| root.join(format!("new-{index}"))).collect();
        created.iter().for_each(|path| fs::create_dir(path).unwrap());
        created.sort_by_key(|path| fs::metadata(path).unwrap().ino());
        for (created, path) in created.iter().zip(paths) {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::rename(created, path).unwrap();
        }
    }

    fn remove(&self, path: &str) {
        fs::remove_dir_all(self.path().join(path)).unwrap();
    }
}

fn container(id: &str) -> String {
    format!("kubepods.slice/kubepods-podx.slice/cri-containerd-{id}.scope")
}

#[test]
fn a_node_with_a_pod_and_containers_is_emitted() {
    let host = Host::v2();
    let view = sample(&mut collector(host.path()));
    view.no_problems();
    assert_eq!(view.report.cgroups, 3);
    let node = view.node();
    assert_eq!(node.attribute("cgroup.version"), Some("2"));
    assert_eq!(node.gauge("node.cpu_count"), Some(2.0));
    assert_eq!(node.gauge("node.memory_total_bytes"), Some(1_024_000.0));
    let pod = view.find("cgroup", "kubepods.slice/kubepods-podx.slice").unwrap();
    assert_eq!(pod.attribute("cgroup.role"), Some("pod"));
    assert_eq!((pod.attribute("pod.uid"), pod.attribute("pod.qos")), (Some("x"), Some("guaranteed")));
    assert_eq!(pod.parent().unwrap().kind(), "node");
    let container = view.find("cgroup", &container(A)).unwrap();
    assert_eq!(container.attribute("cgroup.role"), Some("container"));
    assert_eq!(container.attribute("container.id"), Some(A));
    assert_eq!(container.attribute("container.runtime"), Some("containerd"));
    assert_eq!(container.parent().unwrap().id(), pod.id());
    assert_eq!(container.current("cpu.usage_ns"), Some(600_000));
    assert_eq!(container.gauge("memory.usage_bytes"), Some(4096.0));
    assert_eq!(container.gauge("cpu.quota_millicores"), Some(500.0));
    assert_eq!(container.gauge("memory.limit_bytes"), None, "`max` is no limit");
    assert_eq!(container.gauge("memory.max_usage_bytes"), None, "a file that this kernel does not have");
}

#[test]
fn a_container_without_cpu_time_has_no_values() {
    let host = Host::v2();
    host.cgroup(&container(A), "0");
    let view = sample(&mut collector(host.path()));
    view.no_problems();
    let empty = view.find("cgroup", &container(A)).unwrap();
    assert_eq!(empty.value_names(), [""; 0]);
    assert_eq!(empty.attribute("container.id"), Some(A));
    assert!(view.find("cgroup", &container(B)).unwrap().current("cpu.usage_ns").is_some());
}

#[test]
fn a_malformed_row_loses_only_its_own_value() {
    let host = Host::v2();
    host.file(
        &format!("sys/fs/cgroup/{}/memory.stat", container(A)),
        "anon 1024\nfile lots\ninactive_file 512\n",
    );
    let view = sample(&mut collector(host.path()));
    let broken = view.find("cgroup", &container(A)).unwrap();
    assert_eq!(broken.gauge("memory.rss_bytes"), Some(1024.0));
    assert_eq!(broken.gauge("memory.inactive_file_bytes"), Some(512.0));
    assert_eq!(broken.gauge("memory.cache_bytes"), None);
    assert_eq!(broken.gauge("memory.usage_bytes"), Some(4096.0));
    assert_eq!(view.find("cgroup", &container(B)).unwrap().gauge("memory.rss_bytes"), Some(1024.0));
    let [problem] = &view.report.problems[..] else { panic!("{:?}", view.report.problems) };
    assert_eq!(problem.source, "cgroup");
    assert_eq!(problem.path, format!("/sys/fs/cgroup/{}/memory.stat", container(A)));
    assert!(problem.error.contains("line 2"), "{}", problem.error);
}

#[test]
fn problems_are_bounded() {
    let host = Host::v2();
    for index in 0..100 {
        host.cgroup(&format!("kubepods.slice/kubepods-podp{index}.slice"), "broken");
    }
    let view = sample(&mut collector(host.path()));
    assert!(view.report.problems.len() < 50);
    assert_eq!(view.report.problems.len() + view.report.more_problems, 100);
}

#[test]
fn counters_are_paired_only_with_the_same_cgroup() {
    let host = Host::v2();
    let mut collector = collector(host.path());
    let usage = |view: &View| {
        view.find("cgroup", &container(A))
            .unwrap()
            .counter("cpu.usage_ns")
            .map(|(current, previous)| (current, previous.map(|(value, _)| value)))
    };
    assert_eq!(usage(&sample(&mut collector)), Some((600_000, None)));
    host.cgroup(&container(A), "900");
    assert_eq!(usage(&sample(&mut collector)), Some((900_000, Some(600_000))));
    // the same name, another cgroup: the directory was created again
    fs::rename(host.path().join("sys/fs/cgroup").join(container(A)), host.path().join("gone")).unwrap();
    host.cgroup(&container(A), "1000");
    assert_eq!(usage(&sample(&mut collector)), Some((1_000_000, Some(0))), "born since");
    host.cgroup(&container(A), "5");
    assert_eq!(usage(&sample(&mut collector)), Some((5000, None)), "a counter that went down");
    host.cgroup(&container(A), "8");
    assert_eq!(usage(&sample(&mut collector)), Some((8000, Some(5000))));
}

#[test]
fn a_file_missing_for_a_tick_lengthens_the_interval() {
    let host = Host::v2();
    let mut collector = collector(host.path());
    sample(&mut collector);
    let first_ended = Instant::now();
    // much longer than the time between samples here, to tell the time since the second sample from that since the first
    std::thread::sleep(Duration::from_millis(50));
    let stat = host.path().join("sys/fs/cgroup").join(container(A)).join("cpu.stat");
    let text = fs::read_to_string(&stat).unwrap();
    fs::remove_file(&stat).unwrap();
    let between = sample(&mut collector);
    assert_eq!(between.find("cgroup", &container(A)).unwrap().counter("cpu.usage_ns"), None);
    fs::write(&stat, text.replace("600", "700")).unwrap();
    let third_begins = Instant::now();
    let after = sample(&mut collector);
    let (current, previous) = after.find("cgroup", &container(A)).unwrap().counter("cpu.usage_ns").unwrap();
    let (previous, elapsed) = previous.unwrap();
    assert_eq!((current, previous), (700_000, 600_000));
    assert!(u128::from(elapsed) >= (third_begins - first_ended).as_nanos());
}

#[test]
fn removed_cgroups_are_not_emitted() {
    let host = Host::v2();
    let mut collector = collector(host.path());
    assert_eq!(sample(&mut collector).report.cgroups, 3);
    host.remove(&format!("sys/fs/cgroup/{}", container(B)));
    let view = sample(&mut collector);
    view.no_problems();
    assert_eq!(view.report.cgroups, 2);
    host.remove("sys/fs/cgroup/kubepods.slice");
    let view = sample(&mut collector);
    view.no_problems();
    assert_eq!(view.of_kind("cgroup").len(), 0);
}

#[test]
fn changed_limits_show_after_a_few_ticks() {
    let host = Host::v2();
    let mut collector = collector(host.path());
    sample(&mut collector);
    host.file(&format!("sys/fs/cgroup/{}/memory.max", container(A)), "8192\n");
    let limits: Vec<_> = (0..Settings::default().bounds_every)
        .map(|_| sample(&mut collector).find("cgroup", &container(A)).unwrap().gauge("memory.limit_bytes"))
        .collect();
    assert_eq!(limits.last(), Some(&Some(8192.0)), "{limits:?}");
}

#[test]
fn the_root_of_v2_has_memory_from_its_statistics_and_swap_from_meminfo() {
    let host = Host::v2();
    host.file("sys/fs/cgroup/memory.stat", "anon 1000\nfile 500\ninactive_file 100\n");
    let node_view = sample(&mut collector(host.path()));
    let node = node_view.node();
    assert_eq!(node.gauge("memory.usage_bytes"), Some(1500.0));
    assert_eq!(node.gauge("memory.swap_bytes"), Some(60.0 * 1024.0));
    assert_eq!(node.gauge("memory.max_usage_bytes"), None);
}

#[test]
fn v1_block_io_is_read_from_the_file_group_with_devices() {
    let host = Host::bare(
        "32 31 0:29 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n36 31 0:33 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio\n",
    );
    let pod = "kubepods/burstable/podx";
    let blkio =
        |path: &str, name: &str, text: &str| host.file(&format!("sys/fs/cgroup/blkio/{path}/{name}"), text);
    for (path, usage) in [(pod.to_owned(), "10"), (format!("{pod}/{A}"), "6"), (format!("{pod}/{B}"), "4")] {
        host.file(&format!("sys/fs/cgroup/cpuacct/{path}/cpuacct.usage"), usage);
        blkio(&path, "blkio.bfq.io_service_bytes_recursive", "Total 0\n");
        blkio(&path, "blkio.bfq.io_serviced_recursive", "Total 0\n");
    }
    blkio(
        pod,
        "blkio.throttle.io_service_bytes_recursive",
        "8:0 Read 3\n8:0 Write 4\n8:16 Read 5\nTotal 12\n",
    );
    blkio(pod, "blkio.throttle.io_serviced_recursive", "8:0 Read 1\n8:0 Write 1\nTotal 2\n");
    blkio(&format!("{pod}/{A}"), "blkio.throttle.io_service_bytes_recursive", "8:0 Read 3\nTotal 3\n");
    blkio(&format!("{pod}/{B}"), "blkio.throttle.io_service_bytes_recursive", "Total 0\n");
    let mut collector = collector(host.path());
    let view = sample(&mut collector);
    view.no_problems();
    assert_eq!(view.node().attribute("cgroup.version"), Some("1"));
    let seen = view.find("cgroup", pod).unwrap();
    assert_eq!((seen.current("io.read_bytes"), seen.current("io.write_bytes")), (Some(8), Some(4)));
    assert_eq!((seen.current("io.reads"), seen.current("io.sync_bytes")), (Some(1), None));
    assert_eq!(view.find("cgroup", &format!("{pod}/{A}")).unwrap().current("io.read_bytes"), Some(3));
    assert_eq!(view.find("cgroup", &format!("{pod}/{B}")).unwrap().current("io.read_bytes"), None);
}

#[test]
fn problems_of_v1_name_the_hierarchy_of_the_file() {
    let host = Host::bare(
        "32 31 0:29 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n36 31 0:33 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
    );
    let pod = "kubepods/burstable/podx";
    host.file(&format!("sys/fs/cgroup/cpuacct/{pod}/cpuacct.usage"), "10");
    host.file(&format!("sys/fs/cgroup/memory/{pod}/memory.usage_in_bytes"), "lots");
    host.file("sys/fs/cgroup/memory/memory.usage_in_bytes", "lots");
    let view = sample(&mut collector(host.path()));
    let paths: Vec<&str> = view.report.problems.iter().map(|problem| problem.path.as_str()).collect();
    let of_pod = format!("/sys/fs/cgroup/memory/{pod}/memory.usage_in_bytes");
    assert_eq!(paths, ["/sys/fs/cgroup/memory/memory.usage_in_bytes", &of_pod]);
}

#[test]
fn a_host_without_cgroups_is_reported_and_still_read() {
    let host = Host::bare("");
    let view = sample(&mut collector(host.path()));
    assert_eq!(view.node().gauge("node.memory_total_bytes"), Some(1_024_000.0));
    assert_eq!(view.node().attribute("cgroup.version"), None);
    assert!(view.report.problems.iter().any(|problem| problem.error.contains("no cgroup hierarchy")));
}

#[test]
fn a_mount_hidden_below_the_root_is_reported() {
    let host = Host::v2();
    host.file(
        "proc/1/mountinfo",
        "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n40 1 259:7 / /data rw - ext4 /dev/nvme7n1 rw\n",
    );
    fs::create_dir_all(host.path().join("data")).unwrap();
    let view = sample(&mut collector(host.path()));
    assert_eq!(view.of_kind("filesystem").len(), 0, "the directory below it is another file system");
    assert!(
        view.report
            .problems
            .iter()
            .any(|problem| problem.path == "/data" && problem.error.contains("HostToContainer"))
    );
}

#[test]
fn an_unreadable_host_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    let error = Collector::new(HostRoot::open(empty.path()).unwrap(), settings()).unwrap_err().to_string();
    assert!(error.contains("proc/meminfo") && error.contains("mounted"), "{error}");
    let host = Host::v2();
    let unnamed =
        Collector::new(HostRoot::open(host.path()).unwrap(), Settings::default()).unwrap_err().to_string();
    assert!(unnamed.contains("node_name"), "{unnamed}");
}

#[test]
fn cgroups_beyond_the_bound_are_skipped_and_reported() {
    let host = Host::v2();
    for index in 0..10 {
        host.cgroup(&format!("kubepods.slice/kubepods-podp{index}.slice"), "5");
    }
    let settings = Settings { max_cgroups: 5, ..settings() };
    let mut collector = Collector::new(HostRoot::open(host.path()).unwrap(), settings).unwrap();
    let view = sample(&mut collector);
    assert_eq!(view.report.cgroups, 5);
    assert!(
        view.report.problems.iter().any(|problem| problem.error.contains("6 pods skipped")),
        "{:?}",
        view.report.problems
    );
}

#[test]
fn a_pod_created_since_the_last_tick_has_rates_from_zero() {
    let host = Host::v2();
    let mut collector = collector(host.path());
    sample(&mut collector);
    let pod = "kubepods.slice/kubepods-podborn.slice".to_owned();
    let below = format!("{pod}/cri-containerd-{A}.scope");
    for path in [&pod, &below] {
        host.cgroup(path, "700");
        host.file(&format!("sys/fs/cgroup/{path}/io.stat"), "8:0 rbytes=4096\n");
    }
    let view = sample(&mut collector);
    for path in [&pod, &below] {
        let born = view.find("cgroup", path).unwrap();
        for (name, value) in [("cpu.usage_ns", 700_000), ("memory.pgfault", 7), ("io.read_bytes", 4096)] {
            let (current, previous) = born.counter(name).unwrap();
            let (previous, elapsed) = previous.unwrap();
            assert_eq!((current, previous), (value, 0), "{name}");
            assert!(elapsed > 0);
        }
    }
    host.cgroup(&below, "900");
    let (_, previous) =
        sample(&mut collector).find("cgroup", &below).unwrap().counter("cpu.usage_ns").unwrap();
    assert_eq!(previous.unwrap().0, 700_000);
}

#[test]
fn a_cgroup_not_read_when_it_was_new_has_no_rate_from_zero() {
    let host = Host::v2();
    let settings = Settings { max_cgroups: 3, ..settings() };
    let mut collector = Collector::new(HostRoot::open(host.path()).unwrap(), settings).unwrap();
    sample(&mut collector);
    let late = "kubepods.slice/kubepods-podz.slice";
    host.cgroup(late, "500");
    assert!(sample(&mut collector).find("cgroup", late).is_none(), "beyond the bound");
    host.remove("sys/fs/cgroup/kubepods.slice/kubepods-podx.slice");
    let view = sample(&mut collector);
    assert_eq!(view.find("cgroup", late).unwrap().counter("cpu.usage_ns"), Some((500_000, None)));
    // a file that cannot be read at the first tick
    let pod = "kubepods.slice/kubepods-podw.slice";
    host.cgroup(pod, "500");
    let stat = host.path().join("sys/fs/cgroup").join(pod).join("memory.stat");
    fs::remove_file(&stat).unwrap();
    fs::create_dir(&stat).unwrap();
    let view = sample(&mut collector);
    let seen = view.find("cgroup", pod).unwrap();
    assert_eq!(seen.counter("memory.pgfault"), None);
    assert_eq!(seen.counter("cpu.usage_ns").unwrap().1.unwrap().0, 0);
    fs::remove_dir(&stat).unwrap();
    host.cgroup(pod, "600");
    let view = sample(&mut collector);
    assert_eq!(view.find("cgroup", pod).unwrap().counter("memory.pgfault"), Some((7, None)));
}

#[test]
fn pods_below_two_roots_are_read_once_without_a_mount_list() {
    let host = Host::v2();
    let id = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd";
    let far = format!("docker/{id}/kubepods.slice/kubepods-podx.slice");
    host.cgroup(&far, "1000");
    host.cgroup(&format!("{far}/cri-containerd-{A}.scope"), "600");
    host.file("sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
    fs::remove_file(host.path().join("proc/1/mountinfo")).unwrap();
    let mut collector = collector(host.path());
    let view = sample(&mut collector);
    assert_eq!(view.report.cgroups, 3);
    assert!(view.find("cgroup", &far).is_none());
    let problem_paths = |view: &View| {
        let paths: Vec<_> = view.report.problems.iter().map(|problem| problem.path.clone()).collect();
        paths.join(" ")
    };
    assert_eq!(problem_paths(&view), "/proc/1/mountinfo /sys/fs/cgroup");
    let view = sample(&mut collector);
    assert_eq!((view.report.cgroups, problem_paths(&view).as_str()), (3, "/proc/1/mountinfo"));
}
