//! The mount list, and the file systems in it.

use std::fmt::Write as _;
use std::fs;

use super::Host;
use crate::view::{EntityView, View, collector, sample};

/// Row of the mount list for the cgroup v2 hierarchy.
const CGROUP2: &str = "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
/// 1,000 blocks, 400 free, 300 available to unprivileged users.
const PLAIN: &str = r#"{"block_size":4096,"blocks":1000,"blocks_free":400,"blocks_available":300,"files":50,"files_free":20}"#;

/// Creates a recording of one frame with these mounts and `statfs` results, and samples it.
fn recorded(mounts: &str, statfs: &[(&str, &str)]) -> (Host, View) {
    let host = Host::v2();
    host.file("proc/1/mountinfo", &format!("{CGROUP2}{mounts}"));
    let statfs: Vec<_> = statfs.iter().map(|(point, stat)| format!("{point:?}:{stat}")).collect();
    host.file(
        "manifest.json",
        &format!(
            r#"{{"format":1,"frames":[{{"root":".","time_unix_ns":1,"monotonic_ns":1,"ticks_per_second":100,"statfs":{{{}}}}}]}}"#,
            statfs.join(",")
        ),
    );
    let view = sample(&mut collector(host.path()));
    (host, view)
}

fn devices(view: &View) -> Vec<&str> {
    view.of_kind("filesystem").into_iter().map(EntityView::id).collect()
}

#[test]
fn a_read_only_image_at_the_root_is_skipped() {
    let full = r#"{"block_size":4096,"blocks":700,"blocks_free":0,"blocks_available":0,"files":18446744073709551615,"files_free":18446744073709551615}"#;
    let data = "2 1 259:1 / /data rw - ext4 /dev/nvme0n1p1 rw\n";
    for root in ["erofs /dev/root ro", "squashfs /dev/loop0 ro", "overlay composefs ro,lowerdir=/a"] {
        let mounts = format!("1 0 0:60 / / ro - {root}\n{data}");
        let (_host, view) = recorded(&mounts, &[("/", full), ("/data", PLAIN)]);
        view.no_problems();
        assert_eq!(devices(&view), ["/dev/nvme0n1p1"], "{root}");
    }
}

#[test]
fn a_verified_root_is_an_image_but_a_read_only_disk_is_not() {
    let mounts =
        "1 0 254:0 / / ro - ext4 /dev/dm-0 ro\n2 1 8:1 / /data rw - ext4 /dev/sda1 ro,errors=remount-ro\n";
    let host = Host::v2();
    host.file("sys/dev/block/254:0/ro", "1\n");
    host.file("sys/dev/block/8:1/ro", "0\n");
    host.file("proc/1/mountinfo", &format!("{CGROUP2}{mounts}"));
    host.file(
        "manifest.json",
        &format!(r#"{{"format":1,"frames":[{{"root":".","time_unix_ns":1,"monotonic_ns":1,"ticks_per_second":100,"statfs":{{"/":{PLAIN},"/data":{PLAIN}}}}}]}}"#),
    );
    let view = sample(&mut collector(host.path()));
    assert_eq!(devices(&view), ["/dev/sda1"]);
}

#[test]
fn used_reserved_blocks_and_sentinels_are_no_sizes() {
    let stat = r#"{"block_size":4096,"blocks":1000,"blocks_free":20,"blocks_available":18446744073709551611,"files":18446744073709551615,"files_free":18446744073709551615}"#;
    let (_host, view) = recorded("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n", &[("/", stat)]);
    let root = view.find("filesystem", "/dev/sda1").unwrap();
    assert_eq!(root.gauge("fs.capacity_bytes"), Some(4_096_000.0));
    assert_eq!((root.gauge("fs.free_bytes"), root.gauge("fs.available_bytes")), (Some(81_920.0), Some(0.0)));
    assert_eq!((root.gauge("fs.inodes"), root.gauge("fs.inodes_free")), (None, None));
}

#[test]
fn each_zfs_dataset_is_a_file_system() {
    let mounts = "1 0 0:27 / / rw - zfs rpool/root rw\n2 1 0:41 / /srv rw - zfs tank/srv rw\n3 1 0:41 /a /mnt rw - zfs tank/srv rw\n";
    let (_host, view) = recorded(mounts, &[("/", PLAIN), ("/srv", PLAIN), ("/mnt", PLAIN)]);
    assert_eq!(devices(&view), ["rpool/root", "tank/srv"]);
}

#[test]
fn a_mount_table_of_many_megabytes_is_read_completely() {
    let mut mounts = String::new();
    for index in 0..40_000 {
        let layers = "/var/lib/containerd/snapshots/1/fs:".repeat(7);
        writeln!(mounts, "9 1 0:99 / /c/{index} rw - overlay overlay rw,lowerdir={layers}/l,upperdir=/u")
            .unwrap();
        if index < 600 {
            writeln!(mounts, "8 1 8:1 /b /kubelet/{index} rw - ext4 /dev/sda1 rw").unwrap();
        }
    }
    mounts.push_str("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:16 / /volume rw - xfs /dev/sdb rw\n");
    assert!(mounts.len() > 11_000_000);
    let (_host, view) = recorded(&mounts, &[("/", PLAIN), ("/volume", PLAIN)]);
    view.no_problems();
    assert_eq!(devices(&view), ["/dev/sda1", "/dev/sdb"]);
    assert_eq!(view.report.cgroups, 3);
}

#[test]
fn a_malformed_row_is_skipped() {
    let long = "x".repeat(300 * 1024);
    for malformed in ["this is no mount", "9 1 0:1 / /x rw", long.as_str(), ""] {
        let mounts = format!(
            "{malformed}\n1 0 8:1 / / rw - ext4 /dev/sda1 rw\n{malformed}\n2 1 8:16 / /v rw - xfs /dev/sdb rw\n"
        );
        let (_host, view) = recorded(&mounts, &[("/", PLAIN), ("/v", PLAIN)]);
        assert_eq!(devices(&view), ["/dev/sda1", "/dev/sdb"]);
        let [problem] = &view.report.problems[..] else { panic!("{:?}", view.report.problems) };
        assert_eq!((problem.source, problem.path.as_str()), ("proc", "/proc/1/mountinfo"));
        assert!(problem.error.starts_with("line 2: "), "{}", problem.error);
    }
}

#[test]
fn without_a_mount_list_the_default_mount_point_is_used() {
    for unreadable in [true, false] {
        let host = Host::v2();
        host.file("sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
        fs::remove_file(host.path().join("proc/1/mountinfo")).unwrap();
        if unreadable {
            // even root cannot read a directory as a file
            fs::create_dir(host.path().join("proc/1/mountinfo")).unwrap();
        }
        let view = sample(&mut collector(host.path()));
        assert_eq!(view.report.cgroups, 3);
        let paths: Vec<_> = view.report.problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["/proc/1/mountinfo", "/sys/fs/cgroup"]);
    }
    let host = Host::bare("");
    fs::remove_file(host.path().join("proc/1/mountinfo")).unwrap();
    host.file("sys/fs/cgroup/cpu,cpuacct/kubepods/podx/cpuacct.usage", "5\n");
    host.file("sys/fs/cgroup/memory/kubepods/podx/memory.usage_in_bytes", "4096\n");
    let view = sample(&mut collector(host.path()));
    assert_eq!(view.node().attribute("cgroup.version"), Some("1"));
    let pod = view.find("cgroup", "kubepods/podx").unwrap();
    assert_eq!((pod.current("cpu.usage_ns"), pod.gauge("memory.usage_bytes")), (Some(5), Some(4096.0)));
}
