//! Interfaces, disks and facts about the whole machine.

use std::fs;
use std::path::Path;

use super::{A, B, Host, container};
use crate::view::{View, collector, sample};

#[test]
fn interfaces_are_filtered_by_name() {
    let host = Host::v2();
    let view = sample(&mut collector(host.path()));
    let names: Vec<_> = view.of_kind("interface").iter().map(|interface| interface.id()).collect();
    assert_eq!(names, ["eth0"]);
    let eth0 = view.find("interface", "eth0").unwrap();
    assert_eq!((eth0.current("network.rx_bytes"), eth0.current("network.tx_bytes")), (Some(100), Some(200)));
    assert_eq!(eth0.parent().unwrap().kind(), "node");
}

#[test]
fn the_network_of_a_pod_is_that_of_its_oldest_container() {
    let host = Host::v2();
    host.net(40, "lo:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\neth0:7 1 0 0 0 0 0 0 8 2 0 0 0 0 0 0\n");
    host.file(&format!("sys/fs/cgroup/{}/cgroup.procs", container(B)), "40\n41\n");
    let mut collector = collector(host.path());
    let view = sample(&mut collector);
    view.no_problems();
    let pod = view.find("cgroup", "kubepods.slice/kubepods-podx.slice").unwrap();
    let interfaces = pod.children("interface");
    assert_eq!(interfaces.iter().map(|interface| interface.id()).collect::<Vec<_>>(), ["eth0"]);
    assert_eq!(interfaces[0].current("network.rx_bytes"), Some(7));
    assert_eq!(pod.attribute("network.host"), None);

    // after the process has ended, one of another container is used
    host.file(&format!("sys/fs/cgroup/{}/cgroup.procs", container(B)), "39\n");
    host.file(&format!("sys/fs/cgroup/{}/init.scope/cgroup.procs", container(A)), "40\n");
    let view = sample(&mut collector);
    view.no_problems();
    let pod = view.find("cgroup", "kubepods.slice/kubepods-podx.slice").unwrap();
    assert_eq!(pod.children("interface").len(), 1);
}

#[test]
fn a_pod_in_the_host_network_is_marked_and_has_no_interfaces() {
    let host = Host::v2();
    // the same inode for both: the same namespace
    fs::create_dir_all(host.path().join("proc/40/net")).unwrap();
    fs::hard_link(host.path().join("proc/1/net/dev"), host.path().join("proc/40/net/dev")).unwrap();
    host.file(&format!("sys/fs/cgroup/{}/cgroup.procs", container(A)), "40\n");
    let view = sample(&mut collector(host.path()));
    let pod = view.find("cgroup", "kubepods.slice/kubepods-podx.slice").unwrap();
    assert_eq!(pod.attribute("network.host"), Some("true"));
    assert_eq!(pod.children("interface").len(), 0);
}

#[test]
fn processes_of_another_pid_namespace_are_found_by_their_cgroup() {
    let host = Host::v2();
    host.net(40, "eth0:7 1 0 0 0 0 0 0 8 2 0 0 0 0 0 0\n");
    host.file("proc/39/cgroup", "0::/../../system.slice/x.service\n");
    host.file(
        "proc/40/cgroup",
        &format!("0::/../../kubepods.slice/kubepods-podx.slice/cri-containerd-{A}.scope\n"),
    );
    host.file(&format!("sys/fs/cgroup/{}/cgroup.procs", container(A)), "0\n0\n");
    let mut collector = collector(host.path());
    for _ in 0..2 {
        let view = sample(&mut collector);
        view.no_problems();
        let pod = view.find("cgroup", "kubepods.slice/kubepods-podx.slice").unwrap();
        assert_eq!(pod.children("interface").len(), 1);
    }
    // cgroup v1 lists nothing instead; the host also has another pid for this process
    host.file(&format!("sys/fs/cgroup/{}/cgroup.procs", container(A)), "");
    let interfaces = |view: &View| {
        view.find("cgroup", "kubepods.slice/kubepods-podx.slice").unwrap().children("interface").len()
    };
    let fresh = sample(&mut self::collector(host.path()));
    assert_eq!(interfaces(&fresh), 0, "in the host's namespace an empty list is no reason to search");
    std::os::unix::fs::symlink("2147483646", host.path().join("proc/self")).unwrap();
    let fresh = sample(&mut self::collector(host.path()));
    assert_eq!(interfaces(&fresh), 1);
    // the pid in the list of the agent's own container is the agent's, not the host's
    host.file(&format!("sys/fs/cgroup/{}/cgroup.procs", container(A)), "39\n");
    host.net(39, "eth0:7 1 0 0 0 0 0 0 8 2 0 0 0 0 0 0\neth1:7 1 0 0 0 0 0 0 8 2 0 0 0 0 0 0\n");
    let fresh = sample(&mut self::collector(host.path()));
    assert_eq!(interfaces(&fresh), 1);
    // the pid now belongs to a process outside the pod
    host.file(&format!("sys/fs/cgroup/{}/cgroup.procs", container(A)), "0\n");
    host.file("proc/40/cgroup", "0::/system.slice/y.service\n");
    let view = sample(&mut collector);
    let pod = view.find("cgroup", "kubepods.slice/kubepods-podx.slice").unwrap();
    assert_eq!(pod.children("interface").len(), 0);
}

#[test]
fn devices_are_named_and_excluded_by_name() {
    let host = Host::v2();
    for (name, number) in [("vda", "254:0"), ("loop0", "7:0"), ("dm-0", "253:0")] {
        host.file(&format!("sys/block/{name}/dev"), &format!("{number}\n"));
    }
    host.file("proc/1/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n32 1 253:0 / /data rw - ext4 /dev/mapper/data rw\n");
    host.file("sys/fs/cgroup/cpu.stat", "usage_usec 5\n");
    host.file(
        "sys/fs/cgroup/io.stat",
        "254:0 rbytes=10 wbytes=20 rios=1 wios=2\n7:0 rbytes=10 wbytes=0 rios=1 wios=0\n253:0 rbytes=3 wbytes=0 rios=1 wios=0\n\
        8:16 rbytes=4 wbytes=0 rios=1 wios=0\n8:32 rbytes=0 wbytes=0 rios=0 wios=0\n",
    );
    let view = sample(&mut collector(host.path()));
    let names: Vec<_> = view.of_kind("disk").iter().map(|disk| disk.id()).collect();
    assert_eq!(names, ["/dev/vda", "/dev/mapper/data", "8:16"]);
    let disk = view.find("disk", "/dev/vda").unwrap();
    assert_eq!((disk.current("io.read_bytes"), disk.current("io.writes")), (Some(10), Some(2)));
    assert_eq!(disk.current("io.total_bytes"), None);
}

#[test]
fn without_devices_in_the_root_cgroup_diskstats_is_used() {
    let host = Host::v2();
    host.file("sys/block/vda/dev", "254:0\n");
    host.file("proc/diskstats", " 254 0 vda 5 0 16 0 7 0 32 0 0 0 0\n 254 1 vda1 5 0 16 0 7 0 32 0 0 0 0\n");
    let view = sample(&mut collector(host.path()));
    let names: Vec<_> = view.of_kind("disk").iter().map(|disk| disk.id()).collect();
    assert_eq!(names, ["/dev/vda"], "partitions are no disks");
    let disk = view.find("disk", "/dev/vda").unwrap();
    assert_eq!((disk.current("io.read_bytes"), disk.current("io.writes")), (Some(16 * 512), Some(7)));
}

#[test]
fn pressure_of_the_machine_has_no_full_cpu() {
    let host = Host::v2();
    for resource in ["cpu", "memory", "io"] {
        host.file(&format!("proc/pressure/{resource}"), "some avg10=0 total=11\nfull avg10=0 total=0\n");
        host.file(
            &format!("sys/fs/cgroup/{}/{resource}.pressure", container(A)),
            "some avg10=0 total=5\nfull avg10=0 total=4\n",
        );
    }
    let view = sample(&mut collector(host.path()));
    let node = view.node();
    assert_eq!((node.current("psi.cpu.some_us"), node.current("psi.cpu.full_us")), (Some(11), None));
    assert_eq!(node.current("psi.io.full_us"), Some(0));
    let container = view.find("cgroup", &container(A)).unwrap();
    assert_eq!(
        (container.current("psi.cpu.some_us"), container.current("psi.cpu.full_us")),
        (Some(5), Some(4))
    );
}

/// Creates the tree as in sysfs: the disk is a symbolic link, and so is its controller.
#[test]
fn nvme_disks_have_serial_numbers_and_links_stay_below_the_root() {
    let host = Host::v2();
    host.file("sys/devices/pci0/nvme/nvme0/serial", "vol0abc1234567890def\n");
    host.file("sys/devices/pci0/nvme/nvme0/nvme0n1/dev", "259:0\n");
    host.file("sys/block/xvda/dev", "202:0\n");
    host.file("sys/block/xvda/device/serial", "not asked for\n");
    host.file("sys/block/nvme9n1/dev", "259:9\n");
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("serial"), "vol0outside\n").unwrap();
    let link =
        |target: &Path, link: &str| std::os::unix::fs::symlink(target, host.path().join(link)).unwrap();
    link(Path::new("../devices/pci0/nvme/nvme0/nvme0n1"), "sys/block/nvme0n1");
    link(Path::new("../../nvme0"), "sys/devices/pci0/nvme/nvme0/nvme0n1/device");
    link(outside.path(), "sys/block/nvme9n1/device");
    let mut collector = collector(host.path());
    sample(&mut collector).no_problems();
    let mut found: Vec<_> = collector.block_devices().map(|disk| (disk.name, disk.serial)).collect();
    found.sort_unstable();
    assert_eq!(found, [("nvme0n1", Some("vol0abc1234567890def")), ("nvme9n1", None), ("xvda", None)]);
}

#[test]
fn a_serial_number_that_cannot_be_read_is_read_later() {
    let host = Host::v2();
    host.file("sys/block/nvme0n1/dev", "259:0\n");
    let mut collector = collector(host.path());
    sample(&mut collector);
    host.file("sys/block/nvme0n1/device/serial", "vol0abc\n");
    sample(&mut collector);
    let serials: Vec<_> = collector.block_devices().map(|disk| disk.serial).collect();
    assert_eq!(serials, [Some("vol0abc")]);
}

/// Everything but the malformed row is present, and the row is reported once.
#[test]
fn a_malformed_row_of_any_file_loses_only_that_row() {
    let host = Host::v2();
    host.file("sys/block/sda/dev", "8:0\n");
    host.file("sys/block/sdb/dev", "8:16\n");
    let rows: [(&str, &str); 3] = [
        (
            "proc/diskstats",
            "8 0 sda 5 0 16 0 7 0 32 0 0 0 0\n8 16 (unknown)\n8 16 sdb 1 0 2 0 0 0 0 0 0 0 0\n",
        ),
        ("proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: -5 kB\nSwapTotal: 100 kB\nSwapFree: 40 kB\n"),
        (
            "proc/1/net/dev",
            "Inter-| Receive\n face |bytes\neth0: 9 1 0 0 0 0 0 0 8 2 0 0 0 0 0 0\nbad0: 9 1\neth1: 7 1 0 0 0 0 0 0 8 2 0 0 0 0 0 0\n",
        ),
    ];
    for (path, text) in rows {
        host.file(path, text);
    }
    let view = sample(&mut collector(host.path()));
    let names = |kind| view.of_kind(kind).iter().map(|seen| seen.id()).collect::<Vec<_>>();
    assert_eq!(names("disk"), ["/dev/sda", "/dev/sdb"]);
    assert_eq!(names("interface"), ["eth0", "eth1"]);
    assert_eq!(view.node().gauge("node.memory_total_bytes"), Some(1_024_000.0));
    assert_eq!(view.node().gauge("node.memory_available_bytes"), None);
    let mut said: Vec<_> = view.report.problems.iter().map(|problem| problem.path.as_str()).collect();
    said.sort_unstable();
    assert_eq!(said, ["/proc/1/net/dev", "/proc/diskstats", "/proc/meminfo"]);
}

#[test]
fn processors_are_counted_from_either_kernel_file() {
    let count = |host: &Host| {
        let view = sample(&mut collector(host.path()));
        (view.node().gauge("node.cpu_count"), view.report.problems.len())
    };
    let host = Host::v2();
    host.file("proc/cpuinfo", "vendor_id : IBM/S390\nprocessor 0: version = FF\nprocessor 1: version = FF\n");
    assert_eq!(count(&host), (Some(2.0), 0));
    host.file("proc/cpuinfo", "Hardware : something new\n");
    assert_eq!(count(&host), (None, 1), "it is said that nothing names them");
    host.file("sys/devices/system/cpu/online", "0-2,5\n");
    assert_eq!(count(&host), (Some(4.0), 0));
}

#[test]
fn a_failed_listing_resets_no_counters() {
    let host = Host::v2();
    host.file("sys/block/sda/dev", "8:0\n");
    host.file("sys/devices/x/eth0/uevent", "DEVTYPE=wlan\n");
    fs::create_dir_all(host.path().join("sys/class/net")).unwrap();
    std::os::unix::fs::symlink("../../devices/x/eth0", host.path().join("sys/class/net/eth0")).unwrap();
    host.file("sys/fs/cgroup/cpu.stat", "usage_usec 5\n");
    host.file("sys/fs/cgroup/io.stat", "8:0 rbytes=10 wbytes=20 rios=1 wios=2\n");
    let mut collector = collector(host.path());
    sample(&mut collector).no_problems();
    for path in ["sys/block", "sys/class/net"] {
        host.remove(path);
        // a symbolic link to itself cannot be opened
        std::os::unix::fs::symlink(path.rsplit('/').next().unwrap(), host.path().join(path)).unwrap();
    }
    let view = sample(&mut collector);
    let (_, previous) = view.find("disk", "/dev/sda").unwrap().counter("io.read_bytes").unwrap();
    assert_eq!(previous.map(|(value, _)| value), Some(10));
    let eth0 = view.find("interface", "eth0").unwrap();
    assert!(eth0.counter("network.rx_bytes").unwrap().1.is_some());
    assert_eq!(eth0.attribute("interface.kind"), Some("wlan"));
    let said: Vec<_> = view.report.problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(said, ["/sys/class/net", "/sys/block"]);
}

#[test]
fn an_unreadable_device_number_is_reported() {
    let host = Host::v2();
    host.file("sys/block/sda/dev", "8:0\n");
    host.file("sys/block/sdb/dev", "(unknown)\n");
    // even root cannot read a directory as a file
    fs::create_dir_all(host.path().join("sys/block/sdc/dev")).unwrap();
    let view = sample(&mut collector(host.path()));
    let mut said: Vec<_> = view.report.problems.iter().map(|problem| problem.path.as_str()).collect();
    said.sort_unstable();
    assert_eq!(said, ["/sys/block/sdb/dev", "/sys/block/sdc/dev"]);
}
